"""Studies in their storage: made, opened again, and refused where their values would not compare."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, PatientPruner
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from config.schema.optuna import PrunerConfig, SamplerConfig, StudyConfig
from scripts.optimise.attributes import VIOLATIONS
from scripts.optimise.storages import without_password
from utils.errors import ConfigError, ModelError, nearest
from utils.seeding import key

DEFINITION = "definition"
"""Attribute of a study: what its values depend on, beside the point."""
ABOUT = "about"
"""Attribute of a study: what it takes to run its best trial again."""
FROM = "from"
"""Attribute of a trial, and key of a point that is tried first: where it comes from."""


def _samplers(config: SamplerConfig) -> dict[str, Callable[[int], BaseSampler]]:
    """By kind, from a seed."""
    startup = config.startup_trials
    quiet: dict[str, Any] = {"warn_independent_sampling": False}
    return {
        "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=startup, multivariate=True, group=True),
        "cmaes": lambda seed: CmaEsSampler(seed=seed, n_startup_trials=startup, **quiet),
        "gp": lambda seed: GPSampler(seed=seed, n_startup_trials=startup, deterministic_objective=False, **quiet),
        "random": lambda seed: RandomSampler(seed=seed),
        "qmc": lambda seed: QMCSampler(seed=seed, scramble=True, warn_asynchronous_seeding=False, **quiet),
    }


class SeededSampler(BaseSampler):
    """A sampler whose draws for a trial follow from the seed, the trial's number and the trials before it.

    So a study that is interrupted, or shared by workers, asks for the same points as one that is not. A sequence (QMC)
    keeps its seed: its points are numbered in the storage.
    """

    def __init__(self, config: SamplerConfig) -> None:
        self._make = _samplers(config)[config.kind]
        self._seed, self._sequence = config.seed, config.kind == "qmc"
        self._inner = self._make(self._key(0))

    def _key(self, number: int, name: str = "") -> int:
        return key(self._seed, "optuna", 0 if self._sequence else number, name) % 2**32

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """A sampler anew."""
        self._inner = self._make(self._key(trial.number))
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler does."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the sampler does."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As the sampler does, from a stream of the parameter's own: those that are known already do not matter."""
        inner = self._inner if self._sequence else self._make(self._key(trial.number, param_name))
        return inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """As the sampler does."""
        self._inner.after_trial(study, trial, state, values)


def make_pruner(config: PrunerConfig, evaluations: int) -> BasePruner:
    """evaluations: of a whole trial; scores are numbered from 1."""
    median = MedianPruner(n_startup_trials=config.startup_trials, n_warmup_steps=config.warmup + 1)
    made: dict[str, Callable[[], BasePruner]] = {
        "median": lambda: median,
        "patient": lambda: PatientPruner(median, patience=config.patience),
        "hyperband": lambda: HyperbandPruner(
            min_resource=1, max_resource=max(2, evaluations), reduction_factor=config.reduction
        ),
        "none": NopPruner,
    }
    return made[config.kind]()


def open_study(
    config: StudyConfig, storage: BaseStorage, definition: Mapping[str, Any], start: Sequence[Mapping[str, Any]] = ()
) -> Study:
    """The study of that name, made if need be. definition: all that its values depend on, by key; start: points that
    are tried before those of `config`.

    Raises ConfigError, naming the keys, if it was begun with another definition: its values would not compare.
    """
    two = config.objective.second != "none"
    directions = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE] if two else [StudyDirection.MAXIMIZE]
    study = optuna.create_study(
        study_name=config.name,
        storage=storage,
        sampler=SeededSampler(config.sampler),
        pruner=make_pruner(config.pruner, config.budget.evaluations * config.seeds),
        directions=directions,
        load_if_exists=True,
    )
    about = {"base": config.base, "steps": config.budget.steps, "trials": config.trials, "seeds": config.seeds}
    if study.user_attrs.get(ABOUT) != about:
        study.set_user_attr(ABOUT, about)
    known = study.user_attrs.get(DEFINITION)
    if known is None:
        study.set_user_attr(DEFINITION, dict(definition))
        study.set_user_attr("begun", dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
        study.set_metric_names(["net $ per session, lower bound", *(["drawdown"] if two else [])])
        _enqueue(study, [*start, *config.start])
        return study
    unlike = [name for name in {**known, **definition} if known.get(name) != definition.get(name)]
    if unlike:
        told = "; ".join(f"{name} was {known.get(name)}, is {definition.get(name)}" for name in unlike[:3])
        raise ConfigError(
            f"the study {config.name} was begun under other conditions, its values would not compare: {told}",
            where=without_password(config.storage),
            fix=f"take the change back, or begin another study: optuna.name={config.name}_2",
        )
    return study


def _enqueue(study: Study, points: Sequence[Mapping[str, Any]]) -> None:
    for point in points:
        values = dict(point)
        origin = values.pop(FROM, "the study file")
        study.enqueue_trial(values, user_attrs={FROM: origin})


def find_study(storage: BaseStorage, name: str, where: str) -> Study:
    """A study that there is. Raises ModelError with the nearest names."""
    names = [study.study_name for study in storage.get_all_studies()]
    if name not in names:
        near = nearest(name, names)
        fix = f"use one of: {', '.join(names)}" if names else "./fx optuna-foundation begins the first one"
        raise ModelError(f"there is no study {name!r}", where=without_password(where), near=near, fix=fix)
    return optuna.load_study(study_name=name, storage=storage)


def finished(study: Study) -> list[FrozenTrial]:
    """Trials that went through to the end, by number."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def feasible(trial: FrozenTrial) -> bool:
    """Whether it keeps every constraint."""
    return all(value <= 0 for value in cast("dict[str, float]", trial.user_attrs.get(VIOLATIONS, {})).values())


def ranked(study: Study) -> list[FrozenTrial]:
    """Finished trials that keep the constraints, the best first; with two objectives by the lower bound alone.

    Of equals the earlier one.
    """
    return sorted(filter(feasible, finished(study)), key=lambda trial: (-trial.values[0], trial.number))
