"""The running minute, the day's volume so far and the time since a halt: what completed bars don't show yet."""

from __future__ import annotations

import numpy as np

from feature.inputs import CLOCK_SESSIONS
from feature.kernels import position_nb
from feature.registry import WHOLE_DAY, Feature, feature, identity, log, soft
from utils.jit import njit


@feature(
    Feature(
        name="minute_return",
        branch="static",
        family="running",
        formula="ln(mid / mid at the end of the previous minute)",
        inputs=("log_mid",),
        units="log return",
        normalise=log(0.003),
        window=60,
        warm_up=60,
    )
)
@njit
def minute_return_nb(log_mid, first, stop, out):
    """Unknown in the first minute with a price."""
    for t in range(first, stop):
        before = t - t % 60 - 1
        out[t] = log_mid[t] - log_mid[before] if before >= 0 else np.nan


@feature(
    Feature(
        name="minute_position",
        branch="static",
        family="running",
        formula="2 (mid - low) / (high - low) - 1 over the mids of the running minute",
        inputs=("mid",),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
        window=60,
        warm_up=60,
    )
)
@njit
def minute_position_nb(mid, first, stop, out):
    """Unknown while the price stands still."""
    low = high = np.nan
    for t in range(first - first % 60, stop):
        fresh = t % 60 == 0 or np.isnan(low)
        low = mid[t] if fresh else min(low, mid[t])
        high = mid[t] if fresh else max(high, mid[t])
        if t >= first:
            out[t] = position_nb(mid[t], low, high)


@feature(
    Feature(
        name="relative_volume",
        branch="static",
        family="running",
        formula="ln((V + e) / (C + e)), V the shares since 04:00, C their mean at this clock time over previous "
        "sessions, e = 1 % of the mean day",
        inputs=("total(bar.volume)", "day.clock_volume"),
        units="log ratio",
        normalise=soft(),
        warm_up=WHOLE_DAY,
        sessions=CLOCK_SESSIONS,
    )
)
@njit
def relative_volume_nb(total_volume, clock_volume, first, stop, out):
    """C is drawn as a line within the minute; unknown without previous sessions. e keeps 04:01 from saturating."""
    little = 0.01 * clock_volume[-1]
    for t in range(first, stop):
        minute = t // 60
        before = clock_volume[minute - 1] if minute > 0 else 0.0
        usual = before + (clock_volume[minute] - before) * (t % 60 + 1) / 60.0
        out[t] = np.log((total_volume[t + 1] + little) / (usual + little)) if little > 0.0 else np.nan


@feature(
    Feature(
        name="after_halt",
        branch="static",
        family="running",
        formula="exp(-seconds since the last halt ended / 300), 0 if there was none",
        inputs=("market.since_resume",),
        units="1",
        normalise=identity(),
        low=0.0,
        high=1.0,
        window=300,
    )
)
@njit
def after_halt_nb(since, first, stop, out):
    """1 at the resume."""
    for t in range(first, stop):
        out[t] = np.exp(-since[t] / 300.0) if since[t] < 6000.0 else 0.0
