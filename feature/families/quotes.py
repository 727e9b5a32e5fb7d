"""How the book moves: what it leans to, tightens to, gains and takes back."""

from __future__ import annotations

import numpy as np

from feature.inputs import operator, series
from feature.kernels import position_nb, window_sum_nb
from feature.registry import WINDOW, Feature, feature, identity, soft
from feature.series import SIGMA_WARM_UP_S, SLOW_S, STUB_SPREAD
from utils.jit import njit

_STILL = 1e-9
"""Log return; mids of equal books differ in the last digit."""

series("lean", "imbalance(bar.bid_size, bar.ask_size)")
series("tilt", "price_of_lean(spread, lean)")
series("dollar_spread", "gap(bar.bid, bar.ask, bar.has_quote)")
series("flicker", "where_still(bar.quotes, move)")


@operator("imbalance")
@njit
def imbalance_nb(a, b, first, stop, out):
    """(a - b) / (a + b); 0 where there is nothing."""
    for t in range(first, stop):
        out[t] = (a[t] - b[t]) / (a[t] + b[t]) if a[t] + b[t] > 0.0 else 0.0


@operator("price_of_lean")
@njit
def tilt_nb(spread, lean, first, stop, out):
    """(microprice - mid) / mid; 0 where the book is too wide to say anything."""
    for t in range(first, stop):
        out[t] = 0.5 * spread[t] * lean[t] if spread[t] <= STUB_SPREAD else 0.0


@operator("gap")
@njit
def gap_nb(bid, ask, has_quote, first, stop, out):
    """Dollars between bid and ask; NaN before the first book."""
    for t in range(first, stop):
        out[t] = ask[t] - bid[t] if has_quote[t] > 0.0 else np.nan


@operator("where_still")
@njit
def where_still_nb(x, move, first, stop, out):
    """x where the price stood still, else 0."""
    for t in range(first, stop):
        out[t] = x[t] if abs(move[t]) < _STILL else 0.0


@feature(
    Feature(
        name="microprice_change_Ns",
        branch="hf",
        family="quotes",
        formula="(microprice[t] / microprice[t-N] - 1) / (sigma[t] sqrt(N))",
        inputs=("log_mid", "tilt", "sigma"),
        windows=(2,),
        params=(WINDOW,),
        units="standard deviations",
        warm_up=SIGMA_WARM_UP_S,
        normalise=soft(),
    )
)
@njit
def microprice_change_nb(log_mid, tilt, sigma, horizon, first, stop, out):
    """Moves before the mid does; unknown before `horizon` seconds of prices."""
    root = np.sqrt(horizon)
    for t in range(first, stop):
        before = t - horizon
        change = log_mid[t] + tilt[t] - log_mid[before] - tilt[before] if before >= 0 else np.nan
        out[t] = change / (sigma[t] * root)


@feature(
    Feature(
        name="spread_position_Ns",
        branch="hf",
        family="quotes",
        formula="2 (spread - least) / (greatest - least) - 1 over the spreads of N s, dollars",
        inputs=("dollar_spread", "lowest(dollar_spread, N)", "highest(dollar_spread, N)"),
        windows=(60,),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
    )
)
@njit
def spread_position_nb(spread, low, high, first, stop, out):
    """-1: as tight as it gets; unknown before the first book, or while the spread stands still."""
    for t in range(first, stop):
        out[t] = position_nb(spread[t], low[t], high[t])


@feature(
    Feature(
        name="quote_flicker_Ns",
        branch="static",
        family="quotes",
        formula="book changes in seconds that left the mid where it was / all book changes, over N s",
        inputs=("total(flicker)", "total(bar.quotes)"),
        windows=(30,),
        params=(WINDOW,),
        units="share",
        normalise=identity(),
        low=0.0,
        high=1.0,
    )
)
@njit
def quote_flicker_nb(total_flicker, total_quotes, window, first, stop, out):
    """Much ado about nothing; unknown without a book change in the window."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_flicker, t, window) / window_sum_nb(total_quotes, t, window)


@feature(
    Feature(
        name="queue_imbalance_Ns",
        branch="static",
        family="quotes",
        formula="mean of (bid size - ask size) / (bid size + ask size) over N s",
        inputs=("total(lean)", "total(bar.has_quote)"),
        windows=(10, 60),
        params=(WINDOW,),
        units="share",
        normalise=identity(0.5),
        low=-2.0,
        high=2.0,
    )
)
@njit
def mean_imbalance_nb(total_lean, total_known, window, first, stop, out):
    """Over the seconds with a book; unknown before the first."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_lean, t, window) / window_sum_nb(total_known, t, window)


@feature(
    *(
        Feature(
            name=f"{side}_depth_change_Ns",
            branch="hf",
            family="quotes",
            formula=f"({side} size[t] - {side} size[t-N]) / mean displayed size over 300 s",
            inputs=(f"bar.{side}_size", "bar.has_quote", "usual_depth"),
            windows=(10,),
            params=(WINDOW,),
            units="displayed sizes",
            warm_up=SLOW_S,
            normalise=soft(),
        )
        for side in ("bid", "ask")
    )
)
@njit
def depth_change_nb(size, known, usual, horizon, first, stop, out):
    """Unknown before `horizon` seconds of books."""
    for t in range(first, stop):
        told = t >= horizon and known[t - horizon] > 0.0
        out[t] = (size[t] - size[t - horizon]) / usual[t] if told else np.nan


@feature(
    Feature(
        name="quotes_per_trade_Ns",
        branch="static",
        family="quotes",
        formula="book changes / (trades + 1) over N s",
        inputs=("total(bar.quotes)", "total(bar.trades)"),
        windows=(60,),
        params=(WINDOW,),
        units="ratio",
        normalise=soft(4.0),
        low=0.0,
    )
)
@njit
def quotes_per_trade_nb(total_quotes, total_trades, window, first, stop, out):
    """0 without a book change."""
    for t in range(first, stop):
        out[t] = window_sum_nb(total_quotes, t, window) / (window_sum_nb(total_trades, t, window) + 1.0)
