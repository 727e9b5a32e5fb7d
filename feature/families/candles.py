"""5-minute candles: the last completed one, and the one that forms, as far as its completed minutes go.

Row m is computed from seconds <= 60 m + 59. In a candle's last minute both are the same.
"""

from __future__ import annotations

import numpy as np

from feature.candle_series import CANDLE, Candle
from feature.inputs import CLOCK_SESSIONS
from feature.kernels import position_nb
from feature.registry import Feature, feature, identity, log, soft
from utils.jit import njit

_OPEN, _HIGH, _LOW, _CLOSE = int(Candle.OPEN), int(Candle.HIGH), int(Candle.LOW), int(Candle.CLOSE)
_VOLUME, _USUAL, _BEFORE = int(Candle.VOLUME), int(Candle.USUAL_VOLUME), int(Candle.BEFORE)
_MOVE = log(0.006)
"""Log returns of five minutes: linear below 0.6 %, 2 % is 1.5, 10 % is 2.9."""
_S = 60 * CANDLE
KINDS = (
    ("five", "completed", "of the last completed 5-minute candle", 2 * _S),
    ("forming", "forming", "of the one that forms", _S),
)
"""(prefix of the names, series, words, warm-up): the candle that the first event lies in is not whole"""


@feature(
    *(
        Feature(
            name=f"{prefix}_body",
            branch="mf",
            family="candles",
            formula=f"(close - open) / (high - low) {words}",
            inputs=(source,),
            units="share of the range",
            normalise=identity(),
            low=-1.0,
            high=1.0,
            window=_S,
            warm_up=warm_up,
        )
        for prefix, source, words, warm_up in KINDS
    )
)
@njit
def candle_body_nb(candle, first, stop, out):
    """Unknown for candles without a range. (In dollars the body is as good as the return.)"""
    for m in range(first, stop):
        out[m] = (candle[_CLOSE, m] - candle[_OPEN, m]) / (candle[_HIGH, m] - candle[_LOW, m])


@feature(
    *(
        Feature(
            name=f"{prefix}_return",
            branch="mf",
            family="candles",
            formula=f"ln(close {words} / close of the candle before)",
            inputs=(source,),
            units="log return",
            normalise=_MOVE,
            window=_S,
            warm_up=warm_up,
        )
        for prefix, source, words, warm_up in KINDS
    )
)
@njit
def candle_return_nb(candle, first, stop, out):
    """Unknown in the first candle with a price."""
    for m in range(first, stop):
        out[m] = np.log(candle[_CLOSE, m] / candle[_BEFORE, m])


@feature(
    *(
        Feature(
            name=f"{prefix}_range",
            branch="mf",
            family="candles",
            formula=f"ln(high / low) {words}",
            inputs=(source,),
            units="log return",
            normalise=_MOVE,
            low=0.0,
            window=_S,
            warm_up=warm_up,
        )
        for prefix, source, words, warm_up in KINDS
    )
)
@njit
def candle_range_nb(candle, first, stop, out):
    """Unknown before the first price (of a completed candle)."""
    for m in range(first, stop):
        out[m] = np.log(candle[_HIGH, m] / candle[_LOW, m])


@feature(
    *(
        Feature(
            name=f"{prefix}_{name}_wick",
            branch="mf",
            family="candles",
            formula=f"{formula} {words}",
            inputs=(source,),
            params=(side,),
            units="share of the range",
            normalise=identity(),
            low=0.0,
            high=1.0,
            window=_S,
            warm_up=warm_up,
        )
        for prefix, source, words, warm_up in KINDS
        for name, formula, side in (
            ("upper", "(high - max(open, close)) / (high - low)", 1),
            ("lower", "(min(open, close) - low) / (high - low)", -1),
        )
    )
)
@njit
def candle_wick_nb(candle, side, first, stop, out):
    """Unknown for candles without a range."""
    for m in range(first, stop):
        open_, high, low, close = candle[_OPEN, m], candle[_HIGH, m], candle[_LOW, m], candle[_CLOSE, m]
        wick = high - max(open_, close) if side > 0 else min(open_, close) - low
        out[m] = wick / (high - low)


@feature(
    *(
        Feature(
            name=f"{prefix}_close_location",
            branch="mf",
            family="candles",
            formula=f"2 (close - low) / (high - low) - 1 {words}",
            inputs=(source,),
            units="share",
            normalise=identity(),
            low=-1.0,
            high=1.0,
            window=_S,
            warm_up=warm_up,
        )
        for prefix, source, words, warm_up in KINDS
    )
)
@njit
def candle_close_location_nb(candle, first, stop, out):
    """Where the price stands in its candle; unknown for candles without a range."""
    for m in range(first, stop):
        out[m] = position_nb(candle[_CLOSE, m], candle[_LOW, m], candle[_HIGH, m])


@feature(
    *(
        Feature(
            name=f"{prefix}_relative_volume",
            branch="mf",
            family="candles",
            formula=f"ln((v + e) / (c + e)), v the shares {words}, c the mean of the same minutes over previous "
            "sessions, e = 10 % of five mean minutes",
            inputs=(source, "day.clock_volume"),
            units="log ratio",
            normalise=soft(),
            window=_S,
            warm_up=warm_up,
            sessions=CLOCK_SESSIONS,
        )
        for prefix, source, words, warm_up in KINDS
    )
)
@njit
def candle_relative_volume_nb(candle, clock_volume, first, stop, out):
    """Unknown without previous sessions."""
    little = 0.1 * CANDLE * clock_volume[-1] / clock_volume.shape[0]
    for m in range(first, stop):
        ratio = (candle[_VOLUME, m] + little) / (candle[_USUAL, m] + little)
        out[m] = np.log(ratio) if little > 0.0 else np.nan


@feature(
    Feature(
        name="previous_five_position",
        branch="mf",
        family="candles",
        formula="2 (close - low) / (high - low) - 1, high and low of the candle before the one that forms",
        inputs=("forming",),
        units="half ranges",
        normalise=soft(),
        window=2 * _S,
        warm_up=2 * _S,
    )
)
@njit
def previous_five_position_nb(forming, first, stop, out):
    """Beyond 1: above the previous candle's high. Unknown after a candle without a range."""
    for m in range(first, stop):
        last = m - m % CANDLE - 1
        out[m] = position_nb(forming[_CLOSE, m], forming[_LOW, last], forming[_HIGH, last]) if last > 0 else np.nan


@feature(
    *(
        Feature(
            name=f"bar_{name}_break",
            branch="mf",
            family="candles",
            formula=f"ln({name}[m] / {name}[m-1]) of 1-minute bars",
            inputs=(f"minute.{name}", "minute.volume"),
            units="log return",
            normalise=log(0.003),
            window=120,
            warm_up=120,
        )
        for name in ("high", "low")
    )
)
@njit
def bar_break_nb(extreme, volume, first, stop, out):
    """Above 0: beyond the previous bar's. Unknown for the first bar and for minutes without a trade."""
    for m in range(first, stop):
        out[m] = np.log(extreme[m] / extreme[m - 1]) if m > 0 and volume[m] > 0.0 else np.nan
