"""The base of every reward: log return of the account."""

from __future__ import annotations

import numpy as np

from rewards.account import SMALLEST_EQUITY
from rewards.registry import Safety, reward_component


@reward_component(
    name="log_equity",
    formula="ln(E_after / E_before), E at liquidation value, forced flatten included",
    units="log return",
    safety=Safety.TELESCOPING,
)
def log_equity(step, params, memory):
    """Telescopes to ln(E_end / E_start) over an episode."""
    before = max(step["equity_before"], SMALLEST_EQUITY)
    after = max(step["equity_after"], SMALLEST_EQUITY)
    return np.log(after / before) if after != before else 0.0  # logarithms take long
