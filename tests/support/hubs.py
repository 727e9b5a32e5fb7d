"""A hub of one's own: what sinks are told, and where they write."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from config.compose import plain_config
from config.schema import MetricsConfig, PlainConfig, WandbConfig
from metrics.hub import MetricsHub, RunInfo, open_hub
from tests.support.configs import load_config


def run_info(folder: Path, *, mode: str = "offline", log_every_s: float = 0.0, **more: Any) -> RunInfo:
    """Of a run that has no days."""
    return RunInfo(
        name="test",
        folder=folder,
        log_every_s=log_every_s,
        wandb=WandbConfig(mode=mode, project="fxai", group=""),
        config=_config(),
        **more,
    )


@cache
def _config() -> PlainConfig:
    return plain_config(load_config("quick", []))


def a_hub(folder: Path, *sinks: str, queue: int = 256, close_s: float = 20.0, **more: Any) -> MetricsHub:
    """With these sinks and no collector."""
    config = MetricsConfig(collectors=[], sinks=list(sinks), queue=queue, close_s=close_s, lanes=8, follow=0)
    return open_hub(config, run_info(folder, **more))
