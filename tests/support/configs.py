"""Configurations for tests: as `config.compose.load_config`, but files are merged once for many values."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

from config import compose
from config.compose import Composed
from config.schema import Config
from config.search import group_options
from utils.errors import ConfigError

_PARSER = OverridesParser.create()


def load_config(name: str, overrides: Sequence[str]) -> Config:
    """The configuration `name` with `overrides`; the caller's own copy."""
    return copy.deepcopy(_config(name, *overrides))


@functools.cache
def _config(name: str, *overrides: str) -> Config:
    if any(word.startswith(("+", "~")) for word in overrides):  # they change what keys there are
        return compose.load_config(name, overrides)
    chosen = [word for word in overrides if word.partition("=")[0] in _groups()]
    try:
        composed = _composed(name, *chosen)
    except ConfigError:  # it leaves a value to the command line
        return compose.load_config(name, overrides)
    values = _PARSER.parse_overrides([word for word in overrides if word not in chosen])
    return composed.config({word.key_or_group: word.value() for word in values})


@functools.cache
def _composed(name: str, *chosen: str) -> Composed:
    return Composed(name, chosen)


@functools.cache
def _groups() -> frozenset[str]:
    return frozenset(group_options())
