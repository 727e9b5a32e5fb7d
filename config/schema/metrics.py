"""What is measured of a run, and where the figures go."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, one_of


@dataclass
class MetricsConfig:
    """Collectors and sinks of a run's numbers. Training is the same whatever stands here."""

    collectors: list[str] = MISSING  # names of metrics/collectors
    sinks: list[str] = MISSING  # names of metrics/sinks
    queue: int = MISSING  # messages that may wait for a sink; then the oldest is dropped, and counted
    close_s: float = MISSING  # seconds that sinks may take at the end of a run; then they are left behind
    lanes: int = MISSING  # the first so many lanes have their trades and fills recorded
    follow: int = MISSING  # the lane whose every decision is recorded; the file `follow` of a run changes it

    def __post_init__(self) -> None:
        at_least("metrics", self, 1, "queue")
        at_least("metrics", self, 0, "close_s", "lanes", "follow")


@dataclass
class WandbConfig:
    """Weights & Biases."""

    mode: str = MISSING  # offline | online | disabled
    project: str = MISSING
    group: str = MISSING  # of the run; empty: its lineage, i.e. the run that the first model of the line came from

    def __post_init__(self) -> None:
        one_of("wandb.mode", self.mode, ("offline", "online", "disabled"))
