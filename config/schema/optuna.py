"""A study of hyperparameters: what is varied, how, and by what a trial is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from config.schema.checks import at_least, one_of, require

KINDS = ("float", "int", "categorical")
SAMPLERS = ("tpe", "cmaes", "gp", "random", "qmc")
PRUNERS = ("median", "patient", "hyperband", "none")
SECOND_OBJECTIVES = ("none", "drawdown")


@dataclass
class ParameterConfig:
    """One parameter of the space; its name is the full configuration key, or a group whose options are the choices."""

    kind: str = MISSING  # float | int | categorical
    low: float | None = MISSING  # of numbers, included
    high: float | None = MISSING  # of numbers, included
    log: bool = MISSING  # drawn evenly by its logarithm
    step: float | None = MISSING  # of numbers; null: 1 for int, none for float
    choices: list[Any] = MISSING  # of categorical: numbers, words, or lists such as [600, 1200]
    when: dict[str, list[Any]] = MISSING  # only where those parameters have one of these values; empty: always

    def __post_init__(self) -> None:
        one_of("optuna.space.kind", self.kind, KINDS)
        if self.kind == "categorical":
            require(len(self.choices) > 0, "optuna.space.choices is empty; list at least one value")
            return
        low, high = self.low, self.high
        require(low is not None and high is not None, f"optuna.space.low and high are {low} and {high}; give both")
        assert low is not None and high is not None
        require(low <= high, f"optuna.space.low is {low}; use {high} (high) or less")
        require(not self.log or low > 0, f"optuna.space.low is {low}; with log use more than 0")
        require(not (self.log and self.step), f"optuna.space.step is {self.step}; with log use null")
        require(self.step is None or self.step > 0, f"optuna.space.step is {self.step}; use null or a positive one")
        if self.kind == "int":
            for name, value in (("low", low), ("high", high), ("step", self.step or 1)):
                require(float(value).is_integer(), f"optuna.space.{name} is {value}; an int has a whole number")


@dataclass
class SamplerConfig:
    """What chooses the next point. A trial's draws depend on the seed, its number and the trials before it."""

    kind: str = MISSING  # tpe | cmaes (numbers only, no constraints) | gp | random | qmc
    startup_trials: int = MISSING  # drawn at random before it learns
    seed: int = MISSING

    def __post_init__(self) -> None:
        one_of("optuna.sampler.kind", self.kind, SAMPLERS)
        at_least("optuna.sampler", self, 1, "startup_trials")


@dataclass
class PrunerConfig:
    """What ends a trial early, by the scores on the way."""

    kind: str = MISSING  # median | patient (no better score for so long, then the median) | hyperband | none
    startup_trials: int = MISSING  # finished before any is pruned
    warmup: int = MISSING  # evaluations that no trial is pruned before
    patience: int = MISSING  # evaluations without a better score, of patient
    reduction: int = MISSING  # one in so many goes on to the next rung, of hyperband

    def __post_init__(self) -> None:
        one_of("optuna.pruner.kind", self.kind, PRUNERS)
        at_least("optuna.pruner", self, 0, "startup_trials", "warmup", "patience")
        at_least("optuna.pruner", self, 2, "reduction")


@dataclass
class BudgetConfig:
    """What a trial, and the study, may take."""

    steps: int = MISSING  # environment steps of a training
    evaluations: int = MISSING  # scores of a training, the last one included
    hours: float = MISSING  # no trial is begun after so long; 0: no limit

    def __post_init__(self) -> None:
        at_least("optuna.budget", self, 1, "steps", "evaluations")
        at_least("optuna.budget", self, 0, "hours")


@dataclass
class ConstraintConfig:
    """A limit that a trial has to keep; one that does not is told to the sampler and is never the best."""

    measure: str = MISSING  # of scripts/optimise/measures.py
    least: float | None = MISSING
    most: float | None = MISSING

    def __post_init__(self) -> None:
        given = (self.least is None) != (self.most is None)
        require(given, f"optuna.objective.constraints[{self.measure}] needs either least or most; the other is null")


@dataclass
class ObjectiveConfig:
    """What a trial is judged by: validation sessions only, never what it was trained on or for."""

    draws: int = MISSING  # of the bootstraps behind the lower bound
    second: str = MISSING  # none | drawdown: also as small a drawdown as can be; there is no best then, but a front
    constraints: list[ConstraintConfig] = MISSING
    conditions: dict[str, list[str]] = MISSING  # name -> key=value words; each is validated, the worst one counts

    def __post_init__(self) -> None:
        at_least("optuna.objective", self, 100, "draws")
        one_of("optuna.objective.second", self.second, SECOND_OBJECTIVES)
        require(len(self.conditions) > 0, 'optuna.objective.conditions is empty; use {"as configured": []}')


@dataclass
class TransferConfig:
    """What is taken over from another study, once `transfer` has written it down."""

    source: str = MISSING  # its file in config/optuna, or none
    top: int = MISSING  # trials of it that are tried again first
    refine: list[str] = MISSING  # its parameters that are varied again, closely around the best; the others are fixed
    share: float = MISSING  # of its range (of its logarithm's), for those

    def __post_init__(self) -> None:
        at_least("optuna.transfer", self, 0, "top")
        require(0 < self.share <= 1, f"optuna.transfer.share is {self.share}; use more than 0, at most 1")


@dataclass
class StudyConfig:
    """A study. Words that begin with `optuna.` change it, other key=value words change what every trial trains."""

    name: str = MISSING  # in the storage, and the group of its runs
    base: str = MISSING  # the configuration that every trial trains
    curriculum: str = MISSING  # option of config/curriculum
    words: list[str] = MISSING  # key=value, in every trial
    space: dict[str, ParameterConfig] = MISSING
    start_with_base: bool = MISSING  # the first point is the configuration as it stands
    start: list[dict[str, Any]] = MISSING  # points that are tried next; what they leave out is drawn
    sampler: SamplerConfig = MISSING
    pruner: PrunerConfig = MISSING
    trials: int = MISSING  # in all, whatever became of them
    budget: BudgetConfig = MISSING
    seeds: int = MISSING  # trainings a trial, with seeds 0 to N - 1
    objective: ObjectiveConfig = MISSING
    transfer: TransferConfig = MISSING
    jobs: int = MISSING  # worker processes on this machine; they share cores and GPUs evenly
    threads: int = MISSING  # of a training; 0: the worker's share of the cores
    storage: str = MISSING  # URL of a database, or the path of a journal (.log) that all machines see
    retries: int = MISSING  # how often a trial that dies without getting any further is taken up again
    grace_s: float = MISSING  # a trial of another machine that has not been heard of for so long is taken over

    def __post_init__(self) -> None:
        require(self.name.replace("_", "").isalnum(), f"optuna.name is {self.name!r}; use letters, digits and _")
        at_least("optuna", self, 1, "trials", "seeds", "jobs", "grace_s")
        at_least("optuna", self, 0, "threads", "retries")
        require(len(self.space) > 0, "optuna.space is empty; name at least one parameter")
        for name, parameter in self.space.items():
            missing = [other for other in parameter.when if other not in self.space]
            require(not missing, f"optuna.space[{name}].when names {missing}; use parameters of the space")
        pruned = self.objective.second != "none" and self.pruner.kind != "none"
        require(not pruned, f"optuna.pruner.kind is {self.pruner.kind}; with two objectives use none")
        blind = self.sampler.kind == "cmaes" and len(self.objective.constraints) > 0
        require(not blind, "optuna.sampler.kind is cmaes, which ignores optuna.objective.constraints; use tpe or gp")
