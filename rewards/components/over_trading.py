"""Action efficiency: a price for trading more often than a plan would."""

from __future__ import annotations

from rewards.account import HOUR_S
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="over_trading",
    formula="-max(0, recent - burst) in a step that trades; recent: fills, leaking away at per_hour",
    units="fills",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
    params=("per_hour", "burst"),
    memory=("recent",),
)
def over_trading(step, params, memory):
    """A leaky bucket: `burst` fills are free at once, and `per_hour` of them in the long run."""
    recent = max(0.0, memory["recent"] - params["per_hour"] * step["seconds"] / HOUR_S)
    if step["filled"] != 0.0:
        recent += 1.0
    memory["recent"] = recent
    return -max(0.0, recent - params["burst"]) if step["filled"] != 0.0 else 0.0
