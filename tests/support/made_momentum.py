"""Momentum days and a small market of them, in memory: made bar by bar, with a book, trades and halts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data.layout import DAILY_BAR, HALT, MINUTES, QUOTE, SECOND_NS, SECONDS, TRADE, Bar, Daily, Market
from data.market_day import MarketDay
from tests.support.made_day import CLOSE_S, OPEN_S, start_of
from utils.errors import DataError
from utils.seeding import stream

Floats = npt.NDArray[np.float64]
DATE = dt.date(2025, 4, 15)


def day_of(
    price: Floats,
    volume: Floats,
    *,
    symbol: str = "MADE",
    date: dt.date = DATE,
    previous_close: float = 4.0,
    clock_volume: Floats | None = None,
    spread: float = 0.02,
    quoted_from: int = 0,
    halts: Sequence[tuple[int, int]] = (),
) -> MarketDay:
    """A day from a price [57600] and a volume [57600] per second: a second with volume has one trade at its price.

    halts: (first second without trading, second of the resumption).
    """
    halted = np.zeros(SECONDS, np.bool_)
    records = np.zeros(len(halts), HALT)
    for record, (first, resumed) in zip(records, halts, strict=True):
        halted[first:resumed] = True
        record["start_ns"], record["end_ns"] = (start_of(date) + s * SECOND_NS for s in (first, resumed))
    volume = np.where(halted, 0.0, volume)
    traded = volume > 0
    last = np.maximum.accumulate(np.where(traded, np.arange(SECONDS), -1))
    close = np.where(last >= 0, price[np.maximum(last, 0)], 0.0)
    bars = np.zeros((SECONDS, len(Bar)))
    bars[:, : Bar.CLOSE + 1] = close[:, None]
    bars[:, Bar.VOLUME] = bars[:, Bar.LARGEST] = volume
    bars[:, Bar.TRADES] = bars[:, Bar.HAS_TRADE] = traded
    bars[:, Bar.NOTIONAL] = volume * close
    bars[quoted_from:, Bar.BID], bars[quoted_from:, Bar.ASK] = (
        price[quoted_from:] + d for d in (-spread / 2, spread / 2)
    )
    bars[quoted_from:, Bar.BID_SIZE : Bar.ASK_SIZE + 1] = 1000
    bars[quoted_from:, Bar.HAS_QUOTE] = 1
    bars[:, Bar.HALTED] = halted
    market = np.zeros((SECONDS, len(Market)))
    market[:, : Market.ASK_SIZE + 1] = bars[:, Bar.BID : Bar.ASK_SIZE + 1]
    market[:, Market.CLOSE] = close
    market[:, Market.TRADABLE] = ~halted
    market[OPEN_S:CLOSE_S, Market.REGULAR] = 1
    market[:, Market.SIGMA_DAILY] = 0.2
    daily = np.zeros((30, len(Daily)))
    daily[-20:, : Daily.VOLUME] = previous_close
    daily[-20:, Daily.VOLUME] = 1e6
    rows = np.zeros(SECONDS + 1, np.int64)
    return MarketDay(
        symbol=symbol,
        date=date,
        start_ns=start_of(date),
        open_s=OPEN_S,
        close_s=CLOSE_S,
        end_s=SECONDS,
        previous_close=previous_close,
        adjustment=1.0,
        synthetic=True,
        sources={},
        notes=(),
        bars=bars,
        market=market,
        quotes=np.zeros(0, QUOTE),
        trades=np.zeros(0, TRADE),
        quote_rows=rows,
        trade_rows=rows,
        halts=records,
        daily=daily,
        clock_volume=np.linspace(1e3, 1e6, MINUTES) if clock_volume is None else clock_volume,
    )


def momentum_day(seed: int = 0, *, rise: float = 0.8, symbol: str = "MADE", date: dt.date = DATE) -> MarketDay:
    """A noisy climb by `rise` from 08:00 to 11:00 and a fall by half of it, with a spike, volume and one halt."""
    rng = stream(seed, "momentum day", symbol, date.isoformat())
    knots = [0, 14_400, 25_200, 40_000, SECONDS]
    drift = np.interp(np.arange(SECONDS), knots, [0.0, 0.0, rise, rise / 2, rise / 2])
    noise = np.cumsum(rng.normal(0, 6e-4, SECONDS))
    spike = np.interp(np.arange(SECONDS), [33_000, 33_300, 33_600], [0.0, 0.25 * rise, 0.0])
    price = np.round(4.0 * np.exp(noise) * (1 + drift) * (1 + spike), 2)
    busy = np.interp(np.arange(SECONDS), knots, [0.05, 0.4, 0.9, 0.4, 0.05])
    volume = np.where(rng.random(SECONDS) < busy, np.ceil(busy * rng.exponential(700, SECONDS)) + 1, 0.0)
    return day_of(price, volume, symbol=symbol, date=date, quoted_from=60, halts=[(22_000, 22_300)])


def quiet_day(seed: int = 0, *, symbol: str = "MADE", date: dt.date = DATE) -> MarketDay:
    """A random walk of a few per cent with little volume."""
    rng = stream(seed, "quiet day", symbol, date.isoformat())
    price = np.round(4.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, SECONDS))), 2)
    return day_of(price, np.where(rng.random(SECONDS) < 0.05, 100.0, 0.0), symbol=symbol, date=date, quoted_from=60)


class Context(NamedTuple):
    """The part of a day's context that the scan reads."""

    previous_close: float
    adjustment: float
    average_volume: float


@dataclass
class MadeMarket:
    """A market of one date: momentum in AAA, quiet in BBB, an unreadable file in CCC, a reverse split in DDD."""

    date: dt.date = DATE
    split_factor: float = 1.0
    built: list[str] = field(default_factory=list)
    """Symbols whose timeline was asked for, in this process."""

    def symbols(self) -> list[str]:
        return ["AAA", "BBB", "CCC", "DDD"]

    def resolve(self, symbol: str) -> str:
        if symbol.upper() in self.symbols():
            return symbol.upper()
        raise DataError(f"no symbol {symbol}", rule="unknown-symbol", near=self.symbols())

    def sessions(self, symbol: str) -> list[dt.date]:
        return [self.date]

    def daily(self, symbol: str) -> npt.NDArray[Any]:
        bars = np.zeros(22, DAILY_BAR)
        first = self.date - dt.timedelta(days=21)
        bars["date"] = [int(f"{first + dt.timedelta(days=i):%Y%m%d}") for i in range(22)]
        for name in ("open", "high", "low", "close"):
            bars[name] = 4.0
        bars["volume"] = 1e6
        bars["date"][-1] = int(f"{self.date:%Y%m%d}")
        if symbol in ("AAA", "CCC"):
            bars[-1] = (bars["date"][-1], 4.0, 7.5, 3.9, 5.5, 1.5e7)
        if symbol == "DDD":
            bars[-1] = (bars["date"][-1], 40.0, 41.0, 39.0, 40.0, 1.2e5)
        return bars

    def context(self, symbol: str, date: dt.date) -> Context:
        factor = self.split_factor if symbol == "DDD" else 1.0
        return Context(4.0 * factor, factor, 1e6 / factor)

    def sources(self, symbol: str, date: dt.date) -> dict[str, str]:
        return {f"{symbol}.dbn.zst": "0"}

    def day(self, symbol: str, date: dt.date) -> MarketDay:
        """The timeline."""
        self.built.append(symbol)
        if symbol == "CCC":
            raise DataError("ccc.dbn.zst ends in the middle of a record", rule="truncated", where="ccc.dbn.zst")
        return momentum_day(symbol=symbol, date=date) if symbol == "AAA" else quiet_day(symbol=symbol, date=date)


@dataclass
class ManyDays(MadeMarket):
    """AAA on many dates, so that a scan pays for a pool of processes."""

    count: int = 40

    def symbols(self) -> list[str]:
        return ["AAA"]

    def sessions(self, symbol: str) -> list[dt.date]:
        return [self.date + dt.timedelta(days=i) for i in range(self.count)]

    def daily(self, symbol: str) -> npt.NDArray[Any]:
        return np.zeros(0, DAILY_BAR)

    def day(self, symbol: str, date: dt.date) -> MarketDay:
        self.built.append(symbol)
        return quiet_day(symbol=symbol, date=date)
