"""One-minute bars of a session from whatever schema there is: the base of clock volumes and of derived daily bars."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from data.calendar import Session
from data.daily_index import PRICE_UNIT
from data.layout import DAILY_BAR, MINUTES, SECOND_NS, UNDEF_PRICE
from utils.jit import njit

MINUTE_NS = 60 * SECOND_NS
SOURCES = ("ohlcv-1m", "ohlcv-1s", "trades", "mbp-1")
"""Schemas that minute bars can be made of, the cheapest first."""
TRADE_ACTION = b"T"


class Minute(IntEnum):
    """Columns of minute bars, float64 [960, 5], dollars and shares; all 0 in minutes without a trade."""

    OPEN = 0
    HIGH = 1
    LOW = 2
    CLOSE = 3
    VOLUME = 4


@njit
def add_bars_nb(minute, opens, highs, lows, closes, volumes, out):
    """Merge bars (minute i8[n] in time order, prices and volumes f8[n]) into `out` f8[960, 5]."""
    for i in range(len(minute)):
        row = out[minute[i]]
        if row[Minute.VOLUME] == 0:
            row[Minute.OPEN] = opens[i]
            row[Minute.HIGH] = highs[i]
            row[Minute.LOW] = lows[i]
        row[Minute.HIGH] = max(row[Minute.HIGH], highs[i])
        row[Minute.LOW] = min(row[Minute.LOW], lows[i])
        row[Minute.CLOSE] = closes[i]
        row[Minute.VOLUME] += volumes[i]


def minute_bars(chunks: Iterable[npt.NDArray[np.void]], schema: str, clock: Session) -> npt.NDArray[np.float64]:
    """float64 [960, 5] (columns: `Minute`) of one session from records of one of `SOURCES`."""
    out = np.zeros((MINUTES, len(Minute)))
    for records in chunks:
        if schema.startswith("ohlcv"):
            used = records[records["volume"] > 0]
            time, volume = used["ts_event"], used["volume"]
            opens, highs, lows, closes = (used[name] / PRICE_UNIT for name in ("open", "high", "low", "close"))
        else:
            used = records[(records["action"] == TRADE_ACTION) & (records["price"] != UNDEF_PRICE)]
            used = used[used["size"] > 0]
            time, volume = used["ts_recv"], used["size"]
            opens = highs = lows = closes = used["price"] / PRICE_UNIT
        minute = (time.astype(np.int64) - clock.start_ns) // MINUTE_NS
        add_bars_nb(minute, opens, highs, lows, closes, volume.astype(np.float64), out)
    return out


def daily_bar(bars: npt.NDArray[np.float64], clock: Session) -> npt.NDArray[np.void] | None:
    """DAILY_BAR [1] of a session's minute bars, None without a trade.

    Prices are those of the regular session, as in official daily bars, of the whole day if it had no regular trade;
    volume is that of the whole day.
    """
    traded = bars[:, Minute.VOLUME] > 0
    if not traded.any():
        return None
    regular = np.zeros(MINUTES, bool)
    regular[clock.open_s // 60 : clock.close_s // 60] = True
    used = bars[traded & regular] if (traded & regular).any() else bars[traded]
    out = np.zeros(1, DAILY_BAR)
    out["date"] = int(clock.date.strftime("%Y%m%d"))
    out["open"], out["close"] = used[0, Minute.OPEN], used[-1, Minute.CLOSE]
    out["high"], out["low"] = used[:, Minute.HIGH].max(), used[:, Minute.LOW].min()
    out["volume"] = bars[:, Minute.VOLUME].sum()
    return out
