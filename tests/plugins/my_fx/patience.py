"""A reward component: waiting is worth something."""

from __future__ import annotations

from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="patience",
    formula="1 per decision without a position",
    units="count",
    safety=Safety.SHAPING,
    effect=Effect.BONUS,
)
def patience(step, params, memory):
    """Before weight, clip and cap."""
    return 1.0 if step["position_after"] == 0.0 else 0.0
