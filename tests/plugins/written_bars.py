"""Files of one-second bars, as somebody may have them: a random walk from 09:30 on, lively enough to be looked at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from utils.seeding import stream

BARS = 1_800
"""Seconds a session."""
FIRST_S = 34_200
"""09:30."""


def write_bars(folder: Path, symbols: Sequence[str], dates: Sequence[dt.date]) -> None:
    """FOLDER/SYMBOL/DATE.csv with columns time, open, high, low, close, volume."""
    for symbol in symbols:
        (folder / symbol).mkdir(parents=True)
        for date in dates:
            rng = stream(0, "written bars", symbol, date.isoformat())
            clock = range(FIRST_S, FIRST_S + BARS)
            closes = np.round(5.0 * np.exp(np.cumsum(rng.normal(1e-4, 1e-3, BARS))), 2)
            opens = np.concatenate([[5.0], closes[:-1]])
            frame = pl.DataFrame(
                {
                    "time": [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in clock],
                    "open": opens,
                    "high": np.maximum(opens, closes) + 0.01,
                    "low": np.minimum(opens, closes) - 0.01,
                    "close": closes,
                    "volume": rng.integers(100, 5_000, BARS),
                }
            )
            frame.write_csv(folder / symbol / f"{date}.csv")
