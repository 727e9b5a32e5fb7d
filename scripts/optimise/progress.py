"""How far a study is: a line for each trial that ends, with the best so far and the time that is left."""

from __future__ import annotations

import time

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from config.schema.optuna import StudyConfig
from scripts.optimise.attributes import VIOLATIONS
from scripts.optimise.claims import WHY, counts
from scripts.optimise.studies import ranked
from utils.logger import get_logger

log = get_logger(__name__)


class Progress:
    """Tells what is new in the storage, whoever did it."""

    def __init__(self, study: Study, config: StudyConfig) -> None:
        self.study, self._config = study, config
        self._told = {trial.number for trial in self._over()}
        self._before, self._began = len(self._told), time.monotonic()

    def begin(self, place: str) -> None:
        """What is going to be done."""
        config = self._config
        log.info(
            "study %s: %d of %d trials are done; %d worker%s, %s steps a trial, logs and pictures in %s",
            config.name,
            self._before,
            config.trials,
            config.jobs,
            "" if config.jobs == 1 else "s",
            f"{config.budget.steps * config.seeds:,}",
            place,
        )

    def nothing_to_do(self) -> None:
        """All trials were done before."""
        log.info("study %s: all %d trials are done; optuna.trials=N adds more", self._config.name, self._config.trials)

    def look(self) -> None:
        """A line for each trial that has ended since the last look."""
        over = self._over()
        for trial in over:
            if trial.number not in self._told:
                self._told.add(trial.number)
                log.info("%s%s%s", told(trial), self._best(), self._left(len(self._told)))

    def _over(self) -> list[FrozenTrial]:
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if trial.state.is_finished() and counts(trial)]

    def _best(self) -> str:
        best = ranked(self.study)
        return f"; best {best[0].values[0]:+,.2f} $ (trial {best[0].number})" if best else ""

    def _left(self, done: int) -> str:
        new, left = done - self._before, self._config.trials - done
        seconds = (time.monotonic() - self._began) / max(new, 1) * left
        return f"; {left} to go" + (f", about {seconds / 60:,.0f} min" if left and seconds >= 90 else "")


def told(trial: FrozenTrial) -> str:
    """How a trial ended, in words."""
    known = trial.intermediate_values
    if trial.state == TrialState.COMPLETE:
        lost = [name for name, amount in trial.user_attrs.get(VIOLATIONS, {}).items() if amount > 0]
        return f"trial {trial.number}: {trial.values[0]:+,.2f} $" + (f" (breaks {', '.join(lost)})" if lost else "")
    if trial.state == TrialState.PRUNED and known:
        last = max(known)
        return f"trial {trial.number}: pruned at {known[last]:+,.2f} $ after {last} evaluations"
    return f"trial {trial.number}: {trial.state.name.lower()}: {trial.user_attrs.get(WHY, 'no reason known')}"
