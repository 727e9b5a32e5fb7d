"""What is measured, and where the figures go."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import one_of


@dataclass
class BacktestConfig:
    """Which days, and against what."""

    days: str = MISSING  # ex_ante: triggered days from their trigger on | all: every day of the index, whole session
    date: str = MISSING  # one date or "first:last", empty: the held-out test split
    last_second: int = MISSING  # flat by then (57,600: the end of the post-market)
    random_draws: int = MISSING
    model: str = MISSING  # v3, best, or a folder
    bootstrap_draws: int = MISSING


@dataclass
class MetricsConfig:
    """Where the numbers of a run go: names of sinks in metrics/sinks."""

    sinks: list[str] = MISSING


@dataclass
class WandbConfig:
    """Weights & Biases."""

    mode: str = MISSING  # offline | online | disabled
    project: str = MISSING
    group: str = MISSING

    def __post_init__(self) -> None:
        one_of("wandb.mode", self.mode, ("offline", "online", "disabled"))
