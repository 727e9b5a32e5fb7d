"""What traders' charts show of 1-minute bars: averages, MACD, RSI, ATR, Bollinger bands, stochastic, swings.

TA-Lib's definitions, except that exponential averages are seeded with the first price (TA-Lib's: with the mean of the
first N). Everything begins with the first known bar.
"""

from __future__ import annotations

import numpy as np

from feature.candle_series import CANDLE, Crossing, Swing
from feature.registry import WHOLE_DAY, WINDOW, Feature, faded_alpha, feature, identity, log, soft
from utils.jit import njit

_MOVE = log(0.003)
_SIDE, _AGE = int(Crossing.SIDE), int(Crossing.AGE)
_PRICE, _RUN = int(Swing.PRICE), int(Swing.RUN)
_EQUAL = 1e-9  # relative
_LEAST_ATR = 1e-4
"""Of the price: in a silence ATR goes to zero, and what is divided by it must not grow from that."""
_FRESH = 5
"""Minutes until the signal of a crossing has halved."""
_SPAN_26_S, _SPAN_9_S, _WILDER_14_S = 60 * faded_alpha(2 / 27), 60 * faded_alpha(2 / 10), 60 * faded_alpha(1 / 14)
_ATR = "wilder(true_range, known(true_range), 14)"
_FAST, _SLOW = "ema_span(minute.close, 9)", "ema_span(minute.close, 20)"


# ---------------------------------------------------------------- averages
@feature(
    *(
        Feature(
            name=f"bar_five_ema{span}",
            branch="mf",
            family="indicators",
            formula=f"ln(close / EMA{span} of completed 5-minute candles), alpha = 2 / {span + 1}, seeded with the "
            "first close",
            inputs=("minute.close", f"candle_ema(forming, {span})"),
            units="log return",
            normalise=log(0.01),
            window=60 * CANDLE * span,
            warm_up=60 * CANDLE * faded_alpha(2 / (span + 1)),
        )
        for span in (9, 20)
    ),
    Feature(
        name="ema_gap",
        branch="mf",
        family="indicators",
        formula="ln(EMA9 / EMA20) of 1-minute closes",
        inputs=(_FAST, _SLOW),
        units="log return",
        normalise=_MOVE,
        window=1200,
        warm_up=60 * faded_alpha(2 / 21),
    ),
)
@njit
def log_ratio_nb(a, b, first, stop, out):
    """Trend as charts draw it; unknown before the first price (of a completed candle)."""
    for m in range(first, stop):
        out[m] = np.log(a[m] / b[m])


@njit
def side_nb(a, b):
    """1: a is above b, -1: below, 0: the same but for rounding."""
    if abs(a - b) <= _EQUAL * b:
        return 0.0
    return 1.0 if a > b else -1.0


@feature(
    Feature(
        name="ema_alignment",
        branch="mf",
        family="indicators",
        formula="mean of the signs of close - EMA9, EMA9 - EMA20, EMA20 - EMA9 of 5-minute candles, that - their EMA20",
        inputs=("minute.close", _FAST, _SLOW, "candle_ema(forming, 9)", "candle_ema(forming, 20)"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=60 * CANDLE * 20,
        warm_up=60 * CANDLE * faded_alpha(2 / 21),
    )
)
@njit
def ema_alignment_nb(close, fast, slow, five_fast, five_slow, first, stop, out):
    """1: price above all averages, the quicker above the slower. Unknown before the first completed candle."""
    for m in range(first, stop):
        above = side_nb(close[m], fast[m]) + side_nb(fast[m], slow[m])
        above += side_nb(slow[m], five_fast[m]) + side_nb(five_fast[m], five_slow[m])
        out[m] = 0.25 * above if five_slow[m] > 0.0 else np.nan


@feature(
    Feature(
        name="ema_cross",
        branch="mf",
        family="indicators",
        formula=f"s {_FRESH} / ({_FRESH} + bars since EMA9 crossed EMA20), s = 1 if it is above, -1 below",
        inputs=(f"crossing({_FAST}, {_SLOW})",),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=1200,
        warm_up=WHOLE_DAY,
    )
)
@njit
def ema_cross_nb(crossing, first, stop, out):
    """Fresh crossings stand out; unknown before the first."""
    for m in range(first, stop):
        out[m] = crossing[_SIDE, m] * _FRESH / (_FRESH + crossing[_AGE, m])


# ---------------------------------------------------------------- MACD
@feature(
    Feature(
        name="macd_line",
        branch="mf",
        family="indicators",
        formula="(EMA12 - EMA26) / ATR14",
        inputs=("macd", _ATR, "minute.close"),
        units="average true ranges",
        normalise=soft(),
        window=26 * 60,
        warm_up=max(_SPAN_26_S, _WILDER_14_S),
    ),
    Feature(
        name="macd_histogram",
        branch="mf",
        family="indicators",
        formula="(EMA12 - EMA26 - EMA9 of that) / ATR14",
        inputs=("minus(macd, ema_span(macd, 9))", _ATR, "minute.close"),
        units="average true ranges",
        normalise=soft(0.4),
        window=26 * 60,
        warm_up=_SPAN_26_S + _SPAN_9_S,
    ),
)
@njit
def in_ranges_nb(dollars, atr, close, first, stop, out):
    """ATR is taken as 1 basis point of the close at least. Unknown for the first bar."""
    for m in range(first, stop):
        out[m] = dollars[m] / max(atr[m], _LEAST_ATR * close[m])


# ---------------------------------------------------------------- oscillators and ranges
@feature(
    Feature(
        name="rsi_N",
        branch="mf",
        family="indicators",
        formula="2 RSI / 100 - 1 = (g - l) / (g + l), Wilder's means of gains and losses over N bars",
        inputs=(
            "wilder(gain(minute.close), known(gain(minute.close)), N)",
            "wilder(loss(minute.close), known(loss(minute.close)), N)",
            "known(gain(minute.close))",
            "minute.close",
        ),
        windows=(14,),
        params=(WINDOW,),
        units="share",
        warm_up=lambda window: 60 * faded_alpha(1 / window),
        normalise=identity(),
        low=-1.0,
        high=1.0,
    )
)
@njit
def rsi_nb(gain, loss, known, close, window, first, stop, out):
    """Unknown in the first `window` bars, and while the price stands still."""
    for m in range(first, stop):
        moved = gain[m] + loss[m]
        sure = known[m] >= window and moved > _EQUAL * close[m]
        out[m] = (gain[m] - loss[m]) / moved if sure else np.nan


@feature(
    Feature(
        name="atr_N",
        branch="mf",
        family="indicators",
        formula="Wilder's mean of the true range over N bars / close",
        inputs=("wilder(true_range, known(true_range), N)", "minute.close"),
        windows=(14,),
        params=(1.0,),
        warm_up=lambda window: 60 * faded_alpha(1 / window),
        units="share of the price",
        normalise=log(0.003),
        low=0.0,
    ),
    Feature(
        name="bollinger_width_N",
        branch="mf",
        family="indicators",
        formula="4 deviations of the last N closes / close: upper - lower band",
        inputs=("deviation_of_last(minute.close, mean_of_last(minute.close, N), N)", "minute.close"),
        windows=(20,),
        params=(4.0,),
        units="share of the price",
        normalise=log(0.01),
        low=0.0,
    ),
)
@njit
def share_of_price_nb(dollars, close, times, first, stop, out):
    """Unknown for the first bar (ATR) or the first N - 1 (bands)."""
    for m in range(first, stop):
        out[m] = times * dollars[m] / close[m]


@feature(
    Feature(
        name="bollinger_position_N",
        branch="mf",
        family="indicators",
        formula="(close - mean of the last N closes) / (2 deviations): 1 at the upper band",
        inputs=(
            "minute.close",
            "mean_of_last(minute.close, N)",
            "deviation_of_last(minute.close, mean_of_last(minute.close, N), N)",
        ),
        windows=(20,),
        units="half widths",
        normalise=identity(),
    )
)
@njit
def bollinger_position_nb(close, mean, deviation, first, stop, out):
    """Unknown in the first N - 1 bars, and while the price stands still."""
    for m in range(first, stop):
        moving = deviation[m] > _EQUAL * close[m]
        out[m] = (close[m] - mean[m]) / (2.0 * deviation[m]) if moving else np.nan


_STOCHASTIC = "mean_of_last(stochastic(minute.close, highest(minute.high, N), lowest(minute.low, N), N), 3)"


@feature(
    *(
        Feature(
            name=f"stochastic_{name}_N",
            branch="mf",
            family="indicators",
            formula=f"{formula}, fast %K = 2 (close - low) / (high - low) - 1 over N bars, 0 without a range",
            inputs=(source,),
            windows=(14,),
            units="share",
            normalise=identity(),
            low=-1.0,
            high=1.0,
            warm_up=lambda window: 60 * 2 * window,
        )
        for name, formula, source in (
            ("k", "mean of 3 fast %K", _STOCHASTIC),
            ("d", "mean of 3 slow %K, which is the mean of 3 fast %K", f"mean_of_last({_STOCHASTIC}, 3)"),
        )
    )
)
@njit
def as_it_is_nb(x, first, stop, out):
    """Unknown in the first N + 1 (%K) or N + 3 (%D) bars."""
    for m in range(first, stop):
        out[m] = x[m]


# ---------------------------------------------------------------- swings
SWINGS = (
    ("high", "which is above the highs of the N bars before it and not below those since"),
    ("low", "which is below the lows of the N bars before it and not above those since"),
)


@feature(
    *(
        Feature(
            name=f"swing_{name}_N",
            branch="mf",
            family="indicators",
            formula=f"ln(close / last swing {name}), {words}; known from the first bar beyond it, at least N later",
            inputs=("minute.close", f"swing_{name}s(minute.{name}, N)"),
            windows=(3,),
            units="log return",
            normalise=log(0.01),
            warm_up=WHOLE_DAY,
        )
        for name, words in SWINGS
    )
)
@njit
def swing_distance_nb(close, swing, first, stop, out):
    """Unknown before the first confirmed swing."""
    for m in range(first, stop):
        out[m] = np.log(close[m] / swing[_PRICE, m])


@feature(
    *(
        Feature(
            name=f"swing_{name}_run_N",
            branch="mf",
            family="indicators",
            formula=f"n if the last n swing {name}s were each higher than the one before, -n if lower, 0 if equal",
            inputs=(f"swing_{name}s(minute.{name}, N)",),
            windows=(3,),
            units="swings",
            normalise=log(1.0),
            warm_up=WHOLE_DAY,
        )
        for name, _ in SWINGS
    )
)
@njit
def swing_run_nb(swing, first, stop, out):
    """Staircases up and down; unknown before the first confirmed swing."""
    for m in range(first, stop):
        out[m] = swing[_RUN, m] if swing[_PRICE, m] > 0.0 else np.nan
