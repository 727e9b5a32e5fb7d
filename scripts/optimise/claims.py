"""Who works on which trial: a trial whose worker is gone is taken up again under its own number, never counted twice.

On one machine a worker holds a lock on a file of the trial: whatever ends the process, the lock is gone. A trial of
another machine is taken over when nothing has been heard of it for a while; whoever loses it that way notices at its
next sign of life, and lets go.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from config.schema.optuna import StudyConfig
from scripts.optimise.storages import SQLITE
from utils.logger import get_logger

log = get_logger(__name__)
OWNER, ATTEMPTS, WHY = "owner", "attempts", "why"
"""Attributes of a trial: who has it, how far it was each time it was begun, why it came to nothing."""
SURPLUS = "surplus"


class LostTrialError(Exception):
    """Another machine has taken the trial over."""


class Claim:
    """A trial that is ours until `release`, or until this process ends."""

    def __init__(self, handle: int, grace_s: float) -> None:
        self._handle, self._grace_s = handle, grace_s
        self._me = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
        self._beaten = 0.0

    def take(self, trial: optuna.Trial) -> None:
        """Write down whose it is."""
        self._beaten = time.time()
        trial.set_user_attr(OWNER, {"who": self._me, "host": socket.gethostname(), "at": self._beaten})

    def beat(self, trial: optuna.Trial) -> None:
        """A sign of life, where one is due. Raises LostTrialError if somebody else has the trial."""
        if time.time() - self._beaten < self._grace_s / 10:
            return
        known = _owner(trial.study.get_trials(deepcopy=False)[trial.number])
        if known.get("who") != self._me:
            raise LostTrialError(f"trial {trial.number} is now with {known.get('who')}")
        self.take(trial)

    def release(self) -> None:
        """It is over, or others may go on with it."""
        os.close(self._handle)


class Taken(NamedTuple):
    """A trial to work on."""

    trial: optuna.Trial
    claim: Claim
    again: bool
    """Whether somebody had begun it before."""


def next_trial(study: Study, config: StudyConfig, place: Path) -> Taken | None:
    """A trial that was left behind, else a new one; None if all are done or in work.

    place: the study's folder on this machine.
    """
    with _alone(place / "ask.lock"):
        for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if (claim := _claimed(left, study, config, place)) is not None:
                trial = optuna.Trial(study, left._trial_id)  # pyright: ignore[reportPrivateUsage] - nothing else goes on with one
                claim.take(trial)
                return Taken(trial, claim, again=True)
        trials = study.get_trials(deepcopy=False)
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING and trial.number < config.trials]
        if len(trials) >= config.trials and not waiting:
            return None
        trial = study.ask()
        if trial.number >= config.trials:  # another machine was quicker
            trial.set_user_attr(WHY, SURPLUS)
            study.tell(trial, state=TrialState.FAIL)
            return None
        claim = _locked(_lock(place, trial.number), config)
        assert claim is not None, "the lock of a new trial is free: only one process of this machine asks at a time"
        claim.take(trial)
        return Taken(trial, claim, again=False)


def unfinished(study: Study, config: StudyConfig) -> int:
    """Trials that are still to be done: in work, left behind, waiting or not begun."""
    over = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished() and counts(trial)]
    return max(0, config.trials - len(over))


def counts(trial: FrozenTrial) -> bool:
    """Whether it is one of the study's; one that was begun beyond its end is not."""
    return trial.user_attrs.get(WHY) != SURPLUS


def _owner(trial: FrozenTrial) -> dict[str, Any]:
    return trial.user_attrs.get(OWNER) or {}


def _claimed(left: FrozenTrial, study: Study, config: StudyConfig, place: Path) -> Claim | None:
    """The claim on a running trial, if nobody works on it."""
    owner = _owner(left)
    here = owner.get("host", socket.gethostname()) == socket.gethostname()
    if not owner:  # it died between two lines: on this machine, if no other can write there
        here = config.storage.startswith(SQLITE)
    begun = left.datetime_start.timestamp() if left.datetime_start else 0.0
    if not here and time.time() - owner.get("at", begun) < config.grace_s:
        return None
    claim = _locked(_lock(place, left.number), config)
    if claim is None:
        return None
    if study.get_trials(deepcopy=False)[left.number].state != TrialState.RUNNING:  # it ended meanwhile
        claim.release()
        return None
    return claim


def _lock(place: Path, number: int) -> Path:
    return place / "locks" / f"{number:05d}"


def _locked(path: Path, config: StudyConfig) -> Claim | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return Claim(handle, config.grace_s)


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """One process of this machine at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
