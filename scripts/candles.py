"""Candles of any length from the bars of a day, for pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data.layout import Bar


def candles(bars: npt.NDArray[np.float64], seconds: int) -> dict[str, npt.NDArray[np.float64]]:
    """Open, high, low, close (dollars) and volume (shares) of every `seconds`, [n / seconds] each, from bars [n, Bar].

    Prices are nan where nothing was traded.
    """
    parts = bars.reshape(-1, seconds, len(Bar))
    traded = parts[:, :, Bar.HAS_TRADE] > 0
    some = traded.any(axis=1)
    first, last = traded.argmax(axis=1), seconds - 1 - traded[:, ::-1].argmax(axis=1)
    rows = np.arange(len(parts))
    found = {
        "open": parts[rows, first, Bar.OPEN],
        "high": np.where(traded, parts[:, :, Bar.HIGH], -np.inf).max(axis=1),
        "low": np.where(traded, parts[:, :, Bar.LOW], np.inf).min(axis=1),
        "close": parts[rows, last, Bar.CLOSE],
    }
    prices = {name: np.where(some, price, np.nan) for name, price in found.items()}
    return {**prices, "volume": parts[:, :, Bar.VOLUME].sum(axis=1)}
