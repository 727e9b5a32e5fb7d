"""Which checkpoints of a run are scored on the validation days, what came of it, and when enough is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Evaluator(Protocol):
    """Scores checkpoints while training goes on."""

    def start(self, number: int) -> None:
        """Begin to score the checkpoint after `number` rollouts."""
        ...

    def score(self, number: int) -> float:
        """Its score, waited for if need be."""
        ...


class Score(NamedTuple):
    """What a checkpoint is worth."""

    number: int
    """Rollouts of the run after which it was made."""
    step: int
    """Environment steps in the model's life."""
    value: float
    """Higher is better."""


class Evaluations:
    """One checkpoint in `every` rollouts is scored; its score is taken when the next one is due.

    So it is not waited for, and yet all that follows from it (the best one, an early end) happens at fixed rollouts,
    however long scoring takes.
    """

    def __init__(self, every: int, patience: int, evaluator: Evaluator) -> None:
        """every: 0 for never; patience: scores in a row without a new best that end the run, 0 for never."""
        self._every, self._patience, self._evaluator = every, patience, evaluator
        self._pending: Score | None = None  # its value is not known yet
        self.best: Score | None = None
        """So far, the earliest of equals."""
        self.count = 0
        """Scores so far."""
        self.since_best = 0
        """Scores since the best one."""

    def due(self, rollouts: int) -> bool:
        """Whether the checkpoint after `rollouts` rollouts is to be scored."""
        return self._every > 0 and rollouts % self._every == 0 and not self.exhausted

    @property
    def exhausted(self) -> bool:
        """Whether training is to end early."""
        return 0 < self._patience <= self.since_best

    @property
    def held(self) -> set[int]:
        """Numbers of the checkpoints that are still needed."""
        return {score.number for score in (self._pending, self.best) if score is not None}

    def announce(self, number: int, step: int) -> None:
        """That checkpoint is going to be scored: called before it is saved, so that it knows of itself."""
        self._pending = Score(number, step, math.nan)

    def start(self) -> None:
        """It has been saved."""
        if self._pending is not None:
            self._evaluator.start(self._pending.number)

    def withdraw(self) -> None:
        """It could not be saved."""
        self._pending = None

    def collect(self) -> Score | None:
        """The score of the last one announced, waited for; None if there is none to come."""
        if self._pending is None:
            return None
        score = self._pending._replace(value=self._evaluator.score(self._pending.number))
        self._pending = None
        self.count += 1
        if self.best is None or score.value > self.best.value:
            self.best, self.since_best = score, 0
        else:
            self.since_best += 1
        return score

    # ------------------------------------------------------------ resuming
    def state(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "pending": None if self._pending is None else [self._pending.number, self._pending.step],
            "best": None if self.best is None else list(self.best),
            "count": self.count,
            "since": self.since_best,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state`; what was to come is scored again if need be."""
        self.best = None if state["best"] is None else Score(*state["best"])
        self.count, self.since_best = int(state["count"]), int(state["since"])
        self._pending = None
        if state["pending"] is not None:
            self.announce(*state["pending"])
            self.start()
