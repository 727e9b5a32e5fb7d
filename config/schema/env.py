"""Episodes, decisions and what they are rewarded for."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import one_of, require


@dataclass
class EnvConfig:
    """Episodes and decisions."""

    decision_interval_s: int = MISSING
    invalid_action: str = MISSING  # mask | penalise | terminate
    invalid_limit: int = MISSING  # with "terminate": that many end the episode
    max_loss: float = MISSING  # share of start equity; ends the episode
    bankrupt_equity: float = MISSING  # share of start equity at or below which the account is bankrupt

    def __post_init__(self) -> None:
        one_of("env.invalid_action", self.invalid_action, ("mask", "penalise", "terminate"))
        require(self.decision_interval_s >= 1, "env.decision_interval_s must be at least 1")
        require(self.invalid_limit >= 1, "env.invalid_limit must be at least 1")
        require(0 < self.max_loss <= 1, f"env.max_loss is {self.max_loss}; it is a share in (0, 1]")
        require(0 <= self.bankrupt_equity < 1, f"env.bankrupt_equity is {self.bankrupt_equity}; it is in [0, 1)")


@dataclass
class RewardComponentConfig:
    """One component: its name is its key and the name it is registered under. `clip` and `cap` are in its units."""

    enabled: bool = MISSING
    weight: float = MISSING  # >= 0, reward per unit
    clip: float = MISSING  # most per step, absolute (of a potential: most of Phi); 0: none
    cap: float = MISSING  # most of |component| summed over an episode; 0: none
    smoothing: float = MISSING  # weight of the past in a moving average, [0, 1); the rest is paid at the episode's end
    until: float = MISSING  # share of training over which the weight fades to 0, linearly; 0: it never fades
    halflife: float = MISSING  # share of training in which the weight halves, again and again; 0: never
    params: dict[str, float] = MISSING


@dataclass
class RewardConfig:
    """The composite: sum of weight * component, each within its limits."""

    gamma: float = MISSING  # of potentials; must be the discount that the agent learns with
    bonus_share: float = MISSING  # bonuses add at most this share of the net gain so far; losses are charged it
    shaping_limit: float = MISSING  # share of |reward| above which shaping is warned about
    components: dict[str, RewardComponentConfig] = MISSING

    def __post_init__(self) -> None:
        require(0 < self.gamma <= 1, f"reward.gamma is {self.gamma}; it is a discount in (0, 1]")
        require(self.bonus_share >= 0, f"reward.bonus_share is {self.bonus_share}; it is at least 0")
        require(0 <= self.shaping_limit <= 1, f"reward.shaping_limit is {self.shaping_limit}; it is a share")
