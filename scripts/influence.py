"""Which values of a configuration decide what a training learns; the others say where things lie or what is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from config.compose import plain_config
from config.keys import leaves
from config.schema import Config

NO_INFLUENCE = (
    "name",
    "mode",
    "runs",
    "models",
    "metrics",
    "download",
    "wandb",
    "data.cache",
    "data.shared",
    "cluster",
    "backtest.date",
    "backtest.model",
    "backtest.bootstrap_draws",
    "backtest.random_draws",
    "backtest.tune_days",
    "backtest.rule",
    "walk_forward",
    "dashboard",
    "explain",
    "training.resume",
    "training.processes",  # but for the last bits
    "training.silence_s",
    "training.checkpoint_every_s",
    "training.keep_checkpoints",
    "training.keep_best",
    "training.sync_to",
    "training.log_every_s",
)
"""Keys of the configuration, or of its groups, that do not change what comes out of a training."""
FILES = ("data.folder", "data.source", "sample")
"""Keys that say which files there are: no influence of their own where the days are known by their content."""


def influences(key: str, without: Iterable[str] = NO_INFLUENCE) -> bool:
    """Whether a full key is none of `without`, and no part of one."""
    return not f"{key}.".startswith(tuple(f"{name}." for name in without))


def influential(config: Config, without: Iterable[str]) -> dict[str, Any]:
    """The values by full key, but for those of `without` and their parts."""
    without = tuple(without)
    return {key: value for key, value in leaves(plain_config(config)).items() if influences(key, without)}
