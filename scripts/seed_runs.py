"""The same training with several seeds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from config.schema import Config
from scripts.pipeline import Market
from scripts.runs import run_folder
from scripts.training import train_model


class SeedRun(NamedTuple):
    """One of them."""

    config: Config
    folder: Path
    version: str
    """Name of the registered model."""


def add_seeds(parser: argparse.ArgumentParser, default: int = 3) -> None:
    """The option --seeds: how many."""
    about = f"seeds 0 to N - 1 (default: {default})"
    parser.add_argument("--seeds", type=_count, default=default, metavar="N", help=about)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of trainings; use 1 or more")
    return int(text)


def seed_runs(config: Config, market: Market, seeds: int) -> Iterator[SeedRun]:
    """Train with the seeds 0 to `seeds` - 1, each in a run folder that is open while its run is looked at.

    Raises KeyboardInterrupt when a training is stopped: the others are not begun.
    """
    for seed in range(seeds):
        seeded = replace(config, seed=seed)
        with run_folder(seeded) as folder:
            trained = train_model(seeded, market, folder)
            if trained.interrupted:
                raise KeyboardInterrupt
            yield SeedRun(seeded, folder, trained.version)
