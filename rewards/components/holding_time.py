"""A price for every hour in the market: momentum is short."""

from __future__ import annotations

from rewards.account import HOURS_PER_S
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="holding_time",
    formula="-seconds with a position / 3600",
    units="hours",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
)
def holding_time(step, params, memory):
    """The whole step counts if a position is open after it."""
    return -HOURS_PER_S * step["seconds"] if step["position_after"] != 0.0 else 0.0
