"""What several components measure alike."""

from __future__ import annotations

from utils.jit import njit

SMALLEST_EQUITY = 1.0
"""Dollars: keeps logarithms and ratios finite when an account is wiped out."""
HOUR_S = 3600.0


@njit
def of_equity_nb(step, dollars):
    """`dollars` as a share of the equity before the step."""
    return dollars / max(step["equity_before"], SMALLEST_EQUITY)
