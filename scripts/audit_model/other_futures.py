"""A day whose future is another one from some second on: its bars, its market, its events, its halts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from data.layout import SECOND_NS, SECONDS, UNDEF_PRICE
from data.market_day import MarketDay
from scripts.audit_features.causality import FACTOR, Future, spoil

FUTURES = tuple(future for future in Future if future is not Future.ENDS)
"""A day has all of its seconds: that it ends is told by silence."""
PRICES, SIZES = ("bid", "ask", "price"), ("bid_size", "ask_size", "size")
DEAREST, LARGEST = 1_000 * 10**9, 1_000_000
"""Bounds of noise: 1e-9 dollars, shares."""

Events = npt.NDArray[np.void]


def with_other_future(day: MarketDay, cut: int, future: Future, rng: np.random.Generator) -> MarketDay:
    """`day`, of which nothing is left that arrived in second `cut` or later.

    Events that happened before it and arrived later stay: the market had them when an order met it.
    """
    bars, market = np.array(day.bars), np.array(day.market)
    for table in (bars, market):
        spoil(table[cut:], future, rng)
    begin_ns = day.start_ns + cut * SECOND_NS
    quotes = _events(day.quotes, begin_ns, future, rng)
    trades = _events(day.trades, begin_ns, future, rng)
    return replace(
        day,
        bars=bars,
        market=market,
        quotes=quotes,
        trades=trades,
        quote_rows=rows_by_second(quotes, day.start_ns),
        trade_rows=rows_by_second(trades, day.start_ns),
        halts=_halts(day.halts, begin_ns, day.start_ns + SECONDS * SECOND_NS),
        key="",
    )


def rows_by_second(events: Events, start_ns: int) -> npt.NDArray[np.int64]:
    """First row that arrived at or after the start of second s [57601]."""
    starts = start_ns + np.arange(SECONDS + 1, dtype=np.int64) * SECOND_NS
    return np.searchsorted(events["ts_recv"], starts).astype(np.int64)


def _events(events: Events, begin_ns: int, future: Future, rng: np.random.Generator) -> Events:
    later = (events["ts_recv"] >= begin_ns) & (events["ts_event"] >= begin_ns)
    if future is Future.SILENCE:
        return np.ascontiguousarray(events[~later])
    changed = events.copy()
    for name in events.dtype.names or ():
        if name in PRICES:
            changed[name][later] = _values(events[name][later], future, rng, DEAREST, UNDEF_PRICE)
        elif name in SIZES:
            changed[name][later] = _values(events[name][later], future, rng, LARGEST, 0)
    return changed


def _values(
    now: npt.NDArray[np.int64], future: Future, rng: np.random.Generator, most: int, none: int
) -> npt.NDArray[np.int64]:
    """Other prices or sizes; `none` is how their absence is written."""
    match future:
        case Future.SEVENFOLD:
            return np.where(now == none, none, np.minimum(now, most) * int(FACTOR))
        case Future.NOISE:
            return rng.integers(1, most, len(now))
        case _:
            return np.full(len(now), none)


def _halts(halts: Events, begin_ns: int, end_ns: int) -> Events:
    """Those that had begun; one that still ran never ends."""
    known = halts[halts["start_ns"] < begin_ns].copy()
    known["end_ns"][known["end_ns"] > begin_ns] = end_ns
    return known
