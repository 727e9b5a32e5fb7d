"""A broken reward component: it claims to telescope, and pays the P&L so far again and again."""

from __future__ import annotations

import numpy as np

from rewards.registry import Safety, reward_component


@reward_component(
    name="cumulative_pnl",
    formula="ln(E / E_start) at every step",
    units="log return",
    safety=Safety.TELESCOPING,
)
def cumulative_pnl(step, params, memory):
    """Whoever wins early is paid until the end, whoever loses ends the episode."""
    return np.log(max(step["equity_after"], 1.0) / step["start_equity"])
