"""Series of completed 1-minute bars: 5-minute candles and what chart indicators are made of.

Rows are minutes. Everything starts with the first known bar and is NaN before; a minute without a trade is a bar at the
carried price.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from feature.inputs import Minute, Rows, operator, series
from utils.jit import njit

CANDLE = 5
"""Minutes of a candle; candles begin at 04:00, so 09:30 begins one."""


class Candle(IntEnum):
    """Rows of the series `forming` and `completed`, [len(Candle), 960]; dollars and shares."""

    OPEN = 0  # first trade of the candle; the carried price before it
    HIGH = 1
    LOW = 2
    CLOSE = 3
    VOLUME = 4
    USUAL_VOLUME = 5  # of the same minutes, mean of previous sessions
    BEFORE = 6  # close of the candle before


class Crossing(IntEnum):
    """Rows of `crossing(a, b)`."""

    SIDE = 0  # 1: a is above b, -1: below
    AGE = 1  # rows since it last changed sides; NaN before the first time


class Swing(IntEnum):
    """Rows of `swing_highs(x, k)` and `swing_lows(x, k)`."""

    PRICE = 0  # of the last confirmed swing; NaN before the first
    RUN = 1  # n swings in a row, each higher than the one before: n; each lower: -n; as high, or the first: 0
    CANDIDATE = 2  # a swing that is not confirmed yet; NaN without one
    AGE = 3  # rows since the candidate


_M_OPEN, _M_HIGH, _M_LOW = int(Minute.OPEN), int(Minute.HIGH), int(Minute.LOW)
_M_CLOSE, _M_VOLUME = int(Minute.CLOSE), int(Minute.VOLUME)
_OPEN, _HIGH, _LOW, _CLOSE = int(Candle.OPEN), int(Candle.HIGH), int(Candle.LOW), int(Candle.CLOSE)
_VOLUME, _USUAL, _BEFORE = int(Candle.VOLUME), int(Candle.USUAL_VOLUME), int(Candle.BEFORE)
_SIDE, _CROSS_AGE = int(Crossing.SIDE), int(Crossing.AGE)
_PRICE, _RUN, _CANDIDATE, _AGE = int(Swing.PRICE), int(Swing.RUN), int(Swing.CANDIDATE), int(Swing.AGE)
_EQUAL = 1e-9  # relative; averages of a price that stands still differ in the last digits

series("forming", "candles(minutes, day.clock_volume)")
series("completed", "last_completed(forming)")
series("true_range", "range_and_gap(minute.high, minute.low, minute.close)")
series("macd", "minus(ema_span(minute.close, 12), ema_span(minute.close, 26))")


# ---------------------------------------------------------------- candles
@operator("candles", rows=Rows.MINUTE, height=len(Candle))
@njit
def candles_nb(minutes, clock_volume, first, stop, out):
    """[len(Candle), minutes] the candle that each minute lies in, as far as it has come by the end of that minute."""
    for m in range(first, stop):
        begin = m - m % CANDLE
        traded = minutes[_M_VOLUME, m] > 0.0
        if m > begin and out[_VOLUME, m - 1] > 0.0:  # a carried price is no part of a candle with trades
            out[_OPEN, m] = out[_OPEN, m - 1]
            out[_HIGH, m] = max(out[_HIGH, m - 1], minutes[_M_HIGH, m]) if traded else out[_HIGH, m - 1]
            out[_LOW, m] = min(out[_LOW, m - 1], minutes[_M_LOW, m]) if traded else out[_LOW, m - 1]
        else:
            out[_OPEN, m] = minutes[_M_OPEN, m]
            out[_HIGH, m] = minutes[_M_HIGH, m]
            out[_LOW, m] = minutes[_M_LOW, m]
        out[_CLOSE, m] = minutes[_M_CLOSE, m]
        out[_VOLUME, m] = minutes[_M_VOLUME, m] + (out[_VOLUME, m - 1] if m > begin else 0.0)
        out[_USUAL, m] = clock_volume[m] - (clock_volume[begin - 1] if begin > 0 else 0.0)
        out[_BEFORE, m] = out[_CLOSE, begin - 1] if begin > 0 else np.nan


@operator("last_completed", rows=Rows.MINUTE, height=len(Candle))
@njit
def last_completed_nb(forming, first, stop, out):
    """[len(Candle), minutes] the last candle that had all of its minutes; NaN before the first."""
    for m in range(first, stop):
        last = (m + 1) // CANDLE * CANDLE - 1
        for row in range(out.shape[0]):
            out[row, m] = forming[row, last] if last >= 0 else np.nan


@operator("candle_ema", rows=Rows.MINUTE)
@njit
def candle_ema_nb(forming, span, first, stop, out):
    """Exponential mean of the closes of completed candles, alpha = 2 / (span + 1), seeded with the first."""
    alpha = 2.0 / (span + 1.0)
    for m in range(first, stop):
        mean = out[m - 1] if m > 0 else np.nan
        if (m + 1) % CANDLE == 0:
            close = forming[_CLOSE, m]
            mean = close if np.isnan(mean) else mean + alpha * (close - mean)
        out[m] = mean


# ---------------------------------------------------------------- parts of indicators
@operator("known")
@njit
def known_nb(x, first, stop, out):
    """How many entries are known so far."""
    for m in range(first, stop):
        out[m] = (out[m - 1] if m > 0 else 0.0) + (0.0 if np.isnan(x[m]) else 1.0)


@operator("wilder")
@njit
def wilder_nb(x, known, window, first, stop, out):
    """Wilder's mean, alpha = 1 / window, seeded with the mean of the first `window` entries.

    Until there are that many: the mean of those there are. known: `known(x)`.
    """
    for m in range(first, stop):
        mean = out[m - 1] if known[m] > 1.0 else 0.0
        out[m] = mean + (x[m] - mean) / min(known[m], window) if known[m] > 0.0 else np.nan


@operator("range_and_gap")
@njit
def true_range_nb(high, low, close, first, stop, out):
    """Wilder's true range, dollars; NaN for the first bar."""
    for m in range(first, stop):
        before = close[m - 1] if m > 0 else np.nan
        out[m] = max(high[m], before) - min(low[m], before) if before > 0.0 else np.nan


@operator("gain")
@njit
def gain_nb(close, first, stop, out):
    """What the close gained, dollars, >= 0; NaN for the first bar."""
    for m in range(first, stop):
        out[m] = rise_nb(close[m - 1], close[m]) if m > 0 else np.nan


@operator("loss")
@njit
def loss_nb(close, first, stop, out):
    """What the close lost, dollars, >= 0; NaN for the first bar."""
    for m in range(first, stop):
        out[m] = rise_nb(close[m], close[m - 1]) if m > 0 else np.nan


@njit
def rise_nb(a, b):
    """b - a where that is above 0, else 0; NaN where either is unknown."""
    return 0.0 if b <= a else b - a


@operator("stochastic")
@njit
def stochastic_nb(close, highest, lowest, window, first, stop, out):
    """Position of the close between the extremes of `window` bars, -1 to 1; 0 where they are one price.

    NaN in the first `window` - 1 bars.
    """
    for m in range(first, stop):
        full = m + 1 >= window and not np.isnan(close[m + 1 - window])
        width = highest[m] - lowest[m]
        position = 2.0 * (close[m] - lowest[m]) / width - 1.0 if width > _EQUAL * highest[m] else 0.0
        out[m] = position if full else np.nan


@operator("mean_of_last")
@njit
def mean_of_last_nb(x, window, first, stop, out):
    """Mean of the last `window` entries; NaN unless all are known. For short windows: added up anew each time."""
    for m in range(first, stop):
        total = 0.0 if m + 1 >= window else np.nan
        for i in range(max(m + 1 - window, 0), m + 1):
            total += x[i]
        out[m] = total / window


@operator("deviation_of_last")
@njit
def deviation_of_last_nb(x, mean, window, first, stop, out):
    """Standard deviation (divided by `window`) of the last `window` entries around `mean_of_last`."""
    for m in range(first, stop):
        total = 0.0 if m + 1 >= window else np.nan
        for i in range(max(m + 1 - window, 0), m + 1):
            total += (x[i] - mean[m]) ** 2
        out[m] = np.sqrt(total / window)


# ---------------------------------------------------------------- crossings and swings
@operator("crossing", height=len(Crossing))
@njit
def crossing_nb(a, b, first, stop, out):
    """[len(Crossing), rows]: on which side of b is a, and since when? Equality changes nothing."""
    for m in range(first, stop):
        side = out[_SIDE, m - 1] if m > 0 else 0.0
        age = out[_CROSS_AGE, m - 1] + 1.0 if m > 0 else np.nan
        now = side
        if abs(a[m] - b[m]) > _EQUAL * b[m]:
            now = 1.0 if a[m] > b[m] else -1.0
        out[_SIDE, m] = now
        out[_CROSS_AGE, m] = 0.0 if now * side < 0.0 else age


@operator("swing_highs", height=len(Swing))
@njit
def swing_highs_nb(high, k, first, stop, out):
    """[len(Swing), rows]; see `swings_nb`."""
    swings_nb(high, k, 1.0, first, stop, out)


@operator("swing_lows", height=len(Swing))
@njit
def swing_lows_nb(low, k, first, stop, out):
    """[len(Swing), rows]"""
    swings_nb(low, k, -1.0, first, stop, out)


@njit
def swings_nb(x, k, sign, first, stop, out):
    """[len(Swing), rows]: swing highs (sign 1) or lows (sign -1), known when they are confirmed, not before.

    A swing high is higher than the k bars before it and as high as any since; it is confirmed by the first bar below
    it that comes k bars later or more. Without equal highs: Williams' fractal, k bars late.
    """
    for m in range(first, stop):
        if m == 0:
            out[_PRICE, m], out[_RUN, m], out[_CANDIDATE, m], out[_AGE, m] = np.nan, 0.0, np.nan, 0.0
            continue
        price, run, candidate = out[_PRICE, m - 1], out[_RUN, m - 1], out[_CANDIDATE, m - 1]
        age = out[_AGE, m - 1] + 1.0
        if beyond_nb(x, m, k, sign):
            candidate, age = x[m], 0.0
        elif age >= k and sign * x[m] < sign * candidate:
            if candidate != price and not np.isnan(price):
                step = 1.0 if candidate > price else -1.0
                run = run + step if run * step > 0.0 else step
            else:
                run = 0.0
            price, candidate = candidate, np.nan
        out[_PRICE, m], out[_RUN, m], out[_CANDIDATE, m], out[_AGE, m] = price, run, candidate, age


@njit
def beyond_nb(x, m, k, sign):
    """Is x[m] beyond all of the k entries before it? No where one of them is unknown."""
    beyond = m >= k
    for i in range(max(m - k, 0), m):
        beyond = beyond and sign * x[m] > sign * x[i]
    return beyond
