"""A bonus for taking profit."""

from __future__ import annotations

from rewards.account import of_equity_nb
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="profit_closing",
    formula="net P&L of a round trip that ends with a profit / E_before",
    units="share of equity",
    safety=Safety.SHAPING,
    effect=Effect.BONUS,
    on_fills=True,
)
def profit_closing(step, params, memory):
    """Paid when the position is closed, fees and all fills of the round trip included."""
    return of_equity_nb(step, max(0.0, step["trade_realised"])) if step["closed"] != 0 else 0.0
