"""A bonus for profits that never hurt on the way."""

from __future__ import annotations

from rewards.account import of_equity_nb
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="clean_trade",
    formula="(1 + MAE / tolerance) * net P&L of a round trip with a profit and MAE > -tolerance / E_before",
    units="share of equity",
    safety=Safety.SHAPING,
    effect=Effect.BONUS,
    params=("tolerance",),
    on_fills=True,
)
def clean_trade(step, params, memory):
    """The smaller the adverse excursion (share of the position's cost), the more of the profit is paid once more."""
    if step["closed"] == 0 or step["trade_realised"] <= 0.0:
        return 0.0
    cleanness = max(0.0, 1.0 + step["mae"] / max(params["tolerance"], 1e-9))
    return of_equity_nb(step, cleanness * step["trade_realised"])
