"""The series that everything is judged by: net P&L per session over a capital that is the same every morning.

Several symbols of one session share its news and its mood, so the session is the unit; a session without a trade is a
zero, not a gap.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SESSIONS_A_YEAR = 252

Series = npt.NDArray[np.float64]
"""One figure per session, in order."""


class Sessions(NamedTuple):
    """Net P&L per session."""

    dates: tuple[dt.date, ...]
    """In order, each once."""
    pnl: Series
    """Dollars [S]; 0 where nothing was traded."""
    capital: float
    """Dollars at the start of every session: gains are taken out, losses made good."""

    @property
    def returns(self) -> Series:
        """P&L over the capital [S]."""
        return self.pnl / self.capital


def sessions_of(days: Sequence[dt.date], pnl: Series, capital: float, held_out: Collection[dt.date] = ()) -> Sessions:
    """Sum symbol-days by session.

    days: the session of each symbol-day; pnl: dollars of each; capital: dollars that each symbol-day starts with;
    held_out: sessions that count although nothing was traded. The capital of a session is what the busiest one takes.
    """
    dates = tuple(sorted({*days, *held_out}))
    row = {date: i for i, date in enumerate(dates)}
    sums = np.bincount([row[date] for date in days], weights=pnl, minlength=len(dates)).astype(np.float64)
    return Sessions(dates, sums, capital * max(Counter(days).values(), default=1))
