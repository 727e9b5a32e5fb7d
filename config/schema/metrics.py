"""What is measured of a run, and where the figures go."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import one_of, require


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
        require(self.queue >= 1, f"metrics.queue is {self.queue}; use 1 or more")
        for name in ("close_s", "lanes", "follow"):
            require(getattr(self, name) >= 0, f"metrics.{name} is {getattr(self, name)}; use 0 or more")


@dataclass
class WandbConfig:
    """Weights & Biases."""

    mode: str = MISSING  # offline | online | disabled
    project: str = MISSING
    group: str = MISSING  # of the run; empty: its lineage, i.e. the run that the first model of the line came from

    def __post_init__(self) -> None:
        one_of("wandb.mode", self.mode, ("offline", "online", "disabled"))
