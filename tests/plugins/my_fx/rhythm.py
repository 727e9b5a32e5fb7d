"""A feature family: does the price climb, or fall and recover? Every declaration adds a column."""

from __future__ import annotations

from feature.registry import Feature, feature, identity
from utils.jit import njit


@feature(
    Feature(
        name="up_share_30s",
        branch="hf",
        family="rhythm",
        formula="seconds of the last 30 with a rising mid / seconds with a changing mid",
        inputs=("log_mid",),
        params=(30,),
        units="share",
        normalise=identity(),
        low=0.0,
        high=1.0,
        window=30,
        warm_up=31,
    )
)
@njit
def up_share_nb(log_mid, window, first, stop, out):
    """Row t rests on rows up to t: what is not known yet is NaN, and becomes 0."""
    for t in range(first, stop):
        up, changed = 0, 0
        for i in range(max(1, t - window + 1), t + 1):
            up += log_mid[i] > log_mid[i - 1]
            changed += log_mid[i] != log_mid[i - 1]
        out[t] = up / changed if changed > 0 else 0.0
