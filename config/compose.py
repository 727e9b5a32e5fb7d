"""From a name and `key=value` words to a checked `Config`.

Hydra picks and merges the YAML files; the schema then refuses unknown keys, wrong types and missing values by their
full key, and says which file or word to mend.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from config.keys import below, key_of, leaves, put, schema_keys, value_at
from config.plugins import import_plugins, refuse_brought
from config.refusals import (
    file_of,
    first_line,
    hint,
    not_composed,
    out_of_range,
    place,
    places,
    refused,
    refused_item,
    refused_value,
    unknown_key,
)
from config.schema import Config, PlainConfig
from config.search import Stamps, config_file, config_names, generated_names, group_options, searchpath, yaml_files
from utils.errors import ConfigError, nearest
from utils.paths import shown


def load_config(name: str, overrides: Sequence[str]) -> Config:
    """The configuration `name` with `overrides` (`key=value`, `group=option`) on top, ranges checked.

    Raises ConfigError with the full key of what is unknown, missing or of the wrong type.
    """
    merged, choices = _read(name, tuple(overrides), yaml_files(name))
    return _checked(merged, lambda text: out_of_range(text, name, overrides, choices))


class Composed:
    """A configuration of which variants are made by single values: the files are read once, not for each of them."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        """As `load_config`."""
        self._name = name
        self._merged, _ = _read(name, tuple(overrides), yaml_files(name))  # interpolations still stand in it

    def config(self, values: Mapping[str, Any] | None = None) -> Config:
        """With `values` by full key on top; `[NAME]` names an item of a list of records, `[*]` all of them.

        Raises ConfigError for a key that does not exist, a value of the wrong type or out of range.
        """
        whole = copy.deepcopy(self._merged)
        for key, value in (values or {}).items():
            for path in self._paths(key):
                if isinstance(OmegaConf.select(whole, path), DictConfig) and not isinstance(value, Mapping):
                    raise refused_value(TypeError("it holds keys of its own"), key, value, self._name)
                try:
                    OmegaConf.update(whole, path, value, merge=True, force_add=False)
                except (OmegaConfBaseException, ValueError) as why:
                    raise refused_value(why, key, value, self._name) from why
        fix = "change the value that it names"
        return _checked(whole, lambda text: ConfigError(text, where=place(self._name), fix=fix))

    def _paths(self, key: str) -> list[str]:
        """The keys with numbers that `key` stands for. Raises ConfigError if there is none."""
        match = re.fullmatch(r"([\w.]+)\[([^\]]+)\]\.(\w+)", key)
        if match is None:
            try:
                known = OmegaConf.select(self._merged, key, default=_NOTHING) is not _NOTHING
            except OmegaConfBaseException:  # of its syntax
                known = False
            if not known:
                raise unknown_key(key, self._name, where="the values of a variant")
            return [key]
        group, which, last = match.groups()
        items: Any = OmegaConf.select(self._merged, group, default=None)
        names = [item.get("name") for item in items] if isinstance(items, ListConfig) else []
        chosen = [number for number, name in enumerate(names) if which in ("*", name)]
        if not chosen or last not in items[chosen[0]]:
            near = nearest(which, [str(name) for name in names])
            what = f"there is no configuration key {key!r}"
            raise ConfigError(what, where=place(self._name), near=near, fix=f"{group}[*], or [NAME] of {names}")
        return [f"{group}[{number}].{last}" for number in chosen]


_NOTHING = object()


def _checked(merged: DictConfig, refusal: Callable[[str], ConfigError]) -> Config:
    """The configuration as objects, ranges checked, its plugins imported; refusal: the error of a range."""
    try:
        config = cast("Config", OmegaConf.to_object(merged))
        _check_items(config)
    except ValueError as why:  # raised by a __post_init__, already with its key
        raise refusal(str(why)) from why
    except OmegaConfBaseException as why:
        raise refusal(f"{getattr(why, 'full_key', '')}: {first_line(why)}") from why
    import_plugins(config.plugins)
    return config


_hints = functools.cache(typing.get_type_hints)


def _check_items(node: object, key: str = "") -> None:
    """Raises ValueError for a plain value in place of a list, or the other way round: OmegaConf lets it pass.

    It does so for what an interpolation gives, and for what stands in a list of plain values.
    """
    if dataclasses.is_dataclass(node):
        for name, kind in _hints(type(node)).items():
            value, full = getattr(node, name), f"{key}.{name}" if key else name
            origin = typing.get_origin(kind)
            if origin in (list, dict) and not isinstance(value, origin):
                raise ValueError(f"{full} is {value!r}; use a {origin.__name__}")
            _check_items(value, full)
    elif isinstance(node, dict):
        for name, value in cast("PlainConfig", node).items():
            _check_items(value, f"{key}.{name}")
    elif isinstance(node, list):
        for number, value in enumerate(cast("list[Any]", node)):
            if isinstance(value, list | dict):
                raise ValueError(f"{key} holds {value!r}; use plain values")
            _check_items(value, f"{key}[{number}]")


def saved_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """What `config_yaml` wrote to `path`, with `key=value` words on top; groups have no options any more.

    Raises ConfigError for what the schema refuses, and if another version of this software wrote it.
    """
    if not path.is_file():
        raise ConfigError("there is no saved configuration", where=shown(path), fix="name the folder of a run")
    for word in overrides:
        _check_word(word)
        if key_of(word).replace(".", "/") in group_options():
            what = f"{word}: a saved configuration has no groups to choose from"
            raise ConfigError(what, where=shown(path), fix="change single values: key=value")
    try:
        saved = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(path))
        merged = OmegaConf.merge(saved, OmegaConf.from_dotlist(list(overrides)))
        missing = sorted(OmegaConf.missing_keys(merged))
        if missing:
            what = f"the saved configuration has no {', '.join(missing)}"
            fix = f"use the version of this software that wrote it, or add {missing[0]}=VALUE"
            raise ConfigError(what, where=shown(path), fix=fix)
        config = cast("Config", OmegaConf.to_object(merged))
    except (OmegaConfBaseException, YAMLError, ValueError) as why:
        raise ConfigError(first_line(why), where=shown(path), fix=hint(overrides)) from why
    refuse_brought(config.plugins, path)
    import_plugins(config.plugins)
    return config


def taken_up(config: Config, saved: PlainConfig, own: Sequence[str], words: Sequence[str] = ()) -> Config:
    """`config` with the values that plain data has `saved` below the keys `own`, but for those that `words` set.

    What another version saved and this one does not know is left out; what it did not know keeps `config`'s value.
    Raises ConfigError for a value that is out of its range today.
    """
    plain, given = plain_config(config), [key_of(word).replace("/", ".") for word in words]
    for key, kind in schema_keys().items():
        if dataclasses.is_dataclass(kind) or not any(below(key, name) for name in own):
            continue
        if not any(below(key, name) for name in given):
            items = {name: value_at(plain, name) for name in given if below(name, key)}  # of a dict
            put(plain, key, copy.deepcopy(value_at(saved, key, value_at(plain, key))))
            for name, value in items.items():
                put(plain, name, value)
    try:
        return cast("Config", OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), plain)))
    except (OmegaConfBaseException, ValueError) as why:
        key, text = getattr(why, "full_key", None), first_line(why)
        fix = "use the version of this software that wrote it, or set that value: key=value"
        what = f"{key}: {text}" if key else text
        raise ConfigError(what, where="the saved configuration", fix=fix) from why


def unlike_saved(path: Path, config: Config) -> list[str]:
    """Full keys whose values in `config` are not those that `config_yaml` wrote to `path`."""
    before, now = leaves(OmegaConf.to_container(OmegaConf.load(path))), leaves(plain_config(config))
    return [key for key in now if key not in before or now[key] != before[key]]


def config_yaml(config: Config) -> str:
    """The configuration as YAML, every value resolved."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def plain_config(config: Config) -> PlainConfig:
    """The configuration as plain data."""
    return dataclasses.asdict(config)


@functools.lru_cache(maxsize=16)
def _read(name: str, overrides: tuple[str, ...], files: Stamps) -> tuple[DictConfig, dict[str, str]]:  # noqa: ARG001
    """Merged and not to be changed, with the option chosen for each group; read anew when one of `files` is another.

    Hydra takes half a second, and a campaign asks for the same words a dozen times.
    """
    composed, choices = _composed(name, overrides)
    return _merged(composed, name, overrides, choices), choices


def _merged(composed: PlainConfig, name: str, overrides: Sequence[str], choices: Mapping[str, str]) -> DictConfig:
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), composed)
        missing = sorted(OmegaConf.missing_keys(merged))
    except OmegaConfBaseException as why:
        raise refused_item(composed, name, choices) or refused(why, name, overrides, choices) from why
    if missing:
        key = missing[0]
        entry, _, last = key.rpartition(".")
        raise ConfigError(
            f"no value for {', '.join(missing)}",
            where=", ".join(dict.fromkeys(file_of(key, name, choices) for key in missing)),
            fix=f"write {last}: VALUE in {entry}" if "[" in key else f"add {key}=VALUE to the command",
        )
    return cast("DictConfig", merged)


def _composed(name: str, overrides: Sequence[str]) -> tuple[PlainConfig, dict[str, str]]:
    """What Hydra makes of the files and words, and the option chosen for each group."""
    if name not in config_names() and name not in generated_names():
        names = [*config_names(), *generated_names()]
        raise ConfigError(
            f"there is no configuration {name!r}",
            where=places("*.yaml"),
            near=nearest(name, names),
            fix=f"--config NAME, one of: {', '.join(names)}",
        )
    for word in overrides:
        _check_word(word)
    try:
        with initialize_config_dir(config_dir=str(config_file(name).parent), version_base="1.3"):
            whole = compose(name, overrides=[*searchpath(name), *overrides], return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as why:
        raise not_composed(why, name, overrides) from why
    except YAMLError as why:
        raise ConfigError(f"a configuration file is no YAML: {why}", where=place(name)) from why
    choices = {str(k): str(v) for k, v in whole.hydra.runtime.choices.items() if not str(k).startswith("hydra/")}
    plain = cast("PlainConfig", OmegaConf.to_container(whole, resolve=False))
    plain.pop("hydra")
    return plain, choices


def _check_word(word: str) -> None:
    if "=" not in word and not word.startswith("~"):
        near = nearest(word, schema_keys())
        raise ConfigError(
            f"{word!r} is neither an option nor a key=value",
            where="the command line",
            near=near,
            fix=f"{near[0] if near else 'key'}=VALUE",
        )
