"""What Hydra and OmegaConf refuse, in our words: the full key, the file or word that sets it, the nearest, the fix."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError

from config.keys import below, key_of, leaves, schema_keys, value_at
from config.schema import PlainConfig
from config.search import config_file, folders, group_options, option_file, searchpath
from utils.errors import ConfigError, nearest
from utils.paths import shown

_FIRST_KEY = re.compile(r"\w+(\.\w+(\[[^\]]*\])?)+")
"""The full key that a range error begins with, e.g. "curriculum.stages[all].quality"."""


def first_line(why: Exception) -> str:
    """What happened: below it OmegaConf says more, such as types of its own."""
    return str(getattr(why, "msg", None) or why).partition("\n")[0]


def not_composed(why: Exception, name: str, overrides: Sequence[str]) -> ConfigError:
    """Hydra's refusals in our words."""
    groups = group_options()
    for word in overrides:
        key, value = key_of(word), word.partition("=")[2]
        options = groups.get(key.replace(".", "/"))
        if options is not None and value not in options and isinstance(why, MissingConfigException):
            near = nearest(value, options) or options
            return ConfigError(
                f"the group {key} has no option {value!r}",
                where=places(f"{key.replace('.', '/')}/*.yaml"),
                near=near,
                fix=f"{key}={near[0]}",
            )
        if options is None and f"'{key}'" in str(why):
            return unknown_key(key, name, where=f"the command line ({word})")
    return ConfigError(
        str(why).partition("\nSee https")[0].replace("\n", "; "),
        where=place(name) + (" and the command line" if overrides else ""),
        fix=hint(overrides) or "mend the file",
    )


def refused(why: OmegaConfBaseException, name: str, overrides: Sequence[str], choices: Mapping[str, str]) -> Exception:
    """What the schema refuses in our words."""
    key = str(why.full_key or "")
    given = [word for word in overrides if below(key_of(word), key)]
    where = f"the command line ({given[-1]})" if given else file_of(key, name, choices)
    if isinstance(why, ConfigKeyError):
        return unknown_key(key, name, where=where)
    example = _known(name).get(key, "VALUE")
    text = f"[{','.join(map(str, example or ['A', 'B']))}]" if isinstance(example, list) else example
    return ConfigError(f"{key}: {first_line(why)}", where=where, fix=f"for example {key}={text}")


def refused_item(composed: PlainConfig, name: str, choices: Mapping[str, str]) -> ConfigError | None:
    """The error of the first refused record within a list, such as a stage: OmegaConf does not tell which it is."""
    for key, kind in schema_keys().items():
        record = next((k for k in typing.get_args(kind) if dataclasses.is_dataclass(k)), None)
        items = value_at(composed, key)
        if typing.get_origin(kind) is not list or record is None or not isinstance(items, list):
            continue
        for number, item in enumerate(cast("list[Any]", items)):
            try:
                OmegaConf.merge(OmegaConf.structured(record), item)
            except (OmegaConfBaseException, ValueError, TypeError) as why:
                label = item.get("name", number) if isinstance(item, dict) else number
                return _bad_item(why, f"{key}[{label}]", cast("type", record), item, file_of(key, name, choices))
    return None


def _bad_item(why: Exception, entry: str, record: type, item: Any, where: str) -> ConfigError:
    """`item` is not a `record`; `entry` is its full key."""
    inner = str(getattr(why, "full_key", "") or "")
    key, known = f"{entry}.{inner}" if inner else entry, schema_keys(record)
    if isinstance(why, ConfigKeyError):
        near = nearest(inner, known)
        instead = f"use {near[0]}, or take {inner} out" if near else f"take {inner} out"
        return ConfigError(f"there is no configuration key {key!r}", where=where, near=near, fix=instead)
    kind = known.get(inner, record)
    wanted = kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)
    return ConfigError(f"{key} is {value_at(item, inner)!r}", where=where, fix=f"write a value of type {wanted}")


def out_of_range(what: str, name: str, overrides: Sequence[str], choices: Mapping[str, str]) -> ConfigError:
    """A value that its schema refuses: `what` begins with its full key, and says what to use."""
    found = _FIRST_KEY.match(what)
    if found is None:
        return ConfigError(what, where=place(name), fix=hint(overrides))
    key = re.sub(r"\[[^\]]*\]", "", found[0])
    given = [word for word in overrides if below(key, key_of(word))]
    if given:
        return ConfigError(what, where=f"the command line ({given[-1]})", fix=f"change {given[-1]}")
    return ConfigError(what, where=file_of(key, name, choices), fix=f"change {found[0]} there")


def refused_value(why: Exception, key: str, value: Any, name: str) -> ConfigError:
    """A value that a variant cannot have."""
    what = f"{key} is {value!r}: {first_line(why)}"
    return ConfigError(what, where=place(name), fix="use a value of its type and range")


def unknown_key(key: str, name: str, *, where: str) -> ConfigError:
    """A key that a configuration does not have. Near are the same last word elsewhere, then what is spelled alike."""
    known = {**dict.fromkeys(schema_keys()), **_known(name)}
    if _schema_refuses(key):
        known = {other: value for other, value in known.items() if other != key}  # a file has it all the same
    groups = [group for group in group_options() if key.startswith(group.replace("/", ".") + ".")]
    if key in known and groups:  # another option of its innermost group has it
        group = max(groups, key=len)
        fix = f"take {key} out, or choose another option of {group}"
        return ConfigError(f"the chosen option of {group} has no key {key!r}", where=where, fix=fix)
    last = key.rpartition(".")[2]
    alike = [k for k in known if k.rpartition(".")[2] == last and key == last]
    near = list(dict.fromkeys([*alike, *nearest(key, known)]))[:3]
    fix = f"use {near[0]}, or take {key} out" if near else f"take {key} out; docs/configuration.md lists every key"
    return ConfigError(f"there is no configuration key {key!r}", where=where, near=near, fix=fix)


def _schema_refuses(key: str) -> bool:
    """Whether the schema names every key where `key` would be, and not that one."""
    parent = key.rpartition(".")[0]
    known = schema_keys()
    return key not in known and (not parent or dataclasses.is_dataclass(known.get(parent)))


def _known(name: str) -> dict[str, Any]:
    """Every key of that configuration with its value; of the schema alone if its files cannot be merged."""
    try:
        with initialize_config_dir(config_dir=str(config_file(name).parent), version_base="1.3"):
            return leaves(OmegaConf.to_container(compose(name, overrides=searchpath(name)), resolve=False))
    except (HydraException, OmegaConfBaseException, YAMLError):
        return dict.fromkeys(schema_keys())


def file_of(key: str, name: str, choices: Mapping[str, str]) -> str:
    """The file that sets `key`, as far as it can be told: the file of its innermost group, else the named one."""
    parts = key.split(".")
    for size in range(len(parts), 0, -1):
        group = "/".join(parts[:size])
        if group in choices:
            chosen = shown(option_file(group, choices[group]))
            return chosen if not _sets(name, parts) else place(name)
    return place(name)


def _sets(name: str, parts: Iterable[str]) -> bool:
    """Whether the named file itself mentions the key."""
    node: Any = OmegaConf.to_container(OmegaConf.load(config_file(name)), resolve=False)
    for part in parts:
        if isinstance(node, list):  # the file gives the whole list
            return True
        word = part.partition("[")[0]
        if not isinstance(node, dict) or word not in node:
            return False
        node = cast("dict[str, Any]", node)[word]
    return True


def place(name: str) -> str:
    """The file of a configuration."""
    return shown(config_file(name))


def places(pattern: str) -> str:
    """Where files of that pattern are looked for."""
    return ", ".join(f"{shown(folder)}/{pattern}" for folder in folders())


def hint(overrides: Sequence[str]) -> str:
    """How to mend what words of the command line may have caused."""
    return f"change one of: {' '.join(overrides)}" if overrides else ""
