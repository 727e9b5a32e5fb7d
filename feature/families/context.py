"""The previous sessions as levels and habits: yesterday's and the month's range, supports, resistances, gaps."""

from __future__ import annotations

import numpy as np

from data.layout import DAILY_ROWS
from feature.inputs import operator
from feature.kernels import position_nb
from feature.registry import Feature, feature, identity, log
from utils.jit import njit

_MONTH = 20
"""Sessions."""
_ATR = 14
_GAP = 0.10
_NEAR = 0.02
_DAY_S = 57_600


@operator("levels", extra=DAILY_ROWS)
@njit
def levels_nb(high, low, first, stop, out):
    """[2 sessions] logs of all highs and lows, ascending; infinite where there is no session. Needs all rows."""
    for d in range(first, stop):
        for place, price in ((d, high[d]), (stop + d, low[d])):
            out[place] = np.log(price) if price > 0.0 else np.inf
    out[:] = np.sort(out)


@operator("gap_outcome")
@njit
def gap_outcome_nb(open_, close, least, first, stop, out):
    """(up - down) / (gaps + 1): what became, by the close, of opens at least that share above the close before."""
    balance, gaps = 0.0, 0.0
    for d in range(max(first, 1), stop):
        if close[d - 1] > 0.0 and open_[d] >= (1.0 + least) * close[d - 1]:
            gaps += 1.0
            balance += np.sign(close[d] - open_[d])
        out[d] = balance / (gaps + 1.0)


@feature(
    *(
        Feature(
            name=f"from_{name}",
            branch="static",
            family="context",
            formula=f"mid / {what} - 1",
            inputs=("mid", series),
            units="return",
            normalise=log(0.02),
            sessions=sessions,
        )
        for name, what, series, sessions in (
            ("previous_high", "high of the previous session", "daily.high", 1),
            (
                "month_high",
                f"highest high of {_MONTH} previous sessions",
                f"highest(traded(daily.high), {_MONTH})",
                _MONTH,
            ),
        )
    )
)
@njit
def from_level_nb(mid, level, first, stop, out):
    """Unknown without previous sessions."""
    for t in range(first, stop):
        out[t] = mid[t] / level[-1] - 1.0


@feature(
    *(
        Feature(
            name=f"{name}_range_position",
            branch="static",
            family="context",
            formula=f"2 (mid - low) / (high - low) - 1, high and low of {what}",
            inputs=("mid", low, high),
            units="half ranges",
            normalise=log(1.0),
            sessions=sessions,
        )
        for name, what, low, high, sessions in (
            ("previous", "the previous session", "daily.low", "daily.high", 1),
            (
                "month",
                f"{_MONTH} previous sessions",
                f"lowest(traded(daily.low), {_MONTH})",
                f"highest(traded(daily.high), {_MONTH})",
                _MONTH,
            ),
        )
    )
)
@njit
def range_position_nb(mid, low, high, first, stop, out):
    """1 at the high, -1 at the low, beyond them outside; unknown without previous sessions."""
    for t in range(first, stop):
        out[t] = position_nb(mid[t], low[-1], high[-1])


@feature(
    *(
        Feature(
            name=f"near_{name}",
            branch="static",
            family="context",
            formula=f"{100 * _NEAR:g} % / ({100 * _NEAR:g} % + |ln(L / mid)|), L the nearest of the highs and lows of "
            f"{DAILY_ROWS} previous sessions {where} the mid",
            inputs=("log_mid", "levels(daily.high, daily.low)"),
            params=(above, _NEAR),
            units="1",
            normalise=identity(),
            low=0.0,
            high=1.0,
            sessions=DAILY_ROWS,
        )
        for name, where, above in (("resistance", "above", 1), ("support", "at or below", 0))
    )
)
@njit
def near_level_nb(log_mid, levels, above, scale, first, stop, out):
    """1 at the level; 0 where there is none, and before the first price."""
    k = 0  # levels at or below the price
    for t in range(first, stop):
        x = log_mid[t]
        while k < levels.shape[0] and levels[k] <= x:
            k += 1
        while k > 0 and levels[k - 1] > x:
            k -= 1
        low = levels[k - 1] if k > 0 else -np.inf
        high = levels[k] if k < levels.shape[0] else np.inf
        out[t] = scale / (scale + (high - x if above else x - low))


@feature(
    Feature(
        name="gap_outcome",
        branch="static",
        family="context",
        formula=f"(closed above their open - below it) / (n + 1) of the n sessions among {DAILY_ROWS} that opened "
        f"{100 * _GAP:g} % or more above the close before",
        inputs=("mid", f"gap_outcome(daily.open, daily.close, {_GAP})"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        sessions=DAILY_ROWS,
    )
)
@njit
def gap_history_nb(mid, outcome, first, stop, out):
    """0 without such a gap; unknown before the first price of the day."""
    for t in range(first, stop):
        out[t] = outcome[-1] if mid[t] > 0.0 else np.nan


@feature(
    Feature(
        name="daily_atr",
        branch="lf",
        family="context",
        formula=f"mean true range of up to {_ATR} sessions / close; true range = max(high, close[d-1]) - min(low, "
        "close[d-1])",
        inputs=("daily.high", "daily.low", "daily.close"),
        params=(_ATR,),
        units="share of the price",
        normalise=log(0.05),
        low=0.0,
        window=_ATR * _DAY_S,
        sessions=_ATR + 1,
    )
)
@njit
def daily_atr_nb(high, low, close, sessions, first, stop, out):
    """Unknown where there is no session; the first known one has no close before it."""
    for d in range(first, stop):
        total, count = 0.0, 0
        for k in range(max(d + 1 - sessions, 0), d + 1):
            if close[k] > 0.0:
                before = close[k - 1] if k > 0 and close[k - 1] > 0.0 else low[k]
                total += max(high[k], before) - min(low[k], before)
                count += 1
        out[d] = total / count / close[d]


@feature(
    Feature(
        name="daily_month_position",
        branch="lf",
        family="context",
        formula=f"2 (close - low) / (high - low) - 1 over up to {_MONTH} sessions",
        inputs=("daily.close", f"lowest(traded(daily.low), {_MONTH})", f"highest(traded(daily.high), {_MONTH})"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=_MONTH * _DAY_S,
        sessions=_MONTH,
    )
)
@njit
def daily_month_position_nb(close, low, high, first, stop, out):
    """Unknown where there is no session."""
    for d in range(first, stop):
        out[d] = position_nb(close[d], low[d], high[d]) if close[d] > 0.0 else np.nan
