"""What kind of stock it is: price tier, market value, float. From reference.csv; where it says nothing, flags are 0."""

from __future__ import annotations

import numpy as np

from feature.registry import WHOLE_DAY, Feature, feature, identity, log, soft
from utils.jit import njit

_TIERS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Dollars: ticks, shorting rules and the traders change there."""
_CAP = 1e8
_FLOAT = 1e7


@feature(
    Feature(
        name="price_tier",
        branch="static",
        family="reference",
        formula="-1 below $1, -0.6 below $2, -0.2 below $5, 0.2 below $10, 0.6 below $20, 1 above",
        inputs=("mid",),
        units="1",
        normalise=identity(),
        low=-1.0,
        high=1.0,
    )
)
@njit
def price_tier_nb(mid, first, stop, out):
    """Unknown before the first price."""
    for t in range(first, stop):
        tier = 0
        for edge in _TIERS:
            tier += mid[t] >= edge
        out[t] = 2.0 * tier / len(_TIERS) - 1.0 if mid[t] > 0.0 else np.nan


@feature(
    Feature(
        name="market_cap",
        branch="static",
        family="reference",
        formula="ln(shares outstanding x previous close / $100M)",
        inputs=("mid", "day.shares_outstanding", "day.previous_close"),
        params=(_CAP,),
        units="log dollars",
        normalise=soft(),
        sessions=1,
    ),
    Feature(
        name="float_size",
        branch="static",
        family="reference",
        formula="ln(float / 10M shares)",
        inputs=("mid", "day.float_shares", "1.0"),
        params=(_FLOAT,),
        units="log shares",
        normalise=soft(),
    ),
)
@njit
def size_nb(mid, shares, price, scale, first, stop, out):
    """Unknown before the first price of the day, and without a row for the symbol in reference.csv."""
    size = np.log(shares * price / scale) if shares * price > 0.0 else np.nan
    for t in range(first, stop):
        out[t] = size if mid[t] > 0.0 else np.nan


@feature(
    *(
        Feature(
            name=f"{name}_known",
            branch="static",
            family="reference",
            formula=f"1 if the {what} in reference.csv, 0 before the first price of the day",
            inputs=("mid", f"day.{number}"),
            units="mask",
            normalise=identity(),
            low=0.0,
            high=1.0,
        )
        for name, what, number in (
            ("market_cap", "shares outstanding are", "shares_outstanding"),
            ("float", "float is", "float_shares"),
        )
    )
)
@njit
def known_nb(mid, shares, first, stop, out):
    """Tells an unknown number from one that happens to be 0 after normalisation."""
    for t in range(first, stop):
        out[t] = 1.0 if shares > 0.0 and mid[t] > 0.0 else 0.0


@feature(
    Feature(
        name="float_turnover",
        branch="static",
        family="reference",
        formula="shares since 04:00 / float",
        inputs=("total(bar.volume)", "day.float_shares"),
        units="ratio",
        normalise=log(0.2),
        warm_up=WHOLE_DAY,
        low=0.0,
    )
)
@njit
def float_turnover_nb(total_volume, shares, first, stop, out):
    """1: every share of the float changed hands once; unknown without a float in reference.csv."""
    for t in range(first, stop):
        out[t] = total_volume[t + 1] / shares
