"""From a name and `key=value` words to a checked `Config`.

Hydra picks and merges the YAML files; the schema then refuses unknown keys, wrong types and missing values by their
full key, and says which file or word to mend.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import importlib.util
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError

from config.schema import Config, PlainConfig
from config.search import (
    config_file,
    config_names,
    folders,
    generated_names,
    group_options,
    option_file,
    own_folder,
    searchpath,
)
from utils.errors import ConfigError, nearest
from utils.paths import shown

_FIRST_KEY = re.compile(r"\w+(\.\w+(\[[^\]]*\])?)+")
"""The full key that a range error begins with, e.g. "curriculum.stages[all].quality"."""


def schema_keys(node: type = Config, prefix: str = "") -> dict[str, Any]:
    """Full key -> type of every field; groups included, items of lists and dicts left out."""
    found: dict[str, Any] = {}
    hints = typing.get_type_hints(node)
    for field in dataclasses.fields(node):
        key, kind = prefix + field.name, hints[field.name]
        found[key] = kind
        if dataclasses.is_dataclass(kind):
            found |= schema_keys(cast("type", kind), f"{key}.")
    return found


def leaves(node: Any, prefix: str = "") -> dict[str, Any]:
    """Full key -> value of plain data, e.g. {"reward.components.drawdown.weight": 1.0}; lists count as values."""
    if not isinstance(node, dict):
        return {prefix: node}
    found: dict[str, Any] = {}
    for key, value in cast("dict[str, Any]", node).items():
        found |= leaves(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def load_config(name: str, overrides: Sequence[str]) -> Config:
    """The configuration `name` with `overrides` (`key=value`, `group=option`) on top, ranges checked.

    Raises ConfigError with the full key of what is unknown, missing or of the wrong type.
    """
    composed, choices = _composed(name, overrides)
    merged = _merged(composed, name, overrides, choices)
    return _checked(merged, lambda text: _out_of_range(text, name, overrides, choices))


class Composed:
    """A configuration of which variants are made by single values: the files are read once, not for each of them."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        """As `load_config`."""
        self._name = name
        composed, choices = _composed(name, overrides)
        self._merged = _merged(composed, name, overrides, choices)  # interpolations still stand in it

    def config(self, values: Mapping[str, Any] | None = None) -> Config:
        """With `values` by full key on top; `[NAME]` names an item of a list of records, `[*]` all of them.

        Raises ConfigError for a key that does not exist, a value of the wrong type or out of range.
        """
        whole = copy.deepcopy(self._merged)
        for key, value in (values or {}).items():
            for path in self._paths(key):
                if isinstance(OmegaConf.select(whole, path), DictConfig) and not isinstance(value, Mapping):
                    raise _refused_value(TypeError("it holds keys of its own"), key, value, self._name)
                try:
                    OmegaConf.update(whole, path, value, merge=True, force_add=False)
                except (OmegaConfBaseException, ValueError) as why:
                    raise _refused_value(why, key, value, self._name) from why
        fix = "change the value that it names"
        return _checked(whole, lambda text: ConfigError(text, where=_where(self._name), fix=fix))

    def _paths(self, key: str) -> list[str]:
        """The keys with numbers that `key` stands for. Raises ConfigError if there is none."""
        match = re.fullmatch(r"([\w.]+)\[([^\]]+)\]\.(\w+)", key)
        if match is None:
            try:
                known = OmegaConf.select(self._merged, key, default=_NOTHING) is not _NOTHING
            except OmegaConfBaseException:  # of its syntax
                known = False
            if not known:
                raise _unknown_key(key, self._name, where="the values of a variant")
            return [key]
        group, which, last = match.groups()
        items: Any = OmegaConf.select(self._merged, group, default=None)
        names = [item.get("name") for item in items] if isinstance(items, ListConfig) else []
        chosen = [number for number, name in enumerate(names) if which in ("*", name)]
        if not chosen or last not in items[chosen[0]]:
            near = nearest(which, [str(name) for name in names])
            what = f"there is no configuration key {key!r}"
            raise ConfigError(what, where=_where(self._name), near=near, fix=f"{group}[*], or [NAME] of {names}")
        return [f"{group}[{number}].{last}" for number in chosen]


_NOTHING = object()


def _checked(merged: DictConfig, refused: Callable[[str], ConfigError]) -> Config:
    """The configuration as objects, ranges checked, its plugins imported; refused: the error of a range."""
    try:
        config = cast("Config", OmegaConf.to_object(merged))
    except ValueError as why:  # raised by a __post_init__, already with its key
        raise refused(str(why)) from why
    except OmegaConfBaseException as why:
        raise refused(f"{getattr(why, 'full_key', '')}: {str(why).partition(chr(10))[0]}") from why
    import_plugins(config.plugins)
    return config


def _refused_value(why: Exception, key: str, value: Any, name: str) -> ConfigError:
    text = str(getattr(why, "msg", None) or why).partition("\n")[0]
    return ConfigError(f"{key} is {value!r}: {text}", where=_where(name), fix="use a value of its type and range")


def import_plugins(modules: Sequence[str]) -> None:
    """Import the modules that the user names: what they declare registers itself. Raises ConfigError for a missing one.

    They are looked for in the environment and in the user's own folder. A configuration that comes with a saved model
    is never composed, so nobody else's modules are imported.
    """
    require_modules(modules, "plugins")
    for module in modules:
        importlib.import_module(module)


def require_modules(modules: Sequence[str], key: str) -> None:
    """Raise ConfigError unless all of them can be found; nothing is imported but the packages that hold them."""
    own = own_folder() if modules else None
    if own is not None and str(own) not in sys.path:
        sys.path.append(str(own))  # at the end: a name of the project or of a library is refused below, not replaced
        importlib.invalidate_caches()
    for module in modules:
        try:
            found = importlib.util.find_spec(module)
        except (ModuleNotFoundError, ValueError):  # of its package; of a module that was made up
            found = None
        if found is None and module not in sys.modules:
            raise _no_module(module, key, own)
        if found is not None:
            _refuse_other(module, found, own)


def _no_module(module: str, key: str, own: Path | None) -> ConfigError:
    near = nearest(module, [path.stem for path in own.glob("*.py")] if own else [])
    where = f"{key}: {module}, looked for in the environment" + (f" and in {shown(own)}" if own else "")
    fix = f"use {near[0]}" if near else "--config-dir FOLDER, the one that holds it"
    return ConfigError(f"there is no module {module!r}", where=where, near=near, fix=fix)


def _refuse_other(module: str, found: ModuleSpec, own: Path | None) -> None:
    """Raise ConfigError if the user's own folder has a module of that name, and another one was found."""
    first = module.partition(".")[0]
    mine = next((path for path in (own / f"{first}.py", own / first) if path.exists()), None) if own else None
    places = [found.origin or "", *(found.submodule_search_locations or [])]
    if mine is not None and not any(Path(place).is_relative_to(mine.parent) for place in places if place):
        raise ConfigError(
            f"{module!r} is the name of another module", where=found.origin or module, fix=f"rename {shown(mine)}"
        )


def saved_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """What `config_yaml` wrote to `path`, with `key=value` words on top; groups have no options any more.

    Raises ConfigError for what the schema refuses, and if another version of this software wrote it.
    """
    if not path.is_file():
        raise ConfigError("there is no saved configuration", where=shown(path), fix="name the folder of a run")
    for word in overrides:
        _check_word(word)
        if _key(word).replace(".", "/") in group_options():
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
        text = str(why).partition("\n")[0]
        raise ConfigError(text, where=shown(path), fix=_override_hint(overrides)) from why
    _refuse_brought(config.plugins, path)
    import_plugins(config.plugins)
    return config


def _refuse_brought(modules: Sequence[str], path: Path) -> None:
    """Raise ConfigError for a module that lies among the runs: it may have come with a run that somebody sent."""
    runs = path.resolve().parent.parent
    for module in modules:
        if any((Path(folder or ".").resolve() / Path(*module.split("."))).is_relative_to(runs) for folder in sys.path):
            fix = "move it to a folder of your own: --config-dir FOLDER"
            raise ConfigError(f"{module} lies among the runs and is not imported", where=shown(path), fix=fix)


def taken_up(config: Config, saved: PlainConfig, own: Sequence[str], words: Sequence[str] = ()) -> Config:
    """`config` with the values that plain data has `saved` below the keys `own`, but for those that `words` set.

    What another version saved and this one does not know is left out; what it did not know keeps `config`'s value.
    Raises ConfigError for a value that is out of its range today.
    """
    plain, given = plain_config(config), [_key(word).replace("/", ".") for word in words]
    for key, kind in schema_keys().items():
        if dataclasses.is_dataclass(kind) or not any(_below(key, name) for name in own):
            continue
        if not any(_below(key, name) for name in given):
            items = {name: _value(plain, name) for name in given if _below(name, key)}  # of a dict
            _put(plain, key, copy.deepcopy(_value(saved, key, _value(plain, key))))
            for name, value in items.items():
                _put(plain, name, value)
    try:
        return cast("Config", OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Config), plain)))
    except (OmegaConfBaseException, ValueError) as why:
        key, text = getattr(why, "full_key", None), str(why).partition("\n")[0]
        fix = "use the version of this software that wrote it, or set that value: key=value"
        what = f"{key}: {text}" if key else text
        raise ConfigError(what, where="the saved configuration", fix=fix) from why


def _below(key: str, name: str) -> bool:
    """Whether `key` is `name` or part of it."""
    return f"{key}.".startswith(f"{name}.")


def _value(plain: PlainConfig, key: str, default: Any = None) -> Any:
    """At a full key."""
    found: Any = plain
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            return default
        found = cast("PlainConfig", found)[part]
    return found


def _put(plain: PlainConfig, key: str, value: Any) -> None:
    *groups, last = key.split(".")
    for group in groups:
        plain = plain.setdefault(group, {})
    plain[last] = value


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


def _merged(composed: PlainConfig, name: str, overrides: Sequence[str], choices: Mapping[str, str]) -> DictConfig:
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), composed)
    except OmegaConfBaseException as why:
        raise _refused_item(composed, name, choices) or _refused(why, name, overrides, choices) from why
    missing = sorted(OmegaConf.missing_keys(merged))
    if missing:
        key = missing[0]
        entry, _, last = key.rpartition(".")
        raise ConfigError(
            f"no value for {', '.join(missing)}",
            where=", ".join(dict.fromkeys(_file_of(key, name, choices) for key in missing)),
            fix=f"write {last}: VALUE in {entry}" if "[" in key else f"add {key}=VALUE to the command",
        )
    return cast("DictConfig", merged)


def _composed(name: str, overrides: Sequence[str]) -> tuple[PlainConfig, dict[str, str]]:
    """What Hydra makes of the files and words, and the option chosen for each group."""
    if name not in config_names() and name not in generated_names():
        names = [*config_names(), *generated_names()]
        raise ConfigError(
            f"there is no configuration {name!r}",
            where=_places("*.yaml"),
            near=nearest(name, names),
            fix=f"--config NAME, one of: {', '.join(names)}",
        )
    for word in overrides:
        _check_word(word)
    try:
        with initialize_config_dir(config_dir=str(config_file(name).parent), version_base="1.3"):
            whole = compose(name, overrides=[*searchpath(name), *overrides], return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as why:
        raise _not_composed(why, name, overrides) from why
    except YAMLError as why:
        raise ConfigError(f"a configuration file is no YAML: {why}", where=_where(name)) from why
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


def _not_composed(why: Exception, name: str, overrides: Sequence[str]) -> ConfigError:
    """Hydra's refusals in our words."""
    groups = group_options()
    for word in overrides:
        key, value = _key(word), word.partition("=")[2]
        options = groups.get(key.replace(".", "/"))
        if options is not None and value not in options and isinstance(why, MissingConfigException):
            near = nearest(value, options) or options
            return ConfigError(
                f"the group {key} has no option {value!r}",
                where=_places(f"{key.replace('.', '/')}/*.yaml"),
                near=near,
                fix=f"{key}={near[0]}",
            )
        if options is None and f"'{key}'" in str(why):
            return _unknown_key(key, name, where=f"the command line ({word})")
    return ConfigError(
        str(why).partition("\nSee https")[0].replace("\n", "; "),
        where=_where(name) + (" and the command line" if overrides else ""),
        fix=_override_hint(overrides) or "mend the file",
    )


def _refused(why: OmegaConfBaseException, name: str, overrides: Sequence[str], choices: Mapping[str, str]) -> Exception:
    """What the schema refuses in our words."""
    key = str(why.full_key or "")
    what = str(why.msg or why).partition("\n")[0]
    given = [word for word in overrides if _key(word) == key or _key(word).startswith(f"{key}.")]
    where = f"the command line ({given[-1]})" if given else _file_of(key, name, choices)
    if isinstance(why, ConfigKeyError):
        return _unknown_key(key, name, where=where)
    example = _known(name).get(key, "VALUE")
    text = f"[{','.join(map(str, example or ['A', 'B']))}]" if isinstance(example, list) else example
    return ConfigError(f"{key}: {what}", where=where, fix=f"for example {key}={text}")


def _refused_item(composed: PlainConfig, name: str, choices: Mapping[str, str]) -> ConfigError | None:
    """The error of the first refused record within a list, such as a stage: OmegaConf does not tell which it is."""
    for key, kind in schema_keys().items():
        record = next((k for k in typing.get_args(kind) if dataclasses.is_dataclass(k)), None)
        items = _at(composed, key)
        if typing.get_origin(kind) is not list or record is None or not isinstance(items, list):
            continue
        for number, item in enumerate(cast("list[Any]", items)):
            try:
                OmegaConf.merge(OmegaConf.structured(record), item)
            except (OmegaConfBaseException, ValueError, TypeError) as why:
                label = item.get("name", number) if isinstance(item, dict) else number
                return _bad_item(why, f"{key}[{label}]", cast("type", record), item, _file_of(key, name, choices))
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
    return ConfigError(f"{key} is {_at(item, inner)!r}", where=where, fix=f"write a value of type {wanted}")


def _at(node: Any, key: str) -> Any:
    """The value at a full key of plain data, None if there is none; the whole for an empty key."""
    for part in key.split(".") if key else ():
        node = cast("dict[str, Any]", node).get(part) if isinstance(node, dict) else None
    return node


def _out_of_range(what: str, name: str, overrides: Sequence[str], choices: Mapping[str, str]) -> ConfigError:
    """A value that its schema refuses: `what` begins with its full key, and says what to use."""
    found = _FIRST_KEY.match(what)
    if found is None:
        return ConfigError(what, where=_where(name), fix=_override_hint(overrides))
    key = re.sub(r"\[[^\]]*\]", "", found[0])
    given = [word for word in overrides if f"{key}.".startswith(f"{_key(word)}.")]
    if given:
        return ConfigError(what, where=f"the command line ({given[-1]})", fix=f"change {given[-1]}")
    return ConfigError(what, where=_file_of(key, name, choices), fix=f"change {found[0]} there")


def _unknown_key(key: str, name: str, *, where: str) -> ConfigError:
    """Near are the same last word elsewhere, then what is spelled alike."""
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


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0].partition("@")[0].strip()


def _file_of(key: str, name: str, choices: Mapping[str, str]) -> str:
    """The file that sets `key`, as far as it can be told: the file of its innermost group, else the named one."""
    parts = key.split(".")
    for size in range(len(parts), 0, -1):
        group = "/".join(parts[:size])
        if group in choices:
            chosen = shown(option_file(group, choices[group]))
            return chosen if not _sets(name, parts) else _where(name)
    return _where(name)


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


def _where(name: str) -> str:
    return shown(config_file(name))


def _places(pattern: str) -> str:
    return ", ".join(f"{shown(folder)}/{pattern}" for folder in folders())


def _override_hint(overrides: Sequence[str]) -> str:
    return f"change one of: {' '.join(overrides)}" if overrides else ""
