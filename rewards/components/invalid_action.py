"""A small price for asking for what cannot be done; silent while invalid actions are masked."""

from __future__ import annotations

from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="invalid_action",
    formula="-1 per action that was not possible",
    units="count",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
)
def invalid_action(step, params, memory):
    """-1 where the step's action was invalid."""
    return -float(step["invalid"])
