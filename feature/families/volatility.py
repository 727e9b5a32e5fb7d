"""What kind of movement it is: speeding up, jumping, trending, one-sided.

Returns of 5 s are used where those of 1 s would mostly be zero or bounce between bid and ask; they overlap, which
averages over the five ways to sample them. What moved less than noise, half a basis point or a tenth of the spread a
second, counts as having moved that much, so that a single tick in a silence says little.
"""

from __future__ import annotations

import numpy as np

from feature.inputs import operator, series
from feature.kernels import window_sum_nb
from feature.registry import WINDOW, Feature, feature, identity, log, soft
from feature.series import SIGMA_FLOOR, SIGMA_SPREADS, SIGMA_WARM_UP_S
from utils.jit import njit

SAMPLE_S = 5
"""Horizon of the returns for jumps and autocorrelation."""
BIPOWER = np.pi / 2.0
"""1 / E|z|^2 for a normal z."""
PARKINSON = 4.0 * np.log(2.0)

series("stride", f"difference(log_mid, {SAMPLE_S})")
series("stride_squared", "square(stride)")
series("stride_product", f"lagged_product(stride, {SAMPLE_S})")
series("bipower", "size(stride_product)")
series("up_squared", "square_of_rise(move)")
series("path", "size(move)")


@operator("lagged_product")
@njit
def lagged_product_nb(x, lag, first, stop, out):
    """x[t] x[t - lag]; 0 at the start."""
    for t in range(first, stop):
        out[t] = x[t] * x[t - lag] if t >= lag else 0.0


@operator("square_of_rise")
@njit
def square_of_rise_nb(x, first, stop, out):
    """Elementwise square where x is above 0, else 0."""
    for t in range(first, stop):
        rise = max(x[t], 0.0)
        out[t] = rise * rise


@njit
def noise_nb(spread, seconds):
    """Least variance of so many seconds that means anything: spread is relative."""
    return seconds * max(SIGMA_FLOOR, SIGMA_SPREADS * spread) ** 2


@feature(
    Feature(
        name="acceleration_Ns",
        branch="static",
        family="volatility",
        formula="(ln(mid[t] / mid[t-N]) - ln(mid[t-N] / mid[t-2N])) / (sigma[t] sqrt(2 N))",
        inputs=("log_mid", "sigma"),
        windows=(5, 30),
        params=(WINDOW,),
        units="standard deviations",
        normalise=soft(),
        warm_up=lambda window: max(2 * window, SIGMA_WARM_UP_S),
    )
)
@njit
def acceleration_nb(log_mid, sigma, horizon, first, stop, out):
    """Unknown before 2 `horizon` seconds of prices."""
    root = np.sqrt(2.0 * horizon)
    for t in range(first, stop):
        known = t >= 2 * horizon
        change = log_mid[t] - 2.0 * log_mid[t - horizon] + log_mid[t - 2 * horizon] if known else np.nan
        out[t] = change / (sigma[t] * root)


@feature(
    Feature(
        name="jump_share_Ns",
        branch="static",
        family="volatility",
        formula="max(RV - BV, 0) / max(RV, noise): RV the sum of squared 5-second log returns r over N s, "
        "BV = pi/2 sum of |r[t] r[t-5]|, noise = 5 N max(0.5 bp, 0.1 spread)^2",
        inputs=("total(stride_squared)", "total(bipower)", "spread"),
        windows=(300,),
        warm_up=lambda window: window + 2 * SAMPLE_S,
        params=(WINDOW,),
        units="share",
        normalise=identity(),
        low=0.0,
        high=1.0,
    )
)
@njit
def jump_share_nb(total_squares, total_bipower, spread, window, first, stop, out):
    """Barndorff-Nielsen and Shephard, "Power and bipower variation", 2004. 0 without a price or a move."""
    for t in range(first, stop):
        realised = window_sum_nb(total_squares, t, window)
        smooth = BIPOWER * window_sum_nb(total_bipower, t, window)
        out[t] = max(realised - smooth, 0.0) / max(realised, noise_nb(spread[t], window * SAMPLE_S))


@feature(
    Feature(
        name="autocorrelation_Ns",
        branch="static",
        family="volatility",
        formula="sum of r[t] r[t-5] / max(sum of r^2, noise) over N s, clipped to 1: r the 5-second log return, "
        "noise = 5 N max(0.5 bp, 0.1 spread)^2",
        inputs=("total(stride_product)", "total(stride_squared)", "spread"),
        windows=(300,),
        warm_up=lambda window: window + 2 * SAMPLE_S,
        params=(WINDOW,),
        units="share",
        normalise=identity(0.25),
        low=-4.0,
        high=4.0,
    )
)
@njit
def autocorrelation_nb(total_products, total_squares, spread, window, first, stop, out):
    """Above 0: moves go on; below: they come back. 0 without a price or a move."""
    for t in range(first, stop):
        squares = max(window_sum_nb(total_squares, t, window), noise_nb(spread[t], window * SAMPLE_S))
        out[t] = min(max(window_sum_nb(total_products, t, window) / squares, -1.0), 1.0)


@feature(
    Feature(
        name="upside_Ns",
        branch="static",
        family="volatility",
        formula="(U - D) / max(U + D, noise): U and D the sums of squared rising and falling one-second log returns "
        "over N s, noise = N max(0.5 bp, 0.1 spread)^2",
        inputs=("total(up_squared)", "total(move_squared)", "spread"),
        windows=(900,),
        params=(WINDOW,),
        units="share",
        normalise=identity(0.5),
        low=-2.0,
        high=2.0,
    )
)
@njit
def upside_nb(total_up, total_squares, spread, window, first, stop, out):
    """Patton and Sheppard, "Good volatility, bad volatility", 2015. 0 without a price or a move."""
    for t in range(first, stop):
        up, both = window_sum_nb(total_up, t, window), window_sum_nb(total_squares, t, window)
        out[t] = (2.0 * up - both) / max(both, noise_nb(spread[t], window))


@feature(
    Feature(
        name="signed_jump_Ns",
        branch="static",
        family="volatility",
        formula="(largest rise - largest fall of one second, as log returns, over N s) / sigma",
        inputs=("highest(move, N)", "lowest(move, N)", "sigma"),
        windows=(30,),
        units="standard deviations",
        normalise=soft(2.0),
        warm_up=SIGMA_WARM_UP_S,
    )
)
@njit
def signed_jump_nb(rise, fall, sigma, first, stop, out):
    """A move that stands out, and its direction; 0 without one."""
    for t in range(first, stop):
        out[t] = (max(rise[t], 0.0) + min(fall[t], 0.0)) / sigma[t]


@feature(
    Feature(
        name="parkinson_Ns",
        branch="static",
        family="volatility",
        formula="ln(high / low) of the trades of N s / sqrt(4 ln(2) N), x 10,000",
        inputs=("highest(traded(bar.high), N)", "lowest(traded(bar.low), N)"),
        windows=(60,),
        params=(WINDOW,),
        units="basis points",
        normalise=log(1.0),
        low=0.0,
    )
)
@njit
def parkinson_nb(high, low, window, first, stop, out):
    """Volatility of one second from the range, Parkinson 1980; unknown before the first trade."""
    scale = 1e4 / np.sqrt(PARKINSON * window)
    for t in range(first, stop):
        out[t] = scale * np.log(high[t] / low[t])


@feature(
    Feature(
        name="efficiency_Ns",
        branch="static",
        family="volatility",
        formula="ln(mid[t] / mid[t-N]) / (sum of the seconds' |log returns| + relative spread)",
        inputs=("total(move)", "total(path)", "spread"),
        windows=(60, 300),
        params=(WINDOW,),
        units="share",
        normalise=identity(0.5),
        low=-2.0,
        high=2.0,
    )
)
@njit
def efficiency_nb(total_move, total_path, spread, window, first, stop, out):
    """1: straight up, -1: straight down, about 0: there and back. Unknown without a price."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_move, t, window) / (window_sum_nb(total_path, t, window) + spread[t])
