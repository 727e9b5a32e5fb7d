"""From a file of config/optuna (or any other place) and `optuna.key=value` words to a checked `StudyConfig`.

A study file says what it changes of `_study.yaml`; what `transfer` wrote for it comes on top, then the words.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError

from config.keys import put, schema_keys
from config.refusals import first_line
from config.schema.optuna import ParameterConfig, StudyConfig
from config.search import FOLDER, STUDIES, folders, summary_of
from utils.errors import ConfigError, nearest
from utils.paths import shown

COMMON = FOLDER / STUDIES / "_study.yaml"
NOTHING = "none"
"""Of `transfer.source`: the study builds on no other."""
PREFIX = "optuna."
"""Of the words that are for the study and not for what it trains."""
_WHOLE = ("space", "conditions")
"""Replaced as they stand, as lists are."""


def study_files() -> list[str]:
    """Names of the files in config/optuna, and in the same folder of the user's own."""
    found = (path for folder in folders() for path in (folder / STUDIES).glob("*.yaml"))
    return sorted(path.stem for path in found if not path.stem.startswith("_"))


def study_summary(name: str) -> str:
    """What a study is for."""
    return summary_of(study_path(name))


def study_path(name: str) -> Path:
    """The file that `name` means: one of `study_files`, or a path. Raises ConfigError with the nearest names."""
    for path in (*(folder / STUDIES / f"{name}.yaml" for folder in folders()), Path(name)):
        if path.is_file() and not path.stem.startswith("_"):
            return path
    known = study_files()
    near = nearest(Path(name).stem, known)
    fix = f"use {near[0]}" if near else f"use one of {', '.join(known)}, or the path of a file of your own"
    raise ConfigError(f"there is no study file {name!r}", where=f"{shown(FOLDER / STUDIES)}/*.yaml", near=near, fix=fix)


def load_study(name: str, words: Sequence[str] = (), transferred: Mapping[str, Any] | None = None) -> StudyConfig:
    """The study of a file. words: `optuna.key=value` (the others are not looked at); transferred: see `transfer`.

    Raises ConfigError with the full key of what is unknown, missing, of the wrong type or out of range.
    """
    path = study_path(name)
    common, own = _plain(COMMON), _plain(path)
    template = common.pop("parameter")
    merged = _overlaid(common, own)
    taken: dict[str, Any] = dict(transferred or {})
    merged["words"] = [*common["words"], *own.get("words", []), *taken.get("words", [])]
    merged["start"] = [*taken.get("start", []), *own.get("start", [])]
    merged["space"] = taken.get("space", merged.get("space"))
    _apply(merged, [word for word in words if word.startswith(PREFIX)])
    where = shown(path)
    space = merged.get("space")
    if isinstance(space, dict):
        parameters = cast("dict[str, Any]", space)
        merged["space"] = {key: _parameter(key, value, template, where) for key, value in parameters.items()}
    return _checked(merged, where)


def training_words(words: Sequence[str]) -> list[str]:
    """Those that are for what is trained."""
    return [word for word in words if not word.startswith(PREFIX)]


def _plain(path: Path) -> dict[str, Any]:
    try:
        loaded = OmegaConf.load(path)
    except (YAMLError, OSError, UnicodeDecodeError) as why:
        raise ConfigError(f"a study file cannot be read: {why}", where=shown(path)) from why
    if not isinstance(loaded, DictConfig):
        raise ConfigError("a study file holds keys and values", where=shown(path), fix="begin with name: my_study")
    return cast("dict[str, Any]", OmegaConf.to_container(loaded))


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` on top, group by group."""
    made = copy.deepcopy(dict(below))
    for key, value in above.items():
        known = made.get(key)
        if isinstance(known, dict) and isinstance(value, dict) and key not in _WHOLE:
            made[key] = _overlaid(cast("dict[str, Any]", known), cast("dict[str, Any]", value))
        else:
            made[key] = value
    return made


def _apply(merged: dict[str, Any], words: Sequence[str]) -> None:
    """`optuna.key=value`, the value as YAML. Raises ConfigError for a key that is none."""
    known = [key for key in schema_keys(StudyConfig) if key != "space"]
    for word in words:
        key, _, text = word.removeprefix(PREFIX).partition("=")
        if key not in known or "=" not in word:
            near = [PREFIX + other for other in nearest(key, known)]
            fix = "the space is changed in the file" if key.startswith("space") else f"use {near[0] if near else known}"
            raise ConfigError(f"a study has no key {PREFIX + key!r}", where="the command line", near=near, fix=fix)
        value = cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.from_dotlist([f"v={text}"])))["v"]
        put(merged, key, value)


def _parameter(key: str, given: Any, template: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        fix = f"{key}: {{kind: float, low: 0.1, high: 1.0}}"
        raise ConfigError(f"optuna.space[{key}] is {given!r}", where=where, fix=fix)
    values = {**template, **cast("dict[str, Any]", given)}
    try:
        OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ParameterConfig), values))
    except ConfigKeyError as why:
        wrong = str(why.full_key)
        near = nearest(wrong, schema_keys(ParameterConfig))
        what = f"optuna.space[{key}] has no key {wrong!r}"
        raise ConfigError(what, where=where, near=near, fix=f"use {near[0]}" if near else f"take {wrong} out") from why
    except (OmegaConfBaseException, ValueError) as why:
        told = first_line(why).replace("optuna.space.", f"optuna.space[{key}].")
        raise ConfigError(told, where=where, fix=f"change {key} there") from why
    return values


def _checked(merged: dict[str, Any], where: str) -> StudyConfig:
    try:
        whole = OmegaConf.merge(OmegaConf.structured(StudyConfig), merged)
        missing = sorted(OmegaConf.missing_keys(whole))
        if missing:
            raise ConfigError(f"no value for {missing[0]}", where=where, fix=f"write {missing[0]}: VALUE there")
        return cast("StudyConfig", OmegaConf.to_object(whole))
    except ConfigKeyError as why:
        key = str(why.full_key)
        near = nearest(key, schema_keys(StudyConfig))
        fix = f"use {near[0]}, or take {key} out" if near else f"take {key} out"
        raise ConfigError(f"a study has no key {key!r}", where=where, near=near, fix=fix) from why
    except OmegaConfBaseException as why:
        what = f"{PREFIX}{why.full_key}: {first_line(why)}"
        raise ConfigError(what, where=where, fix=f"change {why.full_key} there") from why
    except ValueError as why:  # raised by a __post_init__, already with its key
        key = str(why).split(" ", 1)[0]
        raise ConfigError(str(why), where=where, fix=f"change {key} there or on the command line") from why
