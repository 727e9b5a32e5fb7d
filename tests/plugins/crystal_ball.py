"""A feature from outside the tree that reads the second after the present one."""

from __future__ import annotations

from feature.registry import Feature, feature, soft
from utils.jit import njit


@feature(
    Feature(
        name="crystal_ball",
        branch="hf",
        family="crystal_ball",
        formula="ln(mid[t+1] / mid[t])",
        inputs=("log_mid",),
        units="1",
        normalise=soft(1e-4),
    )
)
@njit
def crystal_ball_nb(log_mid, first, stop, out):
    """Knows the next second."""
    for t in range(first, stop):
        out[t] = log_mid[min(t + 1, out.shape[0] - 1)] - log_mid[t]
