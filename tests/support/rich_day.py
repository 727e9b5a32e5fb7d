"""A random day with all that features can meet: a halt, price bands, earlier sessions, silence at first."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from data.layout import DAILY_ROWS, MINUTES, SECONDS, Bar, Daily, HaltKind, Market
from data.market_day import MarketDay
from tests.support.made_day import random_day

FIRST_EVENT_S = 900
HALT = (25_000, 25_300)


@functools.cache
def rich_day(seed: int = 5) -> MarketDay:
    """Made once per process; arrays are read-only."""
    rng = np.random.default_rng(seed)
    day = random_day(seed, price=6.0)
    bars, market = day.bars.copy(), day.market.copy()
    bars[:FIRST_EVENT_S] = 0.0
    market[:FIRST_EVENT_S] = 0.0
    market[:FIRST_EVENT_S, [Market.QUOTE_AGE, Market.SINCE_RESUME, Market.SINCE_HALT]] = 1e9
    market[:FIRST_EVENT_S, Market.HALT_KIND] = -1
    market[:FIRST_EVENT_S, Market.LULD_HIGH] = np.inf
    bars[:, Bar.OFI] = np.where(bars[:, Bar.QUOTES] > 0, rng.integers(-40, 40, SECONDS) * 100, 0.0)
    bars[: FIRST_EVENT_S + 60, Bar.OFI] = 0.0
    _halt(bars, market)
    open_, close = day.open_s, day.close_s
    market[open_:close, Market.LULD_LOW] = bars[open_:close, Bar.BID] * 0.97
    market[open_:close, Market.LULD_HIGH] = bars[open_:close, Bar.ASK] * 1.04
    market[HALT[0] - 15 : HALT[0], Market.LIMIT_STATE] = 1.0
    market[35_000:35_020, Market.LIMIT_STATE] = -1.0
    market[35_000:, Market.SSR] = 1.0
    for array in (bars, market):
        array.flags.writeable = False
    growth = np.cumsum(rng.uniform(0, 2e6 / MINUTES, MINUTES))
    known = {"shares_outstanding": 2e7, "float_shares": 8e6}
    return replace(day, bars=bars, market=market, daily=_sessions(rng), clock_volume=growth, **known)


def _halt(bars: np.ndarray, market: np.ndarray) -> None:
    first, last = HALT
    flows = [Bar.VOLUME, Bar.TRADES, Bar.BUY_VOLUME, Bar.SELL_VOLUME, Bar.NOTIONAL, Bar.LARGEST, Bar.HAS_TRADE]
    bars[first:last, [*flows, Bar.QUOTES, Bar.OFI]] = 0.0
    held = bars[first - 1]
    for column in (Bar.BID, Bar.ASK, Bar.BID_SIZE, Bar.ASK_SIZE, Bar.CLOSE):
        bars[first:last, column] = held[column]
    for column in (Bar.OPEN, Bar.HIGH, Bar.LOW):
        bars[first:last, column] = held[Bar.CLOSE]
    bars[first:last, Bar.HALTED] = 1.0
    market[first:last, Market.TRADABLE] = 0.0
    market[last:, Market.SINCE_RESUME] = np.arange(SECONDS - last)
    market[first:, Market.SINCE_HALT] = np.arange(SECONDS - first)
    market[first:, Market.HALT_KIND] = HaltKind.LULD
    market[first:last, Market.QUOTE_AGE] = np.arange(1, last - first + 1)


def _sessions(rng: np.random.Generator) -> np.ndarray:
    """26 known sessions behind four unknown ones."""
    daily = np.zeros((DAILY_ROWS, len(Daily)))
    close = 5.0 * np.exp(np.cumsum(rng.normal(0, 0.05, DAILY_ROWS)))
    open_ = close * np.exp(rng.normal(0, 0.03, DAILY_ROWS))
    daily[:, Daily.OPEN], daily[:, Daily.CLOSE] = open_, close
    daily[:, Daily.HIGH] = np.maximum(open_, close) * np.exp(rng.exponential(0.02, DAILY_ROWS))
    daily[:, Daily.LOW] = np.minimum(open_, close) * np.exp(-rng.exponential(0.02, DAILY_ROWS))
    daily[:, Daily.VOLUME] = rng.integers(100_000, 5_000_000, DAILY_ROWS)
    daily[:4] = 0.0
    return daily
