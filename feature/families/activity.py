"""How much trades, against what has been usual for the last five minutes."""

from __future__ import annotations

import numpy as np

from feature.kernels import window_mean_nb, window_sum_nb
from feature.registry import WHOLE_DAY, Feature, feature, identity, log, soft
from utils.jit import njit


@feature(
    *(
        Feature(
            name=name,
            branch="hf",
            family="activity",
            formula=f"{what} per second over {fast} s / over 300 s",
            inputs=(column,),
            params=(fast, 300),
            units="ratio",
            normalise=log(1.0),
            low=0.0,
            window=300,
            warm_up=300,
        )
        for name, what, column, fast in (
            ("trade_surge", "trades", "total(bar.trades)", 10),
            ("volume_surge", "shares", "total(bar.volume)", 10),
            ("volume_surge_60s", "shares", "total(bar.volume)", 60),
        )
    )
)
@njit
def surge_nb(total, fast, slow, first, stop, out):
    """Unknown after 300 s without a trade."""
    for t in range(first, stop):
        out[t] = window_mean_nb(total, t, fast) / window_mean_nb(total, t, slow)


@feature(
    Feature(
        name="large_trade_share",
        branch="hf",
        family="activity",
        formula="largest trade of 30 s / shares traded in 30 s",
        inputs=("highest(bar.largest, 30)", "total(bar.volume)"),
        params=(30,),
        units="share",
        normalise=identity(),
        low=0.0,
        high=1.0,
        window=30,
        warm_up=30,
    )
)
@njit
def large_trade_share_nb(largest, total_volume, window, first, stop, out):
    """1: a single print; unknown without a trade."""
    for t in range(first, stop):
        out[t] = largest[t] / window_sum_nb(total_volume, t, window)


@feature(
    Feature(
        name="has_trade",
        branch="hf",
        family="activity",
        formula="1 if this second had a trade",
        inputs=("bar.has_trade",),
        units="mask",
        normalise=identity(),
        low=0.0,
        high=1.0,
    )
)
@njit
def has_trade_nb(mask, first, stop, out):
    """As it is in the timeline."""
    for t in range(first, stop):
        out[t] = mask[t]


@feature(
    Feature(
        name="volume_trend",
        branch="static",
        family="activity",
        formula="ln((EMA20(volume) + e) / (EMA900(volume) + e)), e = 1 % of the mean volume per second so far",
        inputs=("ema(bar.volume, 20)", "ema(bar.volume, 900)", "total(bar.volume)"),
        units="log ratio",
        normalise=soft(),
        window=900,
        warm_up=WHOLE_DAY,
    )
)
@njit
def volume_trend_nb(fast, slow, total_volume, first, stop, out):
    """Is more being traded than in the last quarter of an hour?"""
    for t in range(first, stop):
        little = 0.01 * total_volume[t + 1] / (t + 1)
        out[t] = np.log((fast[t] + little) / (slow[t] + little))
