"""Series that several features share. NaN stands for "not known yet" in prices, 0 in returns and flows."""

from __future__ import annotations

import numpy as np

from feature.inputs import Minute, series
from feature.kernels import (
    cumulative_extreme_nb,
    decay_nb,
    ema_nb,
    rolling_extreme_nb,
    window_mean_nb,
)
from utils.jit import njit

SIGMA_HALFLIFE_S = 300.0
SIGMA_FLOOR = 0.5e-4
"""Least volatility of a second: half a basis point."""
SIGMA_SPREADS = 0.1
"""The mid moves by a part of the spread without meaning anything: least volatility in relative spreads."""
STUB_SPREAD = 0.10
"""A book wider than this share of its middle says nothing about the price; orders are refused there, too."""
SLOW_S = 300
"""Window of the "usual" level that fast values are compared with."""

_MINUTE = 60
_OPEN, _HIGH, _LOW, _CLOSE = int(Minute.OPEN), int(Minute.HIGH), int(Minute.LOW), int(Minute.CLOSE)
_VOLUME, _BUY, _SELL = int(Minute.VOLUME), int(Minute.BUY_VOLUME), int(Minute.SELL_VOLUME)
_OFI, _OFI_SIZE, _VWAP = int(Minute.OFI), int(Minute.OFI_SIZE), int(Minute.VWAP)
_COLUMNS = len(Minute)


@series("mid", "bar.bid", "bar.ask", "bar.has_quote", "bar.close")
@njit
def mid_nb(bid, ask, has_quote, close):
    """Dollars: middle of the book; NaN before the first book and trade.

    A book wider than 10 % is made of stub quotes: then the last trade, moved into the book. Before the first book the
    last trade alone.
    """
    out = np.empty(bid.shape[0])
    for t in range(bid.shape[0]):
        price = close[t]
        if has_quote[t] > 0.0:
            middle = 0.5 * (bid[t] + ask[t])
            usable = ask[t] - bid[t] <= STUB_SPREAD * middle or price <= 0.0
            price = middle if usable else min(max(price, bid[t]), ask[t])
        out[t] = price if price > 0.0 else np.nan
    return out


@series("log_mid", "mid")
@njit
def log_nb(x):
    """Natural logarithm."""
    return np.log(x)


@series("move", "log_mid")
@njit
def move_nb(log_mid):
    """Log return of the mid over one second; 0 where either end is unknown."""
    out = np.zeros(log_mid.shape[0])
    for t in range(1, log_mid.shape[0]):
        change = log_mid[t] - log_mid[t - 1]
        out[t] = change if np.isfinite(change) else 0.0
    return out


@series("move_squared", "move")
@njit
def square_nb(x):
    """Elementwise square."""
    return x * x


@series("spread", "bar.bid", "bar.ask", "bar.has_quote", "mid")
@njit
def spread_nb(bid, ask, has_quote, mid):
    """(ask - bid) / mid at the end of the second; 0 before the first book."""
    out = np.zeros(bid.shape[0])
    for t in range(bid.shape[0]):
        if has_quote[t] > 0.0 and mid[t] > 0.0:
            out[t] = (ask[t] - bid[t]) / mid[t]
    return out


@series("sigma", "move_squared", "spread")
@njit
def sigma_nb(move_squared, spread):
    """Volatility of one second: exponential mean of squared moves, half-life 300 s, with the two floors."""
    out = np.sqrt(ema_nb(move_squared, decay_nb(SIGMA_HALFLIFE_S)))
    for t in range(out.shape[0]):
        out[t] = max(out[t], SIGMA_FLOOR, SIGMA_SPREADS * spread[t])
    return out


@series("depth", "bar.bid_size", "bar.ask_size")
@njit
def depth_nb(bid_size, ask_size):
    """Mean displayed size of the two sides, shares."""
    return 0.5 * (bid_size + ask_size)


@series("usual_depth", "prefix:depth", "prefix:bar.has_quote")
@series("usual_spread", "prefix:spread", "prefix:bar.has_quote")
@njit
def usual_nb(prefix, prefix_known):
    """Mean of the last 300 s over the seconds with a book; NaN before the first."""
    out = np.empty(prefix.shape[0] - 1)
    for t in range(out.shape[0]):
        start = max(t + 1 - SLOW_S, 0)
        out[t] = (prefix[t + 1] - prefix[start]) / (prefix_known[t + 1] - prefix_known[start])
    return out


@series("trade_flow", "bar.buy_volume", "bar.sell_volume")
@njit
def difference_nb(a, b):
    """Shares bought less shares sold at the initiative of the buyer or the seller."""
    return a - b


@series("signed_volume", "bar.buy_volume", "bar.sell_volume")
@njit
def total_nb(a, b):
    """Shares with a known initiator."""
    return a + b


@series("ofi_size", "bar.ofi")
@njit
def absolute_nb(x):
    """Elementwise absolute value."""
    return np.abs(x)


@series("volatility_60s", "prefix:move_squared")
@njit
def volatility_nb(prefix):
    """Root mean square of the last 60 one-second moves."""
    out = np.empty(prefix.shape[0] - 1)
    for t in range(out.shape[0]):
        out[t] = np.sqrt(max(window_mean_nb(prefix, t, 60), 0.0))
    return out


@series("largest_30s", "bar.largest", 30, 1.0)
@series("high_300s", "mid", SLOW_S, 1.0)
@series("low_300s", "mid", SLOW_S, -1.0)
@njit
def extreme_nb(x, window, sign):
    """Rolling maximum (sign 1) or minimum (sign -1)."""
    return rolling_extreme_nb(x, window, sign)


@series("high_of_day", "bar.high", 1.0)
@series("low_of_day", "bar.low", -1.0)
@njit
def extreme_of_day_nb(price, sign):
    """Highest or lowest traded price so far, dollars; NaN before the first."""
    known = np.empty(price.shape[0])
    for t in range(price.shape[0]):
        known[t] = price[t] if price[t] > 0.0 else np.nan
    return cumulative_extreme_nb(known, sign)


@series("vwap", "prefix:bar.notional", "prefix:bar.volume")
@njit
def vwap_nb(prefix_notional, prefix_volume):
    """Volume-weighted mean price since 04:00, dollars; NaN before the first trade."""
    out = np.empty(prefix_volume.shape[0] - 1)
    for t in range(out.shape[0]):
        out[t] = prefix_notional[t + 1] / prefix_volume[t + 1]
    return out


@njit
def _trade_minute_nb(open_, high, low, close, has_trade, start, carried):
    """(open, high, low, close) over the minute's seconds with a trade; the carried price four times without any."""
    first, highest, lowest, last = carried, carried, carried, carried
    seen = False
    for t in range(start, start + _MINUTE):
        if has_trade[t] > 0.0:
            first = first if seen else open_[t]
            highest = max(highest, high[t]) if seen else high[t]
            lowest = min(lowest, low[t]) if seen else low[t]
            last, seen = close[t], True
    return first, highest, lowest, last


@series(
    "table.minute",
    *("bar.open", "bar.high", "bar.low", "bar.close", "bar.has_trade", "bar.volume", "bar.buy_volume"),
    *("bar.sell_volume", "bar.ofi", "ofi_size", "bar.notional"),
)
@njit
def minutes_nb(open_, high, low, close, has_trade, volume, buy, sell, ofi, ofi_size, notional):
    """[len(Minute), minutes] bars of completed minutes."""
    out = np.empty((_COLUMNS, volume.shape[0] // _MINUTE))
    carried = np.nan
    traded = paid = 0.0
    for m in range(out.shape[1]):
        start = m * _MINUTE
        bar = _trade_minute_nb(open_, high, low, close, has_trade, start, carried)
        out[_OPEN, m], out[_HIGH, m], out[_LOW, m], out[_CLOSE, m] = bar
        carried = bar[3]
        for column in range(_VOLUME, _VWAP):
            out[column, m] = 0.0
        for t in range(start, start + _MINUTE):
            out[_VOLUME, m] += volume[t]
            out[_BUY, m] += buy[t]
            out[_SELL, m] += sell[t]
            out[_OFI, m] += ofi[t]
            out[_OFI_SIZE, m] += ofi_size[t]
            paid += notional[t]
        traded += out[_VOLUME, m]
        out[_VWAP, m] = paid / traded
    return out
