"""A day is arrays: one `MarketDay` holds everything that is known about a symbol's day, memory-mapped once stored."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from utils.atomic import new_folder

ARRAYS = (
    "bars",
    "market",
    "quotes",
    "trades",
    "quote_rows",
    "trade_rows",
    "halts",
    "daily",
    "clock_volume",
)


@dataclass(frozen=True, kw_only=True)
class MarketDay:
    """One symbol, one date. Arrays are read-only; see `data/layout.py` for their columns."""

    symbol: str
    date: dt.date
    start_ns: int
    """04:00:00 New York of `date`, UTC ns: the start of second 0."""
    open_s: int
    """Second of the regular open (19,800 = 09:30)."""
    close_s: int
    """Second of the regular close (43,200 = 16:00; earlier on early closes)."""
    end_s: int
    """Second at which the post-market ends (57,600 = 20:00; earlier on early closes)."""
    previous_close: float
    """Adjusted to `date`, dollars; 0 if unknown."""
    adjustment: float
    """Factor that was applied to earlier prices (10 after a 1:10 reverse split), 1 if none."""
    synthetic: bool
    sources: dict[str, str]
    """Content hash by file name."""
    notes: tuple[str, ...]
    """Repairs and gaps worth telling, e.g. "no status schema: halts inferred"."""

    bars: npt.NDArray[np.float64]  # [57600, len(Bar)]
    market: npt.NDArray[np.float64]  # [57600, len(Market)]
    quotes: npt.NDArray[np.void]  # QUOTE [n]
    trades: npt.NDArray[np.void]  # TRADE [m]
    quote_rows: npt.NDArray[np.int64]  # [57601] first row of `quotes` that arrived at or after the start of second s
    trade_rows: npt.NDArray[np.int64]  # [57601]
    halts: npt.NDArray[np.void]  # HALT [k]
    daily: npt.NDArray[np.float64]  # [30, len(Daily)] previous sessions, oldest first, zero rows in front where unknown
    clock_volume: npt.NDArray[
        np.float64
    ]  # [960] mean cumulative volume by the end of minute m over <= 20 previous sessions

    @property
    def name(self) -> str:
        """E.g. "MLGO 2025-04-15"."""
        return f"{self.symbol} {self.date.isoformat()}"

    def save(self, folder: Path) -> None:
        """Write as one `.npy` per array plus `meta.json`; the folder appears whole or not at all."""
        with new_folder(folder) as made:
            for name in ARRAYS:
                np.save(made / f"{name}.npy", getattr(self, name), allow_pickle=False)
            (made / "meta.json").write_text(json.dumps(self._meta(), indent=1))

    def _meta(self) -> dict[str, Any]:
        meta = {k: getattr(self, k) for k in self.__dataclass_fields__ if k not in ARRAYS}
        return {**meta, "date": self.date.isoformat(), "notes": list(self.notes)}

    @classmethod
    def open(cls, folder: Path) -> MarketDay:
        """Memory-map a stored day. Raises FileNotFoundError if it is not there."""
        meta = json.loads((folder / "meta.json").read_text())
        meta["date"] = dt.date.fromisoformat(meta["date"])
        meta["notes"] = tuple(meta["notes"])
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        return cls(**meta, **arrays)
