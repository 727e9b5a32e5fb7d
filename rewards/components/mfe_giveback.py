"""Profit that was on the table and not taken."""

from __future__ import annotations

from rewards.account import of_equity_nb
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="mfe_giveback",
    formula="-max(0, MFE * cost of the shares closed - their realised P&L) / E_before, MFE = best open return",
    units="share of equity",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
    on_fills=True,
)
def mfe_giveback(step, params, memory):
    """Charged when shares are closed, for these shares; nothing if the position was never in profit."""
    if step["closed_value"] == 0.0 or step["mfe"] <= 0.0:
        return 0.0
    return -of_equity_nb(step, max(0.0, step["mfe"] * step["closed_value"] - step["realised"]))
