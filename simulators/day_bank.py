"""Many market days as kernels see them: one table of addresses, nothing copied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from config.schema import SessionConfig, SimulationConfig
from data.day_clock import clock, second_at
from data.layout import HALT, QUOTE, SECONDS, TRADE, Market
from data.market_day import MarketDay
from simulators.account import account_on, can_borrow
from simulators.fees import rates_on
from simulators.layout import DAY
from utils.errors import ConfigError, DataError

_EXPECTED: dict[str, tuple[np.dtype[np.generic], int | None, int | None]] = {
    "market": (np.dtype(np.float64), SECONDS, len(Market)),
    "quotes": (QUOTE, None, None),
    "quote_rows": (np.dtype(np.int64), SECONDS + 1, None),
    "trades": (TRADE, None, None),
    "trade_rows": (np.dtype(np.int64), SECONDS + 1, None),
    "halts": (HALT, None, None),
}
"""dtype, rows and columns of the arrays whose memory kernels read directly."""


class DayBank:
    """Keeps days alive and tells kernels where their arrays lie.

    Raises DataError if an array is not what its address will be taken for, ConfigError if the simulation's dated
    tables or session do not cover a day.
    """

    def __init__(self, days: Sequence[MarketDay], simulation: SimulationConfig) -> None:
        self.days = tuple(days)
        self.table: npt.NDArray[np.void] = np.zeros(len(self.days), DAY)
        """One DAY record per day, in the order of `days`."""
        for row, day in zip(self.table, self.days, strict=True):
            _describe(row, day, simulation)

    def __len__(self) -> int:
        return len(self.days)


def _describe(row: np.void, day: MarketDay, simulation: SimulationConfig) -> None:
    for name in _EXPECTED:
        row[name] = _address(day, name)
    row["quote_count"], row["trade_count"], row["halt_count"] = len(day.quotes), len(day.trades), len(day.halts)
    row["start_ns"] = day.start_ns
    row["open_s"], row["close_s"] = day.open_s, day.close_s
    row["first_s"], row["end_s"] = trading_hours(day, simulation.session)
    row["last_s"] = row["end_s"] - 1
    row["sec_rate"], row["taf_per_share"], row["taf_cap"] = rates_on(day.date, simulation.fees)
    account = account_on(day.date, simulation.account)
    row["leverage"], row["maintenance"] = account.leverage, account.maintenance
    row["settle"], row["day_trades_left"] = account.settle, account.day_trades_left
    row["locate"] = can_borrow(day.symbol, day.date, simulation.shorts)


def trading_hours(day: MarketDay, session: SessionConfig) -> tuple[int, int]:
    """[first, end) seconds after 04:00 in which orders may trade; early closes end earlier.

    Raises ConfigError if the session is over before it begins.
    """
    first, last = session_seconds(session)
    end = min(last, day.end_s)
    if end - first < 2:
        raise ConfigError(
            f"{day.name} trades until {clock(day.end_s)}, the session begins at {session.first}",
            where="simulation.session",
            fix="simulation/session=extended, or leave the day out",
        )
    return first, end


def session_seconds(session: SessionConfig) -> tuple[int, int]:
    """[first, end) seconds after 04:00 of the session on a day without an early close."""
    return second_at(session.first), second_at(session.last)


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
