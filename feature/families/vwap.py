"""How the price moves about VWAP: slope, reclaim and loss, bands, and the VWAP since the regular open."""

from __future__ import annotations

import numpy as np

from feature.inputs import operator
from feature.registry import WHOLE_DAY, WINDOW, Feature, feature, identity, log, soft
from utils.jit import njit

_RECENT_S = 600
_BAND_FLOOR = 1e-3
"""Least standard deviation, share of VWAP: after few trades there is none."""
_SIDE, _SINCE = range(2)
_WEIGHT, _MEAN, _SQUARES = range(3)


@operator("sides", height=2)
@njit
def sides_nb(price, spread, level, first, stop, out):
    """[side, second of the last crossing]: side 1 once the bid is above the level, -1 once the ask is below it.

    Between them the side stays what it was, so a price that flickers at the level does not cross. Side 0 before the
    first, second -1 before the first crossing.
    """
    for t in range(first, stop):
        side = out[_SIDE, t - 1] if t > 0 else 0.0
        since = out[_SINCE, t - 1] if t > 0 else -1.0
        half = 0.5 * spread[t] * price[t]
        now = 1.0 if price[t] - half > level[t] else -1.0 if price[t] + half < level[t] else side
        out[_SIDE, t], out[_SINCE, t] = now, float(t) if now * side < 0.0 else since


@operator("weighted_moments", height=3)
@njit
def moments_nb(notional, volume, first, stop, out):
    """[shares, mean price, sum of shares * squared distance to it] so far, one price a second (West 1979)."""
    for t in range(first, stop):
        weight = out[_WEIGHT, t - 1] if t > 0 else 0.0
        mean = out[_MEAN, t - 1] if t > 0 else np.nan
        squares = out[_SQUARES, t - 1] if t > 0 else 0.0
        if volume[t] > 0.0:
            weight += volume[t]
            price = notional[t] / volume[t]
            away = price - mean if weight > volume[t] else 0.0
            mean = mean + away * volume[t] / weight if weight > volume[t] else price
            squares += volume[t] * away * (price - mean)
        out[_WEIGHT, t], out[_MEAN, t], out[_SQUARES, t] = weight, mean, squares


@operator("ratio_since")
@njit
def ratio_since_nb(total_a, total_b, begin, first, stop, out):
    """Sum of a / sum of b from row `begin` on; NaN before it and while both are 0."""
    start = int(begin)
    for t in range(first, stop):
        a, b = total_a[t + 1] - total_a[start], total_b[t + 1] - total_b[start]
        out[t] = a / b if t >= start else np.nan


@feature(
    Feature(
        name="vwap_slope_Ns",
        branch="static",
        family="vwap",
        formula="VWAP / VWAP N s ago - 1, VWAP since 04:00",
        inputs=("vwap",),
        params=(WINDOW,),
        windows=(60, 600),
        units="return",
        normalise=lambda window: log(5e-6 * window),
        warm_up=WHOLE_DAY,
    )
)
@njit
def vwap_slope_nb(vwap, window, first, stop, out):
    """Unknown until VWAP is N seconds old."""
    for t in range(first, stop):
        out[t] = vwap[t] / vwap[t - window] - 1.0 if t >= window else np.nan


@feature(
    Feature(
        name="vwap_cross",
        branch="static",
        family="vwap",
        formula=f"+-{_RECENT_S} / ({_RECENT_S} + seconds since the price crossed VWAP): + reclaimed (bid above it), "
        "- lost (ask below it), 0 if it never crossed",
        inputs=("sides(mid, spread, vwap)",),
        params=(_RECENT_S,),
        units="1",
        normalise=identity(),
        warm_up=WHOLE_DAY,
        low=-1.0,
        high=1.0,
    )
)
@njit
def vwap_cross_nb(sides, scale, first, stop, out):
    """1 as it is reclaimed, -1 as it is lost; 0 before the first crossing."""
    for t in range(first, stop):
        since = sides[_SINCE, t]
        out[t] = sides[_SIDE, t] * scale / (scale + t - since) if since >= 0.0 else 0.0


@feature(
    Feature(
        name="vwap_band",
        branch="static",
        family="vwap",
        formula=f"(mid - VWAP) / s, s = volume-weighted standard deviation of the price since 04:00, at least "
        f"{100 * _BAND_FLOOR:g} % of VWAP",
        inputs=("mid", "weighted_moments(bar.notional, bar.volume)"),
        params=(_BAND_FLOOR,),
        units="standard deviations",
        normalise=soft(),
        warm_up=WHOLE_DAY,
    )
)
@njit
def vwap_band_nb(mid, moments, floor, first, stop, out):
    """Unknown before the first trade."""
    for t in range(first, stop):
        mean = moments[_MEAN, t]
        sigma = np.sqrt(max(moments[_SQUARES, t], 0.0) / moments[_WEIGHT, t])
        out[t] = (mid[t] - mean) / max(sigma, floor * mean)


@feature(
    Feature(
        name="from_open_vwap",
        branch="static",
        family="vwap",
        formula="mid / VWAP since the regular open - 1",
        inputs=("mid", "ratio_since(total(bar.notional), total(bar.volume), day.open_s)"),
        units="return",
        normalise=log(0.01),
        warm_up=WHOLE_DAY,
    )
)
@njit
def from_open_vwap_nb(mid, vwap, first, stop, out):
    """Unknown before the first trade of regular hours."""
    for t in range(first, stop):
        out[t] = mid[t] / vwap[t] - 1.0
