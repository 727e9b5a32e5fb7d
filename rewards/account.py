"""What several components measure alike."""

from __future__ import annotations

from data.day_clock import HOUR_S
from utils.jit import njit

SMALLEST_EQUITY = 1.0
"""Dollars: keeps logarithms and ratios finite when an account is wiped out."""
HOURS_PER_S = 1.0 / HOUR_S
"""A product takes a quarter of the time of a quotient."""


@njit
def of_equity_nb(step, dollars):
    """`dollars` as a share of the equity before the step."""
    if dollars == 0.0:  # in most steps; a division takes longer than the rest
        return 0.0
    return dollars / max(step["equity_before"], SMALLEST_EQUITY)
