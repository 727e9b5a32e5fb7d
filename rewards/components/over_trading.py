"""Action efficiency: a price for trading more often than a plan would."""

from __future__ import annotations

from rewards.account import HOURS_PER_S
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="over_trading",
    formula="-max(0, recent - burst) in a step that trades; recent: trading steps, leaking away at per_hour",
    units="trades",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
    params=("per_hour", "burst"),
    memory=("recent", "second"),
    on_fills=True,
)
def over_trading(step, params, memory):
    """A leaky bucket: `burst` trades are free at once, and `per_hour` of them in the long run."""
    if step["notional"] == 0.0:
        return 0.0
    leaked = params["per_hour"] * HOURS_PER_S * (step["second"] - memory["second"])
    memory["recent"] = max(0.0, memory["recent"] - leaked) + 1.0
    memory["second"] = step["second"]
    return -max(0.0, memory["recent"] - params["burst"])
