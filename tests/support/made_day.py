"""Small `MarketDay`s by hand: exact books for unit tests, or a seeded random walk; by numpy alone, without kernels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data.layout import (
    DAILY_ROWS,
    HALT,
    MINUTES,
    QUOTE,
    SECOND_NS,
    SECONDS,
    TRADE,
    Bar,
    Daily,
    Market,
)
from data.market_day import MarketDay

Quote = tuple[float, float, float, int, int]
"""(seconds after 04:00, bid $, ask $, bid size, ask size)"""
Trade = tuple[float, float, int, int]
"""(seconds after 04:00, price $, size, side)"""
Rows = npt.NDArray[Any]
"""The same, one row each."""
OPEN_S, CLOSE_S = 19_800, 43_200


def start_of(date: dt.date) -> int:
    """04:00 New York of `date` in UTC ns."""
    return int(dt.datetime.combine(date, dt.time(4), ZoneInfo("America/New_York")).timestamp()) * SECOND_NS


def made_day(
    quotes: Sequence[Quote] | Rows,
    trades: Sequence[Trade] | Rows = (),
    *,
    symbol: str = "MADE",
    date: dt.date = dt.date(2025, 4, 15),
    halts: Sequence[tuple[float, float]] = (),
    previous_close: float = 4.0,
) -> MarketDay:
    """A day from a few events; `halts` are (start, end) in seconds after 04:00."""
    start = start_of(date)
    q, x = np.zeros(len(quotes), QUOTE), np.zeros(len(trades), TRADE)
    t, bid, ask, q["bid_size"], q["ask_size"] = _columns(quotes, 5)
    q["ts_recv"] = q["ts_event"] = start + _whole(t * SECOND_NS)
    q["bid"], q["ask"] = _whole(bid * 1e9), _whole(ask * 1e9)
    t, price, x["size"], x["side"] = _columns(trades, 4)
    x["ts_recv"] = x["ts_event"] = start + _whole(t * SECOND_NS)
    x["price"] = _whole(price * 1e9)
    h = np.zeros(len(halts), HALT)
    for row, (begin, end) in zip(h, halts, strict=True):
        row["start_ns"], row["end_ns"] = start + round(begin * SECOND_NS), start + round(end * SECOND_NS)
    edges = start + np.arange(SECONDS + 1) * SECOND_NS
    quote_rows = np.searchsorted(q["ts_recv"], edges).astype(np.int64)
    trade_rows = np.searchsorted(x["ts_recv"], edges).astype(np.int64)
    bars = _bars(q, x, h, quote_rows, trade_rows, edges)
    daily = np.zeros((DAILY_ROWS, len(Daily)))
    daily[-5:, : Daily.VOLUME] = previous_close
    daily[-5:, Daily.VOLUME] = 1e6
    return MarketDay(
        symbol=symbol,
        date=date,
        start_ns=start,
        open_s=OPEN_S,
        close_s=CLOSE_S,
        end_s=SECONDS,
        previous_close=previous_close,
        adjustment=1.0,
        synthetic=True,
        sources={},
        notes=(),
        bars=bars,
        market=_market(bars, q, quote_rows, h, edges),
        quotes=q,
        trades=x,
        quote_rows=quote_rows,
        trade_rows=trade_rows,
        halts=h,
        daily=daily,
        clock_volume=np.linspace(1e3, 1e6, MINUTES),
    )


def _columns(rows: Sequence[tuple[float, ...]] | Rows, count: int) -> Rows:
    """[count, n]"""
    return np.asarray(rows, np.float64).reshape(-1, count).T


def _whole(values: Rows) -> np.ndarray:
    return np.rint(values).astype(np.int64)


def _bars(q, x, h, quote_rows, trade_rows, edges):
    bars = np.zeros((SECONDS, len(Bar)))
    traded = np.flatnonzero(np.diff(trade_rows))
    if len(traded):
        first, end = trade_rows[traded], trade_rows[traded + 1]
        inside = x[: end[-1]]
        price, size = inside["price"] * 1e-9, inside["size"].astype(float)
        bars[traded, Bar.OPEN], bars[traded, Bar.CLOSE] = price[first], price[end - 1]
        bars[traded, Bar.HIGH], bars[traded, Bar.LOW] = (
            np.maximum.reduceat(price, first),
            np.minimum.reduceat(price, first),
        )
        bars[traded, Bar.TRADES], bars[traded, Bar.HAS_TRADE] = end - first, 1
        bars[traded, Bar.LARGEST] = np.maximum.reduceat(size, first)
        for column, shares in (
            (Bar.VOLUME, size),
            (Bar.BUY_VOLUME, np.where(inside["side"] > 0, size, 0.0)),
            (Bar.SELL_VOLUME, np.where(inside["side"] < 0, size, 0.0)),
            (Bar.NOTIONAL, price * size),
        ):
            bars[traded, column] = np.add.reduceat(shares, first)
        last = np.maximum.accumulate(np.where(bars[:, Bar.HAS_TRADE] > 0, np.arange(SECONDS), -1))
        still = (last >= 0) & (bars[:, Bar.HAS_TRADE] == 0)
        bars[still, : Bar.CLOSE + 1] = bars[last[still], Bar.CLOSE][:, None]
    bars[:, Bar.QUOTES] = np.diff(quote_rows)
    known = quote_rows[1:] > 0
    book = q[quote_rows[1:][known] - 1]
    bars[known, Bar.BID], bars[known, Bar.ASK] = book["bid"] * 1e-9, book["ask"] * 1e-9
    bars[known, Bar.BID_SIZE], bars[known, Bar.ASK_SIZE] = book["bid_size"], book["ask_size"]
    bars[:, Bar.SPREAD_TW] = bars[:, Bar.ASK] - bars[:, Bar.BID]
    bars[known, Bar.HAS_QUOTE] = 1
    for halt in h:
        bars[(halt["start_ns"] < edges[1:]) & (halt["end_ns"] >= edges[1:]), Bar.HALTED] = 1
    return bars


def _market(bars, q, quote_rows, h, edges):
    market = np.zeros((SECONDS, len(Market)))
    market[:, : Market.ASK_SIZE + 1] = bars[:, Bar.BID : Bar.ASK_SIZE + 1]
    market[:, Market.CLOSE] = bars[:, Bar.CLOSE]
    at = quote_rows[1:] - 1
    if len(q):
        market[:, Market.QUOTE_AGE] = np.where(at >= 0, (edges[1:] - q["ts_recv"][np.maximum(at, 0)]) / SECOND_NS, 1e9)
    market[:, Market.TRADABLE] = 1 - bars[:, Bar.HALTED]
    market[OPEN_S:CLOSE_S, Market.REGULAR] = 1
    market[:, [Market.SINCE_RESUME, Market.SINCE_HALT]] = 1e9
    market[:, Market.HALT_KIND] = -1
    for halt in h:
        during = edges[1:] > halt["start_ns"]
        market[during, Market.SINCE_HALT] = (edges[1:][during] - halt["start_ns"]) / SECOND_NS
        market[during, Market.HALT_KIND] = halt["kind"]
        after = edges[1:] >= halt["end_ns"]
        market[after, Market.SINCE_RESUME] = (edges[1:][after] - halt["end_ns"]) / SECOND_NS
    volume = np.concatenate([[0.0], np.cumsum(bars[:, Bar.VOLUME])])
    market[:, Market.VOLUME_30S] = volume[1:] - volume[np.maximum(np.arange(SECONDS) - 29, 0)]
    market[:, Market.VOLUME_SCALE] = np.maximum(1e6, volume[1:])
    market[:, Market.SIGMA_DAILY] = 0.8
    market[:, Market.LULD_HIGH] = np.inf
    return market


def random_day(
    seed: int,
    *,
    quote_every_s: float = 1.0,
    price: float = 5.0,
    symbol: str = "MADE",
    date: dt.date = dt.date(2025, 4, 15),
) -> MarketDay:
    """A seeded random walk with about one quote per `quote_every_s` and a trade at every other quote."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(quote_every_s, int(SECONDS / quote_every_s)))
    times = times[times < SECONDS - 1]
    mid = price * np.exp(np.cumsum(rng.normal(0, 5e-4, len(times))))
    half = np.maximum(0.005, rng.exponential(0.002, len(times)) * mid)
    sizes = rng.integers(1, 30, (len(times), 2)) * 100.0
    bid, ask = np.round(mid - half, 2), np.round(mid + half, 2) + 0.01
    side = np.where(rng.random(len(times[::2])) < 0.5, 1.0, -1.0)
    trades = np.column_stack([times[::2] + 1e-4, np.where(side > 0, ask[::2], bid[::2]), sizes[::2, 0], side])
    return made_day(np.column_stack([times, bid, ask, sizes]), trades, symbol=symbol, date=date)
