"""The space of a study: its parameters as Optuna has them, drawn one by one, and as values of a configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from config.compose import Composed
from config.schema import Config
from config.schema.optuna import ParameterConfig, StudyConfig
from config.search import group_options
from utils.errors import ConfigError, nearest

SEARCHABLE = ("training", "model", "reward", "env", "curriculum", "simulation")
"""Groups that a space may vary. All trials share one market: its days, features and split are not theirs to choose."""
BUDGETED = ("training.total_steps", "training.evaluate_every", "training.resume", "training.continue_from")
"""Keys that the study sets itself."""
Point = dict[str, Any]
"""Value by parameter; a choice that is a list is its JSON, which every storage can hold."""


def distribution(parameter: ParameterConfig) -> BaseDistribution:
    """As Optuna has it."""
    if parameter.kind == "categorical":
        return CategoricalDistribution([stored(choice) for choice in parameter.choices])
    assert parameter.low is not None and parameter.high is not None
    if parameter.kind == "int":
        step = int(parameter.step or 1)
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log, step=step)
    return FloatDistribution(float(parameter.low), float(parameter.high), log=parameter.log, step=parameter.step)


def stored(choice: Any) -> Any:
    """A choice as a storage can hold it."""
    return json.dumps(choice) if isinstance(choice, list) else choice


def given(choice: Any) -> Any:
    """Inverse of `stored`."""
    return json.loads(choice) if isinstance(choice, str) and choice.startswith("[") else choice


def drawn(trial: optuna.Trial, space: Mapping[str, ParameterConfig]) -> Point:
    """A point: every parameter whose conditions hold, in the order of the space."""
    point: Point = {}
    for name, parameter in space.items():
        if not holds(parameter, point):
            continue
        kind = distribution(parameter)
        if isinstance(kind, CategoricalDistribution):
            point[name] = trial.suggest_categorical(name, kind.choices)
        elif isinstance(kind, IntDistribution):
            point[name] = trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log)
        elif isinstance(kind, FloatDistribution):
            point[name] = trial.suggest_float(name, kind.low, kind.high, step=kind.step, log=kind.log)
    return point


def holds(parameter: ParameterConfig, point: Mapping[str, Any]) -> bool:
    """Whether a point has the values that the parameter needs to matter."""
    return all(
        name in point and point[name] in [stored(value) for value in values] for name, values in parameter.when.items()
    )


class Variants:
    """The configurations that points of a study amount to."""

    def __init__(self, study: StudyConfig, words: list[str]) -> None:
        """words: key=value for every trial beside the study's own. Raises ConfigError for what does not compose."""
        self._base = study.base
        self.words = last_of_each([f"curriculum={study.curriculum}", *study.words, *words])
        self._composed: dict[tuple[str, ...], Composed] = {}
        self._groups = group_options()

    def config(self, point: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> Config:
        """Of a point; more: values by full key on top."""
        chosen = self.group_words(point)
        if chosen not in self._composed:
            self._composed[chosen] = Composed(self._base, [*self.words, *chosen])
        return self._composed[chosen].config({**self.values(point), **(more or {})})

    def values(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Values by full key, without what chooses an option of a group."""
        return {name: given(value) for name, value in point.items() if not self._is_group(name)}

    def group_words(self, point: Mapping[str, Any]) -> tuple[str, ...]:
        """`group=option` of those parameters that choose one."""
        return tuple(f"{name}={value}" for name, value in point.items() if self._is_group(name))

    def _is_group(self, name: str) -> bool:
        return name.replace(".", "/") in self._groups


def last_of_each(words: Iterable[str]) -> list[str]:
    """key=value words with each key once: the last one counts."""
    return list({word.partition("=")[0]: word for word in words}.values())


def check_space(study: StudyConfig, variants: Variants) -> None:
    """Refuse a space of which a point could not be trained, before anything is. ConfigError names the parameter."""
    for name in study.space:
        group = name.partition(".")[0].partition("/")[0]
        if group not in SEARCHABLE or name in BUDGETED:
            near = nearest(name, SEARCHABLE) if group not in SEARCHABLE else ()
            what = f"{name} cannot be varied: " + ("the study sets it" if name in BUDGETED else "trials share a market")
            raise ConfigError(what, where="optuna.space", near=near, fix=f"use keys of {', '.join(SEARCHABLE)}")
    for point in corners(study.space):
        try:
            config = variants.config(point)
            heads, width = config.model.heads, config.model.d_model
            if width % heads:
                raise ConfigError(f"model.d_model ({width}) is not a multiple of model.heads ({heads})")
        except ConfigError as why:
            told = ", ".join(f"{name}={value}" for name, value in point.items())
            what = f"the space holds points that cannot be trained: {why.what}"
            raise ConfigError(what, where=f"optuna.space at {told}", near=why.near, fix=why.fix or "narrow it") from why


def corners(space: Mapping[str, ParameterConfig]) -> Iterator[Point]:
    """Points that show what does not fit: every parameter at its ends or choices, alone and all together."""
    first = {name: _ends(parameter)[0] for name, parameter in space.items()}
    last = {name: _ends(parameter)[-1] for name, parameter in space.items()}
    for at in (first, last):
        yield {name: value for name, value in at.items() if holds(space[name], at)}
    for name, parameter in space.items():
        if len(_ends(parameter)) > 2 or parameter.when:
            for value in _ends(parameter):
                yield {**{other: _given_when(values) for other, values in parameter.when.items()}, name: value}
    yield from _crossed(space, "model.d_model", "model.heads")
    yield from _crossed(space, "training.batch_size", "training.n_steps")


def _crossed(space: Mapping[str, ParameterConfig], one: str, other: str) -> Iterator[Point]:
    """Every pair of the ends or choices of two parameters that have to fit each other."""
    if one in space and other in space:
        for a in _ends(space[one]):
            for b in _ends(space[other]):
                point = {one: a, other: b}
                if all(holds(space[name], point) for name in point):
                    yield point


def _given_when(values: list[Any]) -> Any:
    return stored(values[0])


def _ends(parameter: ParameterConfig) -> list[Any]:
    kind = distribution(parameter)
    if isinstance(kind, CategoricalDistribution):
        return list(kind.choices)
    assert isinstance(kind, FloatDistribution | IntDistribution)
    return [kind.low, kind.high]


def fitting(space: Mapping[str, ParameterConfig], point: Mapping[str, Any]) -> Point:
    """The point as the space can hold it: numbers moved into their range, what is no choice or not known left out."""
    made: Point = {}
    for name, parameter in space.items():
        if name not in point or not holds(parameter, {**point, **made}):
            continue
        value, kind = stored(point[name]), distribution(parameter)
        if isinstance(kind, CategoricalDistribution):
            if value in kind.choices:
                made[name] = value
        elif isinstance(kind, FloatDistribution | IntDistribution):
            inside = min(max(value, kind.low), kind.high)
            if kind.step:
                inside = kind.low + round((inside - kind.low) / kind.step) * kind.step
            made[name] = int(inside) if isinstance(kind, IntDistribution) else float(inside)
    return made
