"""What a policy looks at, and how that is found out."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, require

NICEST = 19


@dataclass
class ExplainConfig:
    """Explanations of a policy: beside its training, in a process of their own, and of a backtest's trades.

    Training is the same whatever stands here.
    """

    every: int = MISSING  # updates of a training between two checks, the first after as many; 0: none
    decisions: int = MISSING  # explained in a check of each kind: entries, exits, holds, flat
    steps: int = MISSING  # of integrated gradients
    batch: int = MISSING  # rows in one pass through the network
    shap: int = MISSING  # decisions that SHAP's GradientExplainer explains too, to compare; 0: none
    days: int = MISSING  # training days whose rows tell how features spread, drift and go together, at most
    dead_share: float = MISSING  # of the median feature: what matters less is quiet
    dead_checks: int = MISSING  # quiet in so many checks running is dead
    redundant: float = MISSING  # correlation of two features from which they say nearly the same
    trades: int = MISSING  # of a backtest that are explained, those that won or lost most; 0: none
    memory_mb: int = MISSING  # that a check beside a training may take; then it ends, and the training goes on
    time_limit_s: float = MISSING  # that it may take
    wait_s: float = MISSING  # that the end of a training waits for a check that is still running
    nice: int = MISSING  # of the check's process, 0 to 19; with 19 it also only gets time that nobody else wants
    threads: int = MISSING  # of the check's process

    def __post_init__(self) -> None:
        at_least("explain", self, 0, "every", "shap", "trades", "wait_s", "nice")
        at_least("explain", self, 1, "decisions", "steps", "batch", "days", "dead_checks", "memory_mb", "threads")
        require(self.time_limit_s > 0, f"explain.time_limit_s is {self.time_limit_s}; use more than 0")
        require(self.nice <= NICEST, f"explain.nice is {self.nice}; use 0 to {NICEST}")
        for name in ("dead_share", "redundant"):
            value = getattr(self, name)
            require(0 < value <= 1, f"explain.{name} is {value}; use a share in (0, 1]")
