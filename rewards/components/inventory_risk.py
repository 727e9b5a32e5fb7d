"""A price for exposure, by how much the stock moves."""

from __future__ import annotations

from rewards.registry import Effect, Safety, reward_component

SESSIONS_PER_S = 1.0 / 23_400.0
"""A daily volatility is spread over the seconds of regular trading."""


@reward_component(
    name="inventory_risk",
    formula="-(exposure * sigma_daily * sqrt(seconds / 23,400)) ^ 2, exposure = |position| * mid / E",
    units="variance of equity's return over the step",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
)
def inventory_risk(step, params, memory):
    """Quadratic, as in mean-variance utility: half a position costs a quarter."""
    return -((step["exposure"] * step["sigma"]) ** 2) * step["seconds"] * SESSIONS_PER_S
