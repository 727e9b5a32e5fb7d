"""Where the price stands: against yesterday, the day's extremes, VWAP, round numbers and the price bands."""

from __future__ import annotations

import numpy as np

from feature.kernels import position_nb
from feature.registry import WHOLE_DAY, Feature, feature, identity, log, soft
from utils.jit import njit


@feature(
    *(
        Feature(
            name=name,
            branch="static",
            family="levels",
            formula=f"ln(mid / {what})",
            inputs=("mid", series),
            units="log return",
            normalise=log(0.01),
            warm_up=WHOLE_DAY,
        )
        for name, what, series in (
            ("from_high", "highest trade of the day", "high_of_day"),
            ("from_low", "lowest trade of the day", "low_of_day"),
            ("from_vwap", "volume-weighted mean price since 04:00", "vwap"),
        )
    )
)
@njit
def distance_nb(mid, level, first, stop, out):
    """Unknown before the first trade."""
    for t in range(first, stop):
        out[t] = np.log(mid[t] / level[t])


@feature(
    Feature(
        name="gain",
        branch="static",
        family="levels",
        formula="ln(mid / previous close)",
        inputs=("mid", "day.previous_close"),
        units="log return",
        normalise=log(0.02),
        sessions=1,
    )
)
@njit
def gain_nb(mid, previous_close, first, stop, out):
    """Unknown without a previous close."""
    for t in range(first, stop):
        out[t] = np.log(mid[t] / previous_close)


@feature(
    Feature(
        name="range_position",
        branch="static",
        family="levels",
        formula="2 (mid - low) / (high - low) - 1 over the mids of 300 s",
        inputs=("mid", "lowest(mid, 300)", "highest(mid, 300)"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=300,
        warm_up=300,
    )
)
@njit
def range_position_nb(mid, low, high, first, stop, out):
    """Unknown while the price stands still."""
    for t in range(first, stop):
        out[t] = position_nb(mid[t], low[t], high[t])


@feature(
    *(
        Feature(
            name=f"{name}_dollar",
            branch="static",
            family="levels",
            formula=f"(mid - L) / mid, L the nearest multiple of ${step} above zero",
            inputs=("mid",),
            params=(step,),
            units="share of the price",
            normalise=soft(0.01),
        )
        for name, step in (("half", 0.5), ("whole", 1.0))
    )
)
@njit
def round_number_nb(mid, step, first, stop, out):
    """Round numbers draw orders; far away (more than some percent) the value saturates."""
    for t in range(first, stop):
        level = max(np.floor(mid[t] / step + 0.5), 1.0) * step
        out[t] = (mid[t] - level) / mid[t]


@feature(
    Feature(
        name="price_level",
        branch="static",
        family="levels",
        formula="ln(mid / $5)",
        inputs=("mid",),
        units="log dollars",
        normalise=soft(),
    )
)
@njit
def price_level_nb(mid, first, stop, out):
    """Tier of the price: ticks, spreads and short rules hang on it."""
    for t in range(first, stop):
        out[t] = np.log(mid[t] / 5.0)


@feature(
    *(
        Feature(
            name=f"near_luld_{name}",
            branch="static",
            family="levels",
            formula=f"max(0, 1 - |{name} band - mid| / (5 % of mid)), 0 where no band applies",
            inputs=("mid", f"market.luld_{name}"),
            units="share",
            normalise=identity(),
            low=0.0,
            high=1.0,
        )
        for name in ("low", "high")
    )
)
@njit
def near_band_nb(mid, band, first, stop, out):
    """1 at the limit-up or limit-down band, where trading is about to pause."""
    for t in range(first, stop):
        known = band[t] > 0.0 and np.isfinite(band[t])
        out[t] = max(0.0, 1.0 - abs(band[t] - mid[t]) / (0.05 * mid[t])) if known else 0.0
