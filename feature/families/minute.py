"""Completed 1-minute bars: shape, volume, flow and trend. Row m is computed from seconds <= 60 m + 59."""

from __future__ import annotations

import numpy as np

from feature.inputs import CLOCK_SESSIONS
from feature.kernels import position_nb
from feature.registry import WHOLE_DAY, Feature, faded_alpha, feature, identity, log, soft
from utils.jit import njit

_MOVE = log(0.003)
"""Log returns of a minute: linear below 0.3 %, 1 % is 1.5, 10 % is 3.5."""


@feature(
    Feature(
        name="bar_return",
        branch="mf",
        family="minute",
        formula="ln(close[m] / close[m-1])",
        inputs=("minute.close",),
        units="log return",
        normalise=_MOVE,
        window=60,
        warm_up=60,
    )
)
@njit
def bar_return_nb(close, first, stop, out):
    """Unknown for the first bar."""
    for m in range(first, stop):
        out[m] = np.log(close[m] / close[m - 1]) if m > 0 else np.nan


@feature(
    Feature(
        name="bar_range",
        branch="mf",
        family="minute",
        formula="ln(high / low)",
        inputs=("minute.high", "minute.low"),
        units="log return",
        normalise=_MOVE,
        low=0.0,
        window=60,
        warm_up=60,
    ),
    Feature(
        name="bar_body",
        branch="mf",
        family="minute",
        formula="ln(close / open)",
        inputs=("minute.close", "minute.open"),
        units="log return",
        normalise=_MOVE,
        window=60,
        warm_up=60,
    ),
    Feature(
        name="bar_vwap",
        branch="mf",
        family="minute",
        formula="ln(close / volume-weighted mean price since 04:00)",
        inputs=("minute.close", "minute.vwap"),
        units="log return",
        normalise=log(0.005),
        window=60,
        warm_up=WHOLE_DAY,
    ),
)
@njit
def bar_log_ratio_nb(a, b, first, stop, out):
    """Unknown before the first price."""
    for m in range(first, stop):
        out[m] = np.log(a[m] / b[m])


@feature(
    *(
        Feature(
            name=f"bar_{name}_wick",
            branch="mf",
            family="minute",
            formula=formula,
            inputs=("minute.open", "minute.high", "minute.low", "minute.close"),
            params=(side,),
            units="share of the range",
            normalise=identity(),
            low=0.0,
            high=1.0,
            window=60,
            warm_up=60,
        )
        for name, formula, side in (
            ("upper", "(high - max(open, close)) / (high - low)", 1),
            ("lower", "(min(open, close) - low) / (high - low)", -1),
        )
    )
)
@njit
def bar_wick_nb(open_, high, low, close, side, first, stop, out):
    """Unknown for bars without a range."""
    for m in range(first, stop):
        wick = high[m] - max(open_[m], close[m]) if side > 0 else min(open_[m], close[m]) - low[m]
        out[m] = wick / (high[m] - low[m])


@feature(
    Feature(
        name="bar_close_location",
        branch="mf",
        family="minute",
        formula="2 (close - low) / (high - low) - 1",
        inputs=("minute.close", "minute.low", "minute.high"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=60,
        warm_up=60,
    )
)
@njit
def bar_close_location_nb(close, low, high, first, stop, out):
    """Unknown for bars without a range."""
    for m in range(first, stop):
        out[m] = position_nb(close[m], low[m], high[m])


@feature(
    Feature(
        name="bar_relative_volume",
        branch="mf",
        family="minute",
        formula="ln((v + e) / (c + e)), v the minute's shares, c its mean over previous sessions, "
        "e = 10 % of the mean minute",
        inputs=("minute.volume", "day.clock_volume"),
        units="log ratio",
        normalise=soft(),
        window=60,
        warm_up=60,
        sessions=CLOCK_SESSIONS,
    )
)
@njit
def bar_relative_volume_nb(volume, clock_volume, first, stop, out):
    """Unknown without previous sessions."""
    little = 0.1 * clock_volume[-1] / clock_volume.shape[0]
    for m in range(first, stop):
        usual = clock_volume[m] - (clock_volume[m - 1] if m > 0 else 0.0)
        out[m] = np.log((volume[m] + little) / (usual + little)) if little > 0.0 else np.nan


@feature(
    Feature(
        name="bar_buy_share",
        branch="mf",
        family="minute",
        formula="(bought - sold) / (bought + sold) shares by initiator",
        inputs=("minute.buy_volume", "minute.sell_volume"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=60,
        warm_up=60,
    )
)
@njit
def bar_buy_share_nb(bought, sold, first, stop, out):
    """Unknown without a trade."""
    for m in range(first, stop):
        out[m] = (bought[m] - sold[m]) / (bought[m] + sold[m])


@feature(
    Feature(
        name="bar_ofi",
        branch="mf",
        family="minute",
        formula="sum of OFI / sum of the seconds' |OFI|",
        inputs=("minute.ofi", "minute.ofi_size"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=60,
        warm_up=60,
    )
)
@njit
def bar_ofi_nb(ofi, size, first, stop, out):
    """Unknown without a change of the book."""
    for m in range(first, stop):
        out[m] = ofi[m] / size[m]


@feature(
    Feature(
        name="bar_emaN",
        branch="mf",
        family="minute",
        formula="ln(close / EMA(close)) over N bars, alpha = 2 / (N + 1), seeded with the first close",
        inputs=("minute.close", "ema_span(minute.close, N)"),
        windows=(9, 20),
        warm_up=lambda window: 60 * faded_alpha(2 / (window + 1)),
        units="log return",
        normalise=_MOVE,
    )
)
@njit
def bar_ema_nb(close, mean, first, stop, out):
    """Trend as charts draw it."""
    for m in range(first, stop):
        out[m] = np.log(close[m] / mean[m])
