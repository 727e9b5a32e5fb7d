"""The previous sessions, split-adjusted. Rows of zeros stand for sessions before the data begins."""

from __future__ import annotations

import numpy as np

from feature.kernels import position_nb
from feature.registry import Feature, feature, identity, log, soft
from utils.jit import njit

_MOVE = log(0.02)
_DAY_S = 57_600


@feature(
    Feature(
        name="daily_return",
        branch="lf",
        family="daily",
        formula="ln(close[d] / close[d-1])",
        inputs=("daily.close", "daily.close"),
        units="log return",
        normalise=_MOVE,
        window=_DAY_S,
        sessions=2,
    ),
    Feature(
        name="daily_gap",
        branch="lf",
        family="daily",
        formula="ln(open[d] / close[d-1])",
        inputs=("daily.open", "daily.close"),
        units="log return",
        normalise=_MOVE,
        window=_DAY_S,
        sessions=2,
    ),
)
@njit
def from_previous_close_nb(price, close, first, stop, out):
    """Unknown for the first session."""
    for d in range(first, stop):
        out[d] = np.log(price[d] / close[d - 1]) if d > 0 else np.nan


@feature(
    Feature(
        name="daily_range",
        branch="lf",
        family="daily",
        formula="ln(high / low)",
        inputs=("daily.high", "daily.low"),
        units="log return",
        normalise=_MOVE,
        low=0.0,
        window=_DAY_S,
        sessions=1,
    )
)
@njit
def daily_range_nb(high, low, first, stop, out):
    """Unknown where there is no session."""
    for d in range(first, stop):
        out[d] = np.log(high[d] / low[d])


@feature(
    Feature(
        name="daily_close_location",
        branch="lf",
        family="daily",
        formula="2 (close - low) / (high - low) - 1",
        inputs=("daily.close", "daily.low", "daily.high"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=_DAY_S,
        sessions=1,
    )
)
@njit
def daily_close_location_nb(close, low, high, first, stop, out):
    """Unknown for sessions without a range."""
    for d in range(first, stop):
        out[d] = position_nb(close[d], low[d], high[d])


@feature(
    Feature(
        name="daily_relative_volume",
        branch="lf",
        family="daily",
        formula="ln(volume / mean volume of up to 20 sessions before)",
        inputs=("daily.volume",),
        params=(20,),
        units="log ratio",
        normalise=soft(),
        window=20 * _DAY_S,
        sessions=21,
    )
)
@njit
def daily_relative_volume_nb(volume, sessions, first, stop, out):
    """Unknown for the first known session."""
    for d in range(first, stop):
        total, count = 0.0, 0
        for k in range(max(d - sessions, 0), d):
            if volume[k] > 0.0:
                total += volume[k]
                count += 1
        out[d] = np.log(volume[d] * count / total) if count > 0 else np.nan
