"""Episodes, decisions and what they are rewarded for."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import require


@dataclass
class EnvConfig:
    """Episodes and decisions."""

    decision_interval_s: int = MISSING
    invalid_action: str = MISSING  # mask | penalise | terminate
    invalid_limit: int = MISSING  # with "terminate": that many end the episode
    max_loss: float = MISSING  # share of start equity; ends the episode
    bankrupt_equity: float = MISSING  # share of start equity at or below which the account is bankrupt

    def __post_init__(self) -> None:
        require(
            self.invalid_action in ("mask", "penalise", "terminate"),
            f"env.invalid_action is {self.invalid_action!r}; use mask, penalise or terminate",
        )
        require(self.decision_interval_s >= 1, "env.decision_interval_s must be at least 1")
        require(self.invalid_limit >= 1, "env.invalid_limit must be at least 1")
        require(0 < self.max_loss <= 1, f"env.max_loss is {self.max_loss}; it is a share in (0, 1]")
        require(0 <= self.bankrupt_equity < 1, f"env.bankrupt_equity is {self.bankrupt_equity}; it is in [0, 1)")


@dataclass
class RewardComponentConfig:
    """One component: its name is its key and the name it is registered under."""

    weight: float = MISSING
    clip: float = MISSING  # per step, absolute; 0: none
    until: float = MISSING  # share of training over which the weight fades to 0, linearly; 0: it never fades
    params: dict[str, float] = MISSING


@dataclass
class RewardConfig:
    """The composite: sum of weight * clip(component)."""

    components: dict[str, RewardComponentConfig] = MISSING
