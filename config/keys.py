"""Full keys, such as "env.max_loss": those of the schema, and what stands at them in plain data."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, cast

from config.schema import Config, PlainConfig


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


def value_at(node: Any, key: str, default: Any = None) -> Any:
    """The value at a full key of plain data, `default` if there is none; the whole for an empty key."""
    for part in key.split(".") if key else ():
        if not isinstance(node, dict) or part not in node:
            return default
        node = cast("PlainConfig", node)[part]
    return node


def put(plain: PlainConfig, key: str, value: Any) -> None:
    """Set the value at a full key; groups that are not there are made."""
    *groups, last = key.split(".")
    for group in groups:
        plain = plain.setdefault(group, {})
    plain[last] = value


def below(key: str, name: str) -> bool:
    """Whether `key` is `name` or part of it."""
    return f"{key}.".startswith(f"{name}.")


def key_of(word: str) -> str:
    """The key, or the group, that a word of the command line sets."""
    return word.lstrip("+~").partition("=")[0].partition("@")[0].strip()
