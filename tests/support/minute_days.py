"""Days of real 1-minute bars, and the series that features are made of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import databento
import numpy as np
import numpy.typing as npt

from data.layout import SECOND_NS
from data.market_day import MarketDay
from feature.frame import Frame
from feature.registry import discover
from tests.support.made_day import Trade, made_day, start_of

Floats = npt.NDArray[np.float64]


def real_day(folder: Path, symbol: str, date: dt.date) -> MarketDay:
    """A session of 1-minute bars, each as four trades: its open, high, low and close."""
    store = databento.DBNStore.from_file(folder / f"equs-mini-202203-202204.ohlcv-1m.{symbol}.dbn.zst")
    bars = store.to_ndarray()
    when = [dt.datetime.fromtimestamp(ts // SECOND_NS, ZoneInfo("America/New_York")) for ts in bars["ts_event"]]
    bars = bars[[moment.date() == date for moment in when]]
    trades: list[Trade] = []
    for bar in bars:
        begin = (int(bar["ts_event"]) - start_of(date)) / SECOND_NS
        size, rest = divmod(int(bar["volume"]), 4)
        for second, price, extra in ((0, "open", rest), (15, "high", 0), (30, "low", 0), (45, "close", 0)):
            trades.append((begin + second, float(bar[price]) * 1e-9, size + extra, 1 - 2 * (second % 2)))
    return made_day([], trades, symbol=symbol, date=date)


def values(day: MarketDay, expression: str) -> Floats:
    """The series of an input expression."""
    discover()
    found = Frame(day).value(expression)
    assert isinstance(found, np.ndarray)
    return found
