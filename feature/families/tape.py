"""The tape: how fast, how large and from which side trades come."""

from __future__ import annotations

import numpy as np

from feature.inputs import operator, series
from feature.kernels import window_mean_nb, window_sum_nb
from feature.registry import WHOLE_DAY, WINDOW, Feature, feature, identity, log, soft
from feature.series import SIGMA_WARM_UP_S, STUB_SPREAD
from utils.jit import njit

SILENCE_S = 30
"""A run of trades is over after so many seconds without any."""
GAP_TRADES = 10
RECENT_S = 10

series("usual_volume", "usual_rate(total(bar.volume), 300)")
series("usual_trade", "ratio(total(bar.volume), total(bar.trades))")
series("side_run", f"run(trade_flow, since(bar.has_trade), {SILENCE_S})")
series("large_flow", "excess_flow(trade_flow, bar.largest, usual_trade)")
series("swept", "swept_share(bar.high, bar.low, bar.has_trade, bar.bid, bar.ask, bar.has_quote)")


@operator("usual_rate")
@njit
def usual_rate_nb(total, window, first, stop, out):
    """Mean per second over the last `window` seconds or since 04:00, whichever is more: no lone trade is a surge."""
    for t in range(first, stop):
        out[t] = max(window_mean_nb(total, t, window), total[t + 1] / (t + 1))


@operator("since")
@njit
def since_nb(x, first, stop, out):
    """Seconds since x was last above 0; infinite before that."""
    for t in range(first, stop):
        before = out[t - 1] if t > 0 else np.inf
        out[t] = 0.0 if x[t] > 0.0 else before + 1.0


@operator("start_of_last")
@njit
def start_of_last_nb(total, count, first, stop, out):
    """The latest second from which on at least `count` came; -1 while there were fewer."""
    start = int(out[first - 1]) if first > 0 else -1
    for t in range(first, stop):
        if total[t + 1] >= count:
            start = max(start, 0)
            while total[t + 1] - total[start + 1] >= count:
                start += 1
        out[t] = start


@operator("run")
@njit
def run_nb(flow, silence, most, first, stop, out):
    """Signed number of seconds in a row whose flow had one sign; balanced seconds don't count, silence ends it."""
    for t in range(first, stop):
        before = out[t - 1] if t > 0 and silence[t] < most else 0.0
        sign = np.sign(flow[t])
        out[t] = sign + (before if sign * before >= 0.0 else 0.0)


@operator("excess_flow")
@njit
def excess_flow_nb(flow, largest, usual, first, stop, out):
    """Shares by which a second's largest trade exceeds the usual one, with the sign of the second's flow."""
    for t in range(first, stop):
        out[t] = np.sign(flow[t]) * max(largest[t] - usual[t], 0.0) if largest[t] > 0.0 else 0.0


@operator("swept_share")
@njit
def swept_nb(high, low, has_trade, bid, ask, has_quote, first, stop, out):
    """How far trades went above the ask, less how far below the bid of the second before, as a share of its middle."""
    for t in range(first, stop):
        out[t] = 0.0
        if t > 0 and has_trade[t] > 0.0 and has_quote[t - 1] > 0.0:
            middle = 0.5 * (bid[t - 1] + ask[t - 1])
            if ask[t - 1] - bid[t - 1] <= STUB_SPREAD * middle:
                above, below = max(high[t] - ask[t - 1], 0.0), max(bid[t - 1] - low[t], 0.0)
                out[t] = (above - below) / middle


@feature(
    Feature(
        name="trade_rate_Ns",
        branch="hf",
        family="tape",
        formula="trades per second over N s",
        inputs=("total(bar.trades)",),
        windows=(5,),
        params=(WINDOW,),
        units="1/s",
        normalise=log(1.0),
        low=0.0,
    )
)
@njit
def trade_rate_nb(total_trades, window, first, stop, out):
    """0 without trades."""
    for t in range(first, stop):
        out[t] = window_mean_nb(total_trades, t, window)


@feature(
    Feature(
        name="signed_volume_Ns",
        branch="hf",
        family="tape",
        formula="(bought - sold) shares by initiator per second over N s / usual volume per second, "
        "the larger of its means over 300 s and since 04:00",
        inputs=("total(trade_flow)", "usual_volume"),
        windows=(10, 60),
        params=(WINDOW,),
        units="usual volumes",
        warm_up=WHOLE_DAY,
        normalise=log(0.2),
    )
)
@njit
def signed_volume_nb(total_flow, usual, window, first, stop, out):
    """Unknown before the first trade."""
    for t in range(first, stop):
        out[t] = window_mean_nb(total_flow, t, window) / usual[t]


@feature(
    Feature(
        name="trade_gap",
        branch="static",
        family="tape",
        formula=f"seconds since the {GAP_TRADES}th last trade / trades since then",
        inputs=("total(bar.trades)", f"start_of_last(total(bar.trades), {GAP_TRADES})"),
        units="s",
        warm_up=WHOLE_DAY,
        normalise=log(1.0),
        low=0.0,
    )
)
@njit
def trade_gap_nb(total_trades, start, first, stop, out):
    """Mean seconds between trades, however few there are; unknown before the tenth trade."""
    for t in range(first, stop):
        begin = int(start[t])
        out[t] = (t + 1 - begin) / (total_trades[t + 1] - total_trades[begin]) if begin >= 0 else np.nan


@feature(
    Feature(
        name="trade_recency",
        branch="hf",
        family="tape",
        formula=f"{RECENT_S} / ({RECENT_S} + seconds since the last second with a trade)",
        inputs=("since(bar.has_trade)",),
        params=(RECENT_S,),
        units="1",
        normalise=identity(),
        low=0.0,
        high=1.0,
    )
)
@njit
def trade_recency_nb(since, scale, first, stop, out):
    """0 before the first trade."""
    for t in range(first, stop):
        out[t] = scale / (scale + since[t])


@feature(
    Feature(
        name="trade_size_Ns",
        branch="static",
        family="tape",
        formula="(m - u) / (m + u), m the mean shares of a trade over N s and of one usual trade, "
        "u of a trade since 04:00",
        inputs=("total(bar.volume)", "total(bar.trades)", "usual_trade"),
        windows=(30,),
        params=(WINDOW,),
        units="share",
        warm_up=WHOLE_DAY,
        normalise=identity(0.25),
        low=-4.0,
        high=4.0,
    )
)
@njit
def trade_size_nb(total_volume, total_trades, usual, window, first, stop, out):
    """Neutral without a trade in the window; unknown before the first."""
    for t in range(first, stop):
        shares = window_sum_nb(total_volume, t, window) + usual[t]
        alike = (window_sum_nb(total_trades, t, window) + 1.0) * usual[t]
        out[t] = (shares - alike) / (shares + alike)


@feature(
    Feature(
        name="large_trades_Ns",
        branch="static",
        family="tape",
        formula="sum of sign(bought - sold) max(largest trade - u, 0) over the seconds / shares traded, over N s; "
        "u the mean shares of a trade since 04:00",
        inputs=("total(large_flow)", "total(bar.volume)"),
        windows=(60,),
        params=(WINDOW,),
        units="share",
        warm_up=WHOLE_DAY,
        normalise=identity(0.25),
        low=-4.0,
        high=4.0,
    )
)
@njit
def large_trades_nb(total_large, total_volume, window, first, stop, out):
    """Which side the large trades are on; unknown without a trade in the window."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_large, t, window) / window_sum_nb(total_volume, t, window)


@feature(
    Feature(
        name="same_side_run",
        branch="hf",
        family="tape",
        formula="seconds in a row in which buyers (+) or sellers (-) traded more, forgotten after "
        f"{SILENCE_S} s without a trade",
        inputs=("side_run",),
        units="s",
        warm_up=WHOLE_DAY,
        normalise=soft(2.0),
    )
)
@njit
def same_side_run_nb(run, first, stop, out):
    """Seconds without a trade, or with as much bought as sold, don't count."""
    for t in range(first, stop):
        out[t] = run[t]


@feature(
    Feature(
        name="sweep_Ns",
        branch="hf",
        family="tape",
        formula="sum of (max(high - ask before, 0) - max(bid before - low, 0)) / mid before over N s "
        "/ (sigma sqrt(N)); the book of the second before",
        inputs=("total(swept)", "sigma"),
        windows=(10,),
        params=(WINDOW,),
        units="standard deviations",
        warm_up=SIGMA_WARM_UP_S,
        normalise=soft(),
    )
)
@njit
def sweep_nb(total_swept, sigma, window, first, stop, out):
    """Trades through the standing book; books wider than 10 % say nothing. Unknown before the first price."""
    root = np.sqrt(window)
    for t in range(first, stop):
        out[t] = window_sum_nb(total_swept, t, window) / (sigma[t] * root)
