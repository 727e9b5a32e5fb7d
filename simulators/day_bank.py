"""Many market days as kernels see them: one table of addresses, nothing copied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from config.schema import FeeConfig
from data.layout import HALT, QUOTE, SECONDS, Market
from data.market_day import MarketDay
from simulators.fees import rates_on
from simulators.layout import DAY
from utils.errors import DataError

_EXPECTED: dict[str, tuple[np.dtype[np.generic], int | None, int | None]] = {
    "market": (np.dtype(np.float64), SECONDS, len(Market)),
    "quotes": (QUOTE, None, None),
    "quote_rows": (np.dtype(np.int64), SECONDS + 1, None),
    "halts": (HALT, None, None),
}
"""dtype, rows and columns of the arrays whose memory kernels read directly."""


class DayBank:
    """Keeps days alive and tells kernels where their arrays lie.

    Raises DataError if an array is not what its address will be taken for.
    """

    def __init__(self, days: Sequence[MarketDay], fees: FeeConfig) -> None:
        self.days = tuple(days)
        self.table: npt.NDArray[np.void] = np.zeros(len(self.days), DAY)
        """One DAY record per day, in the order of `days`."""
        for row, day in zip(self.table, self.days, strict=True):
            _describe(row, day, fees)

    def __len__(self) -> int:
        return len(self.days)


def _describe(row: np.void, day: MarketDay, fees: FeeConfig) -> None:
    for name in _EXPECTED:
        row[name] = _address(day, name)
    row["quote_count"], row["halt_count"] = len(day.quotes), len(day.halts)
    row["start_ns"] = day.start_ns
    row["open_s"], row["close_s"], row["end_s"] = day.open_s, day.close_s, day.end_s
    row["last_s"] = min(day.end_s, SECONDS) - 1
    row["sec_rate"], row["taf_per_share"], row["taf_cap"] = rates_on(day.date, fees)


def _address(day: MarketDay, name: str) -> int:
    array: npt.NDArray[np.generic] = getattr(day, name)
    dtype, rows, columns = _EXPECTED[name]
    shape = (array.shape[0] if rows is None else rows, *(() if columns is None else (columns,)))
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous or not array.flags.aligned:
        raise DataError(
            f"{day.name}: {name} is {array.dtype} {array.shape}, not a contiguous {dtype} {shape}",
            rule="layout",
            fix="delete the cached day: it was written by another version",
        )
    return array.ctypes.data
