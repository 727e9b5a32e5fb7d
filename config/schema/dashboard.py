"""The page on which a run is watched."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import one_of, require

ENABLED = ("auto", "always", "never")
HIGHEST_PORT = 65_535


@dataclass
class DashboardConfig:
    """The dashboard is a program of its own: training neither waits for it nor ends with it."""

    enabled: str = MISSING  # one of ENABLED: whether a training starts it
    port: int = MISSING  # on localhost; the next free one if another program has it
    plugins: list[str] = MISSING  # modules with pages of your own, which nothing but the dashboard imports

    def __post_init__(self) -> None:
        one_of("dashboard.enabled", self.enabled, ENABLED)
        require(1024 <= self.port <= HIGHEST_PORT, f"dashboard.port is {self.port}; use 1024 to {HIGHEST_PORT}")
