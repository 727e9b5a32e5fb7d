"""The day's own landmarks: premarket extremes, opening price and range, age of the high and the low, range used."""

from __future__ import annotations

import numpy as np

from feature.inputs import operator
from feature.kernels import position_nb, window_sum_nb
from feature.registry import WHOLE_DAY, WINDOW, Feature, feature, identity, log
from utils.jit import njit

_RECENT_S = 1800
_SESSIONS = 20


@operator("highest_within")
@njit
def highest_within_nb(price, has_trade, begin, length, first, stop, out):
    """Largest of the rows [begin, begin + length) so far, see `extreme_within_nb`."""
    extreme_within_nb(price, has_trade, int(begin), int(length), 1.0, first, stop, out)


@operator("lowest_within")
@njit
def lowest_within_nb(price, has_trade, begin, length, first, stop, out):
    """Smallest of them."""
    extreme_within_nb(price, has_trade, int(begin), int(length), -1.0, first, stop, out)


@njit
def extreme_within_nb(price, has_trade, begin, length, sign, first, stop, out):
    """Largest (sign 1) or smallest of rows [begin, begin + length) with a trade, kept after; NaN before the first."""
    for t in range(first, stop):
        best = out[t - 1] if t > begin else np.nan
        inside = begin <= t < begin + length and has_trade[t] > 0.0
        out[t] = price[t] if inside and (np.isnan(best) or sign * price[t] > sign * best) else best


@operator("first_price_from")
@njit
def first_price_nb(open_, has_trade, begin, first, stop, out):
    """Price of the first trade at or after row `begin`; NaN before it."""
    for t in range(first, stop):
        known = out[t - 1] if t > begin else np.nan
        out[t] = open_[t] if np.isnan(known) and t >= begin and has_trade[t] > 0.0 else known


@operator("row_of_change")
@njit
def row_of_change_nb(x, first, stop, out):
    """Row in which x took the value that it has; -1 while it is NaN."""
    for t in range(first, stop):
        before = out[t - 1] if t > 0 else -1.0
        same = np.isnan(x[t]) or (t > 0 and x[t] == x[t - 1])
        out[t] = before if same else float(t)


@operator("moved")
@njit
def moved_nb(x, first, stop, out):
    """1 where x differs from the row before, both known."""
    for t in range(first, stop):
        known = t > 0 and not np.isnan(x[t - 1])
        out[t] = 1.0 if known and x[t] != x[t - 1] else 0.0


@operator("usual_range")
@njit
def usual_range_nb(high, low, sessions, first, stop, out):
    """Mean high / low - 1 of up to `sessions` sessions up to and including d; NaN where none is known."""
    for d in range(first, stop):
        total, count = 0.0, 0
        for k in range(max(d + 1 - sessions, 0), d + 1):
            if low[k] > 0.0:
                total += high[k] / low[k] - 1.0
                count += 1
        out[d] = total / count


@feature(
    *(
        Feature(
            name=f"from_premarket_{name}",
            branch="static",
            family="session",
            formula=f"mid / {what} trade before the regular open - 1",
            inputs=("mid", f"{what}_within(bar.{name}, bar.has_trade, day.first_s, day.open_s)"),
            units="return",
            normalise=log(0.01),
            warm_up=WHOLE_DAY,
        )
        for name, what in (("high", "highest"), ("low", "lowest"))
    ),
    Feature(
        name="from_open",
        branch="static",
        family="session",
        formula="mid / first price of regular hours - 1",
        inputs=("mid", "first_price_from(bar.open, bar.has_trade, day.open_s)"),
        units="return",
        normalise=log(0.02),
        warm_up=WHOLE_DAY,
    ),
)
@njit
def from_landmark_nb(mid, level, first, stop, out):
    """Unknown before the first such trade; premarket extremes form until the open and stand from then on."""
    for t in range(first, stop):
        out[t] = mid[t] / level[t] - 1.0


@feature(
    Feature(
        name="open_gap",
        branch="static",
        family="session",
        formula="first price of regular hours / previous close - 1",
        inputs=("first_price_from(bar.open, bar.has_trade, day.open_s)", "day.previous_close"),
        units="return",
        normalise=log(0.02),
        warm_up=WHOLE_DAY,
        sessions=1,
    )
)
@njit
def open_gap_nb(opening, previous_close, first, stop, out):
    """Unknown before the first trade of regular hours, and without a previous close."""
    for t in range(first, stop):
        out[t] = opening[t] / previous_close - 1.0


@feature(
    Feature(
        name="opening_range_Ns",
        branch="static",
        family="session",
        formula="2 (mid - low) / (high - low) - 1 over the trades of the first N s of regular hours",
        inputs=(
            "mid",
            "lowest_within(bar.low, bar.has_trade, day.open_s, N)",
            "highest_within(bar.high, bar.has_trade, day.open_s, N)",
            "day.open_s",
        ),
        params=(WINDOW,),
        windows=(300, 900),
        units="half ranges",
        normalise=log(1.0),
        warm_up=WHOLE_DAY,
    )
)
@njit
def opening_range_nb(mid, low, high, open_s, window, first, stop, out):
    """Above 1: broken out. Unknown before the range is complete, and where it is nothing."""
    complete = int(open_s) + window - 1
    for t in range(first, stop):
        out[t] = position_nb(mid[t], low[t], high[t]) if t >= complete else np.nan


@feature(
    Feature(
        name="range_used",
        branch="static",
        family="session",
        formula=f"(high / low of the day - 1) / mean of it over up to {_SESSIONS} previous sessions",
        inputs=("high_of_day", "low_of_day", f"usual_range(daily.high, daily.low, {_SESSIONS})"),
        units="ratio",
        normalise=log(0.5),
        warm_up=WHOLE_DAY,
        sessions=_SESSIONS,
        low=0.0,
    )
)
@njit
def range_used_nb(high, low, usual, first, stop, out):
    """Unknown before the first trade, and without previous sessions."""
    for t in range(first, stop):
        out[t] = (high[t] / low[t] - 1.0) / usual[-1]


@feature(
    *(
        Feature(
            name=f"since_{name}",
            branch="static",
            family="session",
            formula=f"{_RECENT_S} / ({_RECENT_S} + seconds since the day's {name} was made)",
            inputs=(f"row_of_change({name}_of_day)",),
            params=(_RECENT_S,),
            units="1",
            normalise=identity(),
            low=0.0,
            high=1.0,
            warm_up=WHOLE_DAY,
        )
        for name in ("high", "low")
    )
)
@njit
def since_extreme_nb(row, scale, first, stop, out):
    """1 as it is made, 1/2 after `scale` seconds; 0 before the first trade."""
    for t in range(first, stop):
        out[t] = scale / (scale + t - row[t]) if row[t] >= 0.0 else 0.0


@feature(
    Feature(
        name="new_highs_Ns",
        branch="static",
        family="session",
        formula="seconds with a new high of the day in N s",
        inputs=("total(moved(high_of_day))",),
        params=(WINDOW,),
        windows=(900,),
        units="count",
        normalise=log(3.0),
        warm_up=WHOLE_DAY,
        low=0.0,
    )
)
@njit
def new_highs_nb(total, window, first, stop, out):
    """The day's first trade is none."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total, t, window)
