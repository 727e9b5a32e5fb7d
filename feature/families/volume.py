"""Volume over the day: delta, dollars, the same clock window of earlier sessions, and where in price it traded."""

from __future__ import annotations

import numpy as np

from feature.inputs import CLOCK_SESSIONS, operator
from feature.kernels import window_sum_nb
from feature.registry import WHOLE_DAY, WINDOW, Feature, feature, identity, log, soft
from utils.jit import njit

_BIN = 0.005
"""Width of a bin of the profile in log price: half a per cent."""
_BINS = 2_000
_CENTRE = _BINS // 2
"""The bin about the day's first trade; prices 150 times higher or lower count in the outermost."""
_POC, _PLACE, _ABOVE, _HERE = range(4)
_FIRST, _FULLEST = range(2)
_CLOCK_FLOOR = 0.1
"""Added to both sides of a ratio of volumes, in mean windows of that length."""
_MILLION = 1e6
_DAY_S = 57_600.0


@njit
def bin_nb(log_return):
    """Bin of a price by its log return since the day's first trade."""
    return int(min(max(log_return / _BIN + 0.5 + _CENTRE, 0.0), _BINS - 1.0))


@njit
def walk_nb(histogram, place, target, above):
    """Shares above bin `target`, from those above bin `place`."""
    while place < target:
        place += 1
        above -= histogram[place]
    while place > target:
        above += histogram[place]
        place -= 1
    return above


@operator("profile", extra=_BINS, height=4)
@njit
def profile_nb(log_price, notional, volume, first, stop, out):
    """The day's volume by log price: [centre of the fullest bin, bin of the price, shares above it, shares in it].

    What lies beyond the rows of the first two lines is the state: the histogram; log price of the first trade and the
    fullest bin. A second's shares count at their mean price; they are whole, so sums are exact. NaN before the first.
    """
    rows = out.shape[1] - _BINS
    histogram, state = out[0, rows:], out[1, rows:]
    for t in range(first, stop):
        peak = out[_POC, t - 1] if t > 0 else np.nan
        place = int(out[_PLACE, t - 1]) if t > 0 else _BINS - 1  # nothing is above the last
        above = out[_ABOVE, t - 1] if t > 0 else 0.0
        traded = np.log(notional[t] / volume[t]) if volume[t] > 0.0 else np.nan
        if np.isfinite(traded):
            state[_FIRST] = traded if np.isnan(peak) else state[_FIRST]
            here = bin_nb(traded - state[_FIRST])
            histogram[here] += volume[t]
            above += volume[t] if here > place else 0.0
            if np.isnan(peak) or histogram[here] > histogram[int(state[_FULLEST])]:
                state[_FULLEST] = here
                peak = state[_FIRST] + (here - _CENTRE) * _BIN
        if np.isfinite(log_price[t] + peak):
            target = bin_nb(log_price[t] - state[_FIRST])
            above, place = walk_nb(histogram, place, target, above), target
        out[_POC, t], out[_PLACE, t], out[_ABOVE, t], out[_HERE, t] = peak, place, above, histogram[place]


@feature(
    Feature(
        name="from_point_of_control",
        branch="static",
        family="volume",
        formula=f"ln(mid / P), P = the price of most volume since 04:00, in bins of {100 * _BIN:g} %",
        inputs=("log_mid", "profile(log_mid, bar.notional, bar.volume)"),
        units="log return",
        normalise=log(0.01),
        warm_up=WHOLE_DAY,
    )
)
@njit
def from_point_of_control_nb(log_mid, profile, first, stop, out):
    """Unknown before the first trade."""
    for t in range(first, stop):
        out[t] = log_mid[t] - profile[_POC, t]


@feature(
    Feature(
        name="volume_above",
        branch="static",
        family="volume",
        formula=f"2 (shares traded above the mid + half of those in its bin of {100 * _BIN:g} %) / shares since 04:00 "
        "- 1",
        inputs=("profile(log_mid, bar.notional, bar.volume)", "total(bar.volume)"),
        warm_up=WHOLE_DAY,
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
    )
)
@njit
def volume_above_nb(profile, total_volume, first, stop, out):
    """1: all who bought today are under water; unknown before the first trade."""
    for t in range(first, stop):
        above = profile[_ABOVE, t] + 0.5 * profile[_HERE, t]
        out[t] = 2.0 * above / total_volume[t + 1] - 1.0


@feature(
    Feature(
        name="delta_share",
        branch="static",
        family="volume",
        formula="(bought - sold) / (bought + sold) shares by initiator since 04:00",
        inputs=("total(trade_flow)", "total(signed_volume)"),
        units="share",
        normalise=identity(0.2),
        warm_up=WHOLE_DAY,
    )
)
@njit
def delta_share_nb(flow, volume, first, stop, out):
    """Unknown before the first trade."""
    for t in range(first, stop):
        out[t] = flow[t + 1] / volume[t + 1]


@feature(
    Feature(
        name="volume_share_Ns",
        branch="static",
        family="volume",
        formula="shares of N s / shares since 04:00",
        warm_up=WHOLE_DAY,
        inputs=("total(bar.volume)",),
        params=(WINDOW,),
        windows=(300,),
        units="share",
        normalise=identity(),
        low=0.0,
        high=1.0,
    )
)
@njit
def volume_share_nb(total_volume, window, first, stop, out):
    """Unknown before the first trade."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_volume, t, window) / total_volume[t + 1]


@feature(
    Feature(
        name="dollar_volume",
        branch="static",
        family="volume",
        formula="ln(dollars traded since 04:00 / $1M)",
        inputs=("total(bar.notional)",),
        units="log dollars",
        normalise=soft(2.0),
        warm_up=WHOLE_DAY,
    )
)
@njit
def dollar_volume_nb(total_notional, first, stop, out):
    """Unknown before the first trade."""
    for t in range(first, stop):
        same = t > 0 and total_notional[t + 1] == total_notional[t]
        out[t] = out[t - 1] if same else np.log(total_notional[t + 1] / _MILLION)


@njit
def usual_by_nb(clock_volume, seconds):
    """Mean shares of previous sessions by so many seconds after 04:00: a line within the minute."""
    minute = seconds // 60
    before = clock_volume[minute - 1] if minute > 0 else 0.0
    rest = seconds % 60
    return before + (clock_volume[minute] - before) * rest / 60.0 if rest > 0 else before


@feature(
    Feature(
        name="clock_volume_Ns",
        branch="static",
        family="volume",
        formula="ln((v + e) / (c + e)), v the shares of N s, c their mean over the same clock window of previous "
        f"sessions, e = {100 * _CLOCK_FLOOR:g} % of the mean N s",
        inputs=("total(bar.volume)", "day.clock_volume"),
        params=(WINDOW,),
        windows=(300,),
        units="log ratio",
        normalise=soft(),
        sessions=CLOCK_SESSIONS,
    )
)
@njit
def clock_volume_nb(total_volume, clock_volume, window, first, stop, out):
    """Unknown before the first trade, and without previous sessions."""
    little = _CLOCK_FLOOR * clock_volume[-1] * window / _DAY_S
    for t in range(first, stop):
        usual = usual_by_nb(clock_volume, t + 1) - usual_by_nb(clock_volume, max(t + 1 - window, 0))
        known = little > 0.0 and total_volume[t + 1] > 0.0
        ratio = (window_sum_nb(total_volume, t, window) + little) / (usual + little)
        out[t] = np.log(ratio) if known else np.nan
