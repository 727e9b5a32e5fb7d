"""From one study to the next: what is fixed, what is looked at again closely, and which points are tried first.

All of it is written into a file of its own, to be read before it is used; what people wrote is never changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial

from config.compose import Composed, plain_config
from config.keys import leaves
from config.schema.optuna import ParameterConfig, StudyConfig
from config.search import group_options
from config.studies import NOTHING, load_study
from scripts.optimise.attributes import PLACES, POINT, WORDS
from scripts.optimise.spaces import fitting, given
from scripts.optimise.storages import open_storage
from scripts.optimise.studies import FROM, find_study, ranked
from utils.atomic import write_text
from utils.errors import ConfigError, ModelError
from utils.paths import anchored, shown

FOLDER = "transfer"
"""Beside the studies in the cache."""
ENABLED, WEIGHT = "enabled", "weight"


class Transfer(NamedTuple):
    """What one study takes from another."""

    words: list[str]
    """key=value: the best point, fixed."""
    space: dict[str, dict[str, Any]]
    """The whole space: the study's own, and what is varied again closely around the best."""
    start: list[dict[str, Any]]
    """The best trials as points of that space, the best first."""


def transfer_file(cache: str, target: str) -> Path:
    """Where what study file `target` takes over is written."""
    return anchored(cache) / "optuna" / FOLDER / f"{Path(target).stem}.yaml"


def transferred(cache: str, target: str, study: StudyConfig) -> dict[str, Any] | None:
    """What was written for `target`; None if it takes nothing over. Raises ConfigError if it is still to be written."""
    if study.transfer.source == NOTHING:
        return None
    path = transfer_file(cache, target)
    if not path.is_file():
        fix = f"python optuna_optimization.py transfer {study.transfer.source} {target}, or optuna.transfer.source=none"
        what = f"{study.name} builds on {study.transfer.source}, and nothing was taken over from there yet"
        raise ConfigError(what, where=shown(path), fix=fix)
    told: Any = OmegaConf.to_container(OmegaConf.load(path))
    return {name: told[name] for name in Transfer._fields}


def take_over(source: Study, source_space: Mapping[str, ParameterConfig], target: StudyConfig) -> Transfer:
    """What `target` takes from the best trials of `source`. Raises ModelError if none has come to its end."""
    best = ranked(source)[: max(1, target.transfer.top)]
    if not best:
        raise ModelError(
            f"no trial of {source.study_name} came to its end and kept its constraints",
            where=f"{len(source.get_trials(deepcopy=False))} trials",
            fix="run more trials, or loosen optuna.objective.constraints",
        )
    values = [_known(trial, target.base) for trial in best]
    refined = {
        name: _closely(_range_of(name, source_space, target), _value(values[0], name), target.transfer.share)
        for name in target.transfer.refine
    }
    space = {**{name: dict(one.__dict__) for name, one in target.space.items()}, **refined}
    parameters = {name: ParameterConfig(**one) for name, one in space.items()}
    fixed = {name: value for name, value in best[0].user_attrs[POINT].items() if name not in space}
    words = [word for word in _inherited(best[0], target) if word.partition("=")[0] not in space]
    start: list[dict[str, Any]] = []
    for trial, known in zip(best[: target.transfer.top], values, strict=False):
        point = fitting(parameters, {name: value for name in space if (value := _value(known, name)) is not None})
        if point not in [{k: v for k, v in one.items() if k != FROM} for one in start]:
            start.append({FROM: f"{source.study_name} trial {trial.number}", **point})
    return Transfer([*words, *(f"{name}={value}" for name, value in fixed.items())], space, start)


def _inherited(trial: FrozenTrial, target: StudyConfig) -> list[str]:
    """What the source's trials had fixed themselves, but for what the target's file sets or every study has."""
    own = {word.partition("=")[0] for word in target.words} | {"curriculum", *PLACES}
    return [word for word in trial.user_attrs[WORDS] if word.partition("=")[0] not in own]


def _value(known: Mapping[str, Any], name: str) -> Any:
    """Of a configuration by full key; a component of the reward that is switched off weighs 0."""
    if name.endswith(f".{WEIGHT}") and known.get(f"{name.removesuffix(WEIGHT)}{ENABLED}") is False:
        return 0.0
    return known.get(name)


def _known(trial: FrozenTrial, base: str) -> dict[str, Any]:
    """All that a trial trained with, by key: parameters as the study names them, values of the configuration."""
    point, groups = trial.user_attrs[POINT], group_options()
    chosen = [f"{name}={value}" for name, value in point.items() if name.replace(".", "/") in groups]
    values = {name: value for name, value in point.items() if name.replace(".", "/") not in groups}
    made = Composed(base, [*trial.user_attrs[WORDS], *chosen]).config({name: given(x) for name, x in values.items()})
    return {**leaves(plain_config(made)), **point}


def _range_of(name: str, source: Mapping[str, ParameterConfig], target: StudyConfig) -> ParameterConfig:
    """The range that is narrowed: of the source's space, or of the space that the source built on."""
    if name in source:
        return source[name]
    before = target
    while before.transfer.source != NOTHING:
        before = load_study(before.transfer.source)
        if name in before.space:
            return before.space[name]
    fix = f"use parameters of {target.transfer.source} or of what it builds on"
    raise ConfigError(f"{name} was never varied", where="optuna.transfer.refine", fix=fix)


def _closely(parameter: ParameterConfig, value: Any, share: float) -> dict[str, Any]:
    """The parameter over `share` of its range around `value`, within its limits; choices stay as they are."""
    plain = dict(parameter.__dict__)
    if parameter.kind == "categorical":
        return {**plain, "choices": [value]}
    assert parameter.low is not None and parameter.high is not None
    to, back = (math.log, math.exp) if parameter.log else (float, float)
    low, high = to(parameter.low), to(parameter.high)
    at = min(max(to(value), low), high) if not parameter.log or value > 0 else low
    half = share * (high - low) / 2
    edges = [
        min(max(back(max(edge, low)), parameter.low), parameter.high) for edge in (at - half, min(at + half, high))
    ]
    if parameter.kind == "int":
        return {**plain, "low": math.floor(edges[0]), "high": math.ceil(edges[1])}
    return {**plain, "low": float(f"{edges[0]:.6g}"), "high": float(f"{edges[1]:.6g}"), "step": None}


def write_transfer(cache: str, source_file: str, target_file: str, words: Sequence[str]) -> tuple[Path, Transfer]:
    """Take over, and write it down for review. words: `optuna.key=value` of both studies.

    Raises FxError for a study that is not there or has no best trial.
    """
    target, config = load_study(target_file, words), load_study(source_file, words)
    source = find_study(open_storage(config.storage), config.name, config.storage)
    made, path = take_over(source, config.space, target), transfer_file(cache, target_file)
    best = ranked(source)[0]
    head = (
        f"# Generated by `transfer {source_file} {target_file}`; to change something, change {target_file}: the next\n"
        f"# transfer writes this file anew. From study {source.study_name}, "
        f"{len(source.get_trials(deepcopy=False))} trials;\n"
        f"# its best, trial {best.number}, has a lower bound of {best.values[0]:+.2f} $ per session.\n"
    )
    write_text(path, head + OmegaConf.to_yaml(OmegaConf.create(made._asdict())))
    return path, made
