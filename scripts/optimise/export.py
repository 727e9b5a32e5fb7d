"""The best trial of a study as a configuration that every command takes: `--config STUDY_best`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial

from config import search
from config.compose import Composed, load_config, plain_config
from config.schema import Config
from config.search import group_options
from scripts.optimise.attributes import PLACES, POINT, WORDS
from scripts.optimise.spaces import given
from scripts.optimise.studies import ranked
from utils.atomic import write_text
from utils.errors import ModelError
from utils.hashing import json_hash

STEPS = "training.total_steps"


def best_of(study: Study) -> FrozenTrial:
    """The best trial. Raises ModelError if none has come to its end and kept the constraints."""
    best = ranked(study)
    if not best:
        raise ModelError(
            f"no trial of {study.study_name} came to its end and kept its constraints",
            where=f"{len(study.get_trials(deepcopy=False))} trials",
            fix="run more trials, or loosen optuna.objective.constraints",
        )
    return best[0]


def trial_config(trial: FrozenTrial, base: str, steps: int) -> Config:
    """What a trial trained, without what belongs to its study."""
    words = [word for word in trial.user_attrs[WORDS] if word.partition("=")[0] not in PLACES]
    return Composed(base, [*words, *_groups(trial.user_attrs[POINT])]).config(
        {**_values(trial.user_attrs[POINT]), STEPS: steps}
    )


def _groups(point: Mapping[str, Any]) -> list[str]:
    known = group_options()
    return [f"{name}={value}" for name, value in point.items() if _is_group(name, known)]


def _values(point: Mapping[str, Any]) -> dict[str, Any]:
    known = group_options()
    return {name: given(value) for name, value in point.items() if not _is_group(name, known)}


def _is_group(name: str, known: Collection[str]) -> bool:
    return name.replace(".", "/") in known


def export(study: Study, base: str, steps: int, config_name: str = "") -> Path:
    """Write the best trial as a configuration. Raises ModelError if there is none.

    steps: of a trial; config_name: of the file; STUDY_best if empty.
    """
    best, name = best_of(study), config_name or f"{study.study_name}_best"
    made = trial_config(best, base, steps)
    path = search.GENERATED / f"{name}.yaml"
    write_text(path, _text(best, study, base, made, name))
    again = load_config(name, [])
    same = {"name": again.name}
    if json_hash(plain_config(again) | same) != json_hash(plain_config(made) | same):
        raise ModelError(f"{name} does not compose to what trial {best.number} trained", where=path)
    return path


def _text(best: FrozenTrial, study: Study, base: str, made: Config, name: str) -> str:
    words = [word for word in best.user_attrs[WORDS] if word.partition("=")[0] not in PLACES]
    known = group_options()
    chosen = [word for word in [*words, *_groups(best.user_attrs[POINT])] if _is_group(word.partition("=")[0], known)]
    groups = dict(word.split("=", 1) for word in chosen)
    keys = [word.partition("=")[0] for word in words if not _is_group(word.partition("=")[0], known)]
    plain = plain_config(made)
    values: dict[str, Any] = {"name": name.replace("_", "-")}
    for key in [*keys, *_values(best.user_attrs[POINT]), STEPS]:
        _copy(plain, values, key.partition("[")[0])  # a list is given as a whole
    defaults = [base, *({f"override {group.replace('.', '/')}": option} for group, option in groups.items()), "_self_"]
    head = (
        f"# Trial {best.number} of study {study.study_name}: lower bound {best.values[0]:+.2f} $ per session.\n"
        f"# Generated; run it with ./fx train --config {name}\n"
    )
    return (
        head + OmegaConf.to_yaml(OmegaConf.create({"defaults": defaults})) + OmegaConf.to_yaml(OmegaConf.create(values))
    )


def _copy(plain: Mapping[str, Any], into: dict[str, Any], key: str) -> None:
    *groups, last = key.split(".")
    source: Any = plain
    for group in groups:
        source, into = source[group], into.setdefault(group, {})
    into[last] = source[last]
