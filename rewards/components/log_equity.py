"""The base of every reward: log return of the account."""

from __future__ import annotations

import numpy as np

from rewards.registry import Safety, reward_component
from utils.jit import njit

SMALLEST_EQUITY = 1.0
"""Dollars: keeps the logarithm finite when an account is wiped out."""


@reward_component(
    name="log_equity",
    formula="ln(E_after / E_before), E at liquidation value, forced flatten included",
    units="log return",
    safety=Safety.TELESCOPING,
)
@njit
def log_equity_nb(steps, params, memory, out):
    """Telescopes to ln(E_end / E_start) over an episode, so that it cannot be farmed."""
    for i in range(len(steps)):
        before = max(steps[i]["equity_before"], SMALLEST_EQUITY)
        after = max(steps[i]["equity_after"], SMALLEST_EQUITY)
        out[i] = np.log(after / before)
