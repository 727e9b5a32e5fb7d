"""A price for holding beyond the time a momentum trade is given."""

from __future__ import annotations

from rewards.account import HOURS_PER_S
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="overtime",
    formula="-seconds of the step beyond limit_s since the entry / 3600",
    units="hours",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
    params=("limit_s",),
)
def overtime(step, params, memory):
    """Nothing before `limit_s` seconds in the position."""
    beyond = step["held_s"] - params["limit_s"]
    if step["position_after"] == 0.0 or beyond <= 0.0:
        return 0.0
    return -HOURS_PER_S * min(beyond, float(step["seconds"]))
