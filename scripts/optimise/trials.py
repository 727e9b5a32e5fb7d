"""A trial: a point is drawn, trained once a seed, judged on the validation days, and told to the study."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from optuna.study import Study
from optuna.trial import TrialState

from config.schema import Config
from config.schema.optuna import StudyConfig
from scripts.optimise.attributes import (
    FIGURES,
    FOLDERS,
    LAST,
    OUTCOMES,
    OVERHEAD_S,
    POINT,
    TRAINED_S,
    VIOLATIONS,
    WORDS,
)
from scripts.optimise.claims import ATTEMPTS, WHY, Claim, Taken
from scripts.optimise.evaluator import last_outcome
from scripts.optimise.measures import (
    Outcome,
    drawdown,
    mean,
    objective,
    outcome_of,
    plain_outcome,
    trips_per_session,
    violations,
)
from scripts.optimise.spaces import Point, drawn
from scripts.optimise.workbench import PRUNED, Watch, Workbench
from scripts.runs import CHECKPOINTS, RESULT, run_folder
from scripts.training import train_model
from utils.errors import ConfigError, TrainingError
from utils.logger import get_logger
from utils.paths import anchored, shown

log = get_logger(__name__)


class Told(NamedTuple):
    """How a trial ended."""

    number: int
    state: TrialState
    value: float | None
    """Lower bound; of one that was pruned the last one."""


class Trial:
    """One that is being worked on."""

    def __init__(self, bench: Workbench, study: Study, taken: Taken, began: float) -> None:
        """began: when it was asked for, by time.perf_counter."""
        self._bench, self._study, self._began = bench, study, began
        self._trial, self._claim, self._again = taken.trial, taken.claim, taken.again
        self._config: StudyConfig = bench.study
        known = taken.trial.user_attrs
        self._outcomes: dict[str, Outcome] = {k: outcome_of(v) for k, v in known.get(OUTCOMES, {}).items()}
        self._folders: dict[str, str] = dict(known.get(FOLDERS, {}))
        self._reported = set(study.get_trials(deepcopy=False)[taken.trial.number].intermediate_values)
        self._pruned: Outcome = {}
        self._training_s = 0.0

    def run(self) -> Told:
        """To its end. Raises KeyboardInterrupt if it is stopped: the next worker goes on with it."""
        try:
            point = drawn(self._trial, self._config.space)
            self._note(WORDS, self._bench.variants.words)
            self._note(POINT, point)
            if self._hopeless():
                return self._tell(TrialState.FAIL, "it died again and again at the same place")
            for seed in range(self._config.seeds):
                if str(seed) in self._outcomes:
                    continue
                if self._train(point, seed) == PRUNED:
                    return self._tell(TrialState.PRUNED)
            return self._tell(TrialState.COMPLETE)
        except TrainingError as why:
            log.error("trial %d: %s", self._trial.number, why.what)
            return self._tell(TrialState.PRUNED, why.what)
        except ConfigError as why:
            log.error("trial %d: %s", self._trial.number, why.text())
            return self._tell(TrialState.FAIL, why.what)

    # ------------------------------------------------------------ training
    def _train(self, point: Point, seed: int) -> str:
        """Train with a seed, or go on with it; how that ended."""
        name = f"{self._config.name.replace('_', '-')}-t{self._trial.number:04d}-s{seed}"
        config = self._bench.config(point, seed, name)
        done = self._left(seed)
        if done is not None and (done / RESULT).is_file():
            stopped = json.loads((done / RESULT).read_text())
            if not stopped["interrupted"]:
                return self._ended(seed, done, stopped["stopped_by"])
        resume = str(done) if done is not None else ""
        config = replace(config, training=replace(config.training, resume=resume))
        watch = Watch(lambda number, outcome: self._scored(config, seed, number, outcome), self._beat)
        with run_folder(config) as folder:
            self._folders[str(seed)] = str(folder)
            self._note(FOLDERS, self._folders)
            trained = train_model(config, self._bench.market, folder, self._bench.bench(config, watch))
        self._training_s += watch.seconds
        if trained.interrupted:
            raise KeyboardInterrupt
        return self._ended(seed, folder, json.loads((folder / RESULT).read_text())["stopped_by"])

    def _left(self, seed: int) -> Path | None:
        """The folder of a training that was begun before and can go on, or has ended; what cannot is removed."""
        known = self._folders.get(str(seed))
        if known is None or not Path(known).is_dir():
            return None
        folder = Path(known)
        if (folder / RESULT).is_file() or any((folder / CHECKPOINTS).glob("r*")):
            return folder
        if folder.parent == anchored(self._bench.base.runs):  # made by us, and nothing in it
            shutil.rmtree(folder, ignore_errors=True)
        return None

    def _ended(self, seed: int, folder: Path, stopped_by: str) -> str:
        outcome = last_outcome(folder)
        if outcome is None:
            raise TrainingError("a training ended without a score", where=shown(folder))
        if stopped_by == PRUNED:
            self._pruned = outcome
            self._note(LAST, plain_outcome(outcome))
        else:
            self._outcomes[str(seed)] = outcome
            self._note(OUTCOMES, {name: plain_outcome(one) for name, one in self._outcomes.items()})
        return stopped_by

    def _hopeless(self) -> bool:
        """Whether it has died so often without getting any further that it is given up."""
        folders = [Path(folder) / CHECKPOINTS for folder in self._folders.values()]
        here = max((path.name for folder in folders for path in folder.glob("r*")), default="")
        attempts = [*self._trial.user_attrs.get(ATTEMPTS, []), f"{len(self._outcomes)} {here}"]
        self._note(ATTEMPTS, attempts)
        same = attempts[-(self._config.retries + 1) :]
        return len(attempts) > self._config.retries and len(set(same)) == 1 and self._again

    # ------------------------------------------------------------ scores
    def _scored(self, config: Config, seed: int, number: int, outcome: Outcome) -> bool:
        """Report a score on the way; whether the trial is to end here. Scores are numbered from 1, seed after seed."""
        if self._config.objective.second != "none":
            return False
        at = seed * self._config.budget.evaluations + -(-number // config.training.evaluate_every)
        if at not in self._reported:
            self._trial.report(self._on_the_way(outcome), at)
            self._reported.add(at)
        if at >= (seed + 1) * self._config.budget.evaluations:
            return False
        return at > self._config.pruner.warmup and self._trial.should_prune()

    def _on_the_way(self, outcome: Outcome) -> float:
        """The lower bound; of a policy that breaks a constraint, as if it had lost everything every session.

        One that does not trade would else look better than all that still lose while they learn.
        """
        config = self._config.objective
        if any(amount > 0 for amount in violations([outcome], config.constraints).values()):
            return -max(scored.capital for scored in outcome.values())
        return objective([outcome], config, self._config.sampler.seed)

    def _beat(self) -> None:
        self._claim.beat(self._trial)

    def _note(self, name: str, value: Any) -> None:
        if self._trial.user_attrs.get(name) != value:
            self._trial.set_user_attr(name, value)

    def _tell(self, state: TrialState, why: str = "") -> Told:
        """The study learns of it; what makes up the value is kept with it."""
        if why:
            self._note(WHY, why)
        values = self._values() if state == TrialState.COMPLETE else None
        judged = list(self._outcomes.values()) or [self._pruned] * bool(self._pruned)
        if judged:
            broken = violations(judged, self._config.objective.constraints)
            for name, amount in broken.items():
                self._trial.set_constraint(name, amount)
            self._note(VIOLATIONS, broken)
        self._note(TRAINED_S, round(self._training_s, 3))
        self._note(OVERHEAD_S, round(time.perf_counter() - self._began - self._training_s, 3))
        told = self._study.tell(self._trial, values, state)
        known = list(told.intermediate_values.values())
        return Told(told.number, told.state, told.values[0] if told.values else (known[-1] if known else None))

    def _values(self) -> list[float]:
        """Of a trial that has come to its end."""
        outcomes, config = list(self._outcomes.values()), self._config.objective
        figures = {"mean": mean, "drawdown": drawdown, "trips per session": trips_per_session}
        self._note(FIGURES, {name: figure(outcomes) for name, figure in figures.items()})
        value = objective(outcomes, config, self._config.sampler.seed)
        return [value, *([drawdown(outcomes)] if config.second != "none" else [])]


def run_trial(bench: Workbench, study: Study, take: Callable[[], Taken | None]) -> Told | None:
    """Take a trial and run it; None if there is none to take."""
    began = time.perf_counter()
    taken = take()
    if taken is None:
        return None
    claim: Claim = taken.claim
    try:
        return Trial(bench, study, taken, began).run()
    finally:
        claim.release()
