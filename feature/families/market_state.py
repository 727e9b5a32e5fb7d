"""What the exchange's rules do to the symbol: halts, price bands, limit states, short-sale restriction."""

from __future__ import annotations

import numpy as np

from feature.registry import Feature, feature, identity, soft
from utils.jit import njit

_HALT_S = 300
"""A limit-up limit-down pause lasts so long."""
_NEVER_S = 1e6
"""More seconds than a day has: it has not happened."""


@feature(
    *(
        Feature(
            name=f"since_{name}",
            branch="static",
            family="market_state",
            formula=f"{_HALT_S} / ({_HALT_S} + seconds since the last halt {what}), 0 if there was none",
            inputs=(f"market.since_{name}",),
            params=(_HALT_S,),
            units="1",
            normalise=identity(),
            low=0.0,
            high=1.0,
        )
        for name, what in (("halt", "began"), ("resume", "ended"))
    )
)
@njit
def recency_nb(since, scale, first, stop, out):
    """1 as it happens, 1/2 after `scale` seconds, and still above nothing at the end of the day."""
    for t in range(first, stop):
        out[t] = scale / (scale + since[t]) if 0.0 <= since[t] < _NEVER_S else 0.0


@feature(
    *(
        Feature(
            name=f"room_{name}",
            branch="static",
            family="market_state",
            formula=f"{formula} / mid, 0 where no band applies",
            inputs=("mid", f"market.luld_{band}"),
            params=(sign,),
            units="share of the price",
            normalise=soft(0.05),
        )
        for name, band, sign, formula in (
            ("up", "high", 1.0, "(upper price band - mid)"),
            ("down", "low", -1.0, "(mid - lower price band)"),
        )
    )
)
@njit
def room_nb(mid, band, sign, first, stop, out):
    """Negative beyond the band; `near_luld_low` and `near_luld_high` tell 0 at the band from no band."""
    for t in range(first, stop):
        known = band[t] > 0.0 and np.isfinite(band[t])
        out[t] = sign * (band[t] - mid[t]) / mid[t] if known else 0.0


@feature(
    Feature(
        name="limit_state",
        branch="static",
        family="market_state",
        formula="1 while the bid stands at the upper price band, -1 while the ask stands at the lower one",
        inputs=("market.limit_state",),
        units="mask",
        normalise=identity(),
        low=-1.0,
        high=1.0,
    ),
    Feature(
        name="short_sale_restricted",
        branch="static",
        family="market_state",
        formula="1 while short sales are restricted (Rule 201)",
        inputs=("market.ssr",),
        units="mask",
        normalise=identity(),
        low=0.0,
        high=1.0,
    ),
)
@njit
def state_nb(state, first, stop, out):
    """As it is in the timeline."""
    for t in range(first, stop):
        out[t] = state[t]
