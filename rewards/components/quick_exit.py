"""Part of a loss handed back if it was cut at once."""

from __future__ import annotations

from rewards.account import of_equity_nb
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="quick_exit",
    formula="(1 - held_s / limit_s) * loss of a round trip closed within limit_s / E_before",
    units="share of equity",
    safety=Safety.SHAPING,
    effect=Effect.BONUS,
    params=("limit_s",),
    on_fills=True,
)
def quick_exit(step, params, memory):
    """Less than the loss itself, so that no loss is worth taking for it; paid only out of an episode's gain."""
    if step["closed"] == 0 or step["trade_realised"] >= 0.0:
        return 0.0
    left = max(0.0, 1.0 - step["held_s"] / max(params["limit_s"], 1.0))
    return of_equity_nb(step, -left * step["trade_realised"])
