"""Series that several features share. NaN stands for "not known yet" in prices, 0 in returns and flows."""

from __future__ import annotations

import numpy as np

from feature.inputs import Minute, Rows, operator, series
from feature.kernels import window_mean_nb
from feature.registry import faded
from utils.jit import njit

SIGMA_HALFLIFE_S = 300.0
SIGMA_WARM_UP_S = faded(SIGMA_HALFLIFE_S)
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

series("mid", "price_of_book(bar.bid, bar.ask, bar.has_quote, bar.close)")
series("log_mid", "log(mid)")
series("move", "difference(log_mid, 1)")
series("move_squared", "square(move)")
series("spread", "relative_spread(bar.bid, bar.ask, bar.has_quote, mid)")
series("sigma_squared", f"ema(move_squared, {SIGMA_HALFLIFE_S})")
series("sigma", "floored_root(sigma_squared, spread)")
series("depth", "mean_of(bar.bid_size, bar.ask_size)")
series("usual_depth", "usual(total(depth), total(bar.has_quote))")
series("usual_spread", "usual(total(spread), total(bar.has_quote))")
series("trade_flow", "minus(bar.buy_volume, bar.sell_volume)")
series("signed_volume", "plus(bar.buy_volume, bar.sell_volume)")
series("ofi_size", "size(bar.ofi)")
series("high_of_day", "highest_so_far(traded(bar.high))")
series("low_of_day", "lowest_so_far(traded(bar.low))")
series("vwap", "ratio(total(bar.notional), total(bar.volume))")
series(
    "minutes",
    "minute_bars(bar.open, bar.high, bar.low, bar.close, bar.has_trade, bar.volume, bar.buy_volume, bar.sell_volume, "
    "bar.ofi, ofi_size, total(bar.notional), total(bar.volume))",
)


@operator("price_of_book")
@njit
def mid_nb(bid, ask, has_quote, close, first, stop, out):
    """Dollars: middle of the book; NaN before the first book and trade.

    A book wider than 10 % is made of stub quotes: then the last trade, moved into the book. Before the first book the
    last trade alone.
    """
    for t in range(first, stop):
        price = close[t]
        if has_quote[t] > 0.0:
            middle = 0.5 * (bid[t] + ask[t])
            usable = ask[t] - bid[t] <= STUB_SPREAD * middle or price <= 0.0
            price = middle if usable else min(max(price, bid[t]), ask[t])
        out[t] = price if price > 0.0 else np.nan


@operator("log")
@njit
def log_nb(x, first, stop, out):
    """Natural logarithm."""
    for t in range(first, stop):
        out[t] = np.log(x[t])


@operator("difference")
@njit
def difference_nb(x, horizon, first, stop, out):
    """x[t] - x[t - horizon]; 0 where either is unknown."""
    for t in range(first, stop):
        change = x[t] - x[t - horizon] if t >= horizon else 0.0
        out[t] = change if np.isfinite(change) else 0.0


@operator("square")
@njit
def square_nb(x, first, stop, out):
    """Elementwise square."""
    for t in range(first, stop):
        out[t] = x[t] * x[t]


@operator("relative_spread")
@njit
def spread_nb(bid, ask, has_quote, mid, first, stop, out):
    """(ask - bid) / mid at the end of the second; 0 before the first book."""
    for t in range(first, stop):
        known = has_quote[t] > 0.0 and mid[t] > 0.0
        out[t] = (ask[t] - bid[t]) / mid[t] if known else 0.0


@operator("floored_root")
@njit
def sigma_nb(variance, spread, first, stop, out):
    """Volatility of one second, with the two floors."""
    for t in range(first, stop):
        out[t] = max(np.sqrt(variance[t]), SIGMA_FLOOR, SIGMA_SPREADS * spread[t])


@operator("mean_of")
@njit
def mean_nb(a, b, first, stop, out):
    """Mean of the two."""
    for t in range(first, stop):
        out[t] = 0.5 * (a[t] + b[t])


@operator("usual")
@njit
def usual_nb(total, known, first, stop, out):
    """Mean of the last 300 s over the seconds with a book; NaN before the first. Both inputs are totals."""
    for t in range(first, stop):
        start = max(t + 1 - SLOW_S, 0)
        out[t] = (total[t + 1] - total[start]) / (known[t + 1] - known[start])


@operator("minus")
@njit
def minus_nb(a, b, first, stop, out):
    """a - b"""
    for t in range(first, stop):
        out[t] = a[t] - b[t]


@operator("plus")
@njit
def plus_nb(a, b, first, stop, out):
    """a + b"""
    for t in range(first, stop):
        out[t] = a[t] + b[t]


@operator("size")
@njit
def size_nb(x, first, stop, out):
    """Elementwise absolute value."""
    for t in range(first, stop):
        out[t] = abs(x[t])


@operator("rms")
@njit
def rms_nb(total_of_squares, window, first, stop, out):
    """Root mean square of the last `window` rows."""
    for t in range(first, stop):
        out[t] = np.sqrt(max(window_mean_nb(total_of_squares, t, window), 0.0))


@operator("traded")
@njit
def traded_nb(price, first, stop, out):
    """NaN where there was no price yet."""
    for t in range(first, stop):
        out[t] = price[t] if price[t] > 0.0 else np.nan


@operator("ratio")
@njit
def ratio_nb(total_a, total_b, first, stop, out):
    """Sum of a / sum of b since 04:00; NaN while both are 0."""
    for t in range(first, stop):
        out[t] = total_a[t + 1] / total_b[t + 1]


@njit
def trade_minute_nb(open_, high, low, close, has_trade, start, carried):
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


@operator("minute_bars", rows=Rows.MINUTE, height=len(Minute))
@njit
def minutes_nb(
    open_, high, low, close, has_trade, volume, buy, sell, ofi, ofi_size, total_notional, total_volume, first, stop, out
):
    """[len(Minute), minutes] bars of completed minutes."""
    for m in range(first, stop):
        start = m * _MINUTE
        carried = out[_CLOSE, m - 1] if m > 0 else np.nan
        bar = trade_minute_nb(open_, high, low, close, has_trade, start, carried)
        out[_OPEN, m], out[_HIGH, m], out[_LOW, m], out[_CLOSE, m] = bar
        for column in range(_VOLUME, _VWAP):
            out[column, m] = 0.0
        for t in range(start, start + _MINUTE):
            out[_VOLUME, m] += volume[t]
            out[_BUY, m] += buy[t]
            out[_SELL, m] += sell[t]
            out[_OFI, m] += ofi[t]
            out[_OFI_SIZE, m] += ofi_size[t]
        end = start + _MINUTE
        out[_VWAP, m] = total_notional[end] / total_volume[end]
