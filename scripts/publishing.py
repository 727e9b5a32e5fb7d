"""A backtest's report, handed to the sinks that keep reports."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from config.compose import plain_config
from config.schema import Config
from metrics.hub import RunInfo, open_hub
from metrics.notes import Kind

KEEPERS = ("wandb",)
"""Sinks that do something with a report; the others belong to training."""
BESIDE = ("tear_sheet.html", "evaluation.json")
"""Files that go with the report where they are there."""


def publish_report(config: Config, folder: Path, report: Path, about: dict[str, Any], model: str) -> None:
    """Hand the report of a backtest of `model` over, in the lineage that its metadata `about` tells."""
    keepers = [name for name in config.metrics.sinks if name in KEEPERS]
    if not keepers:
        return
    run = RunInfo(
        name=config.name,
        folder=folder,
        log_every_s=config.training.log_every_s,
        wandb=config.wandb,
        config=plain_config(config),
        group=str(about.get("group", model)),
        job="backtest",
    )
    files = [report, *(path for name in BESIDE if (path := report.with_name(name)).is_file())]
    with open_hub(dataclasses.replace(config.metrics, collectors=[], sinks=keepers), run) as hub:
        hub.note(int(about.get("steps", 0)), Kind.REPORT, f"backtest of {model}", {"files": files})
