"""Profit when it is taken rather than while it is on paper."""

from __future__ import annotations

from rewards.account import SMALLEST_EQUITY
from rewards.registry import Safety, reward_component


@reward_component(
    name="realised_pnl",
    formula="realised P&L net of fees / E_start",
    units="share of the starting equity",
    safety=Safety.TELESCOPING,
    on_fills=True,
)
def realised_pnl(step, params, memory):
    """Sums to (E_end - E_start) / E_start, as the last step closes the position."""
    return step["realised"] / max(step["start_equity"], SMALLEST_EQUITY)
