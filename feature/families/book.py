"""The best bid and offer: who is queued, how wide, how deep, how fresh."""

from __future__ import annotations

import numpy as np

from feature.kernels import window_mean_nb
from feature.registry import Feature, feature, identity, log, soft
from utils.jit import njit


@feature(
    Feature(
        name="queue_imbalance",
        branch="hf",
        family="book",
        formula="(bid size - ask size) / (bid size + ask size)",
        inputs=("bar.bid_size", "bar.ask_size"),
        units="share",
        normalise=identity(),
        low=-1.0,
        high=1.0,
    )
)
@njit
def queue_imbalance_nb(bid_size, ask_size, first, stop, out):
    """Unknown before the first book."""
    for t in range(first, stop):
        out[t] = (bid_size[t] - ask_size[t]) / (bid_size[t] + ask_size[t])


@feature(
    Feature(
        name="microprice",
        branch="hf",
        family="book",
        formula="((bid ask_size + ask bid_size) / (bid_size + ask_size) - mid) / mid, x 10,000",
        inputs=("bar.bid_size", "bar.ask_size", "spread"),
        units="basis points",
        normalise=log(1.0),
    )
)
@njit
def microprice_nb(bid_size, ask_size, spread, first, stop, out):
    """In spreads this would be half the queue imbalance; in basis points it says what the lean is worth."""
    for t in range(first, stop):
        lean = (bid_size[t] - ask_size[t]) / (bid_size[t] + ask_size[t])
        out[t] = 1e4 * 0.5 * spread[t] * lean


@feature(
    Feature(
        name="last_trade",
        branch="hf",
        family="book",
        formula="(last trade - mid) / (ask - bid)",
        inputs=("bar.close", "bar.bid", "bar.ask", "total(bar.trades)"),
        units="spreads",
        normalise=soft(),
    )
)
@njit
def last_trade_nb(close, bid, ask, total_trades, first, stop, out):
    """Where in the book the tape prints; unknown before the first trade or book."""
    for t in range(first, stop):
        known = total_trades[t + 1] > 0.0
        out[t] = (close[t] - 0.5 * (bid[t] + ask[t])) / (ask[t] - bid[t]) if known else np.nan


@feature(
    Feature(
        name="relative_spread",
        branch="hf",
        family="book",
        formula="(ask - bid) / mid, x 10,000",
        inputs=("spread",),
        units="basis points",
        normalise=log(10.0),
        low=0.0,
    )
)
@njit
def relative_spread_nb(spread, first, stop, out):
    """What crossing costs."""
    for t in range(first, stop):
        out[t] = 1e4 * spread[t]


@feature(
    Feature(
        name="spread_ratio",
        branch="hf",
        family="book",
        formula="ln(relative spread / its mean over 300 s)",
        inputs=("spread", "usual_spread"),
        units="log ratio",
        normalise=soft(),
        window=300,
        warm_up=300,
    ),
    Feature(
        name="depth_ratio",
        branch="hf",
        family="book",
        formula="ln(mean displayed size / its mean over 300 s)",
        inputs=("depth", "usual_depth"),
        units="log ratio",
        normalise=soft(),
        window=300,
        warm_up=300,
    ),
)
@njit
def log_ratio_nb(value, usual, first, stop, out):
    """Unknown before the first book."""
    for t in range(first, stop):
        out[t] = np.log(value[t] / usual[t])


@feature(
    Feature(
        name="quote_rate",
        branch="hf",
        family="book",
        formula="book changes per second over 10 s / over 300 s",
        inputs=("total(bar.quotes)",),
        params=(10, 300),
        units="ratio",
        normalise=log(1.0),
        low=0.0,
        window=300,
        warm_up=300,
    )
)
@njit
def quote_rate_nb(total, fast, slow, first, stop, out):
    """Unknown after 300 s of silence."""
    for t in range(first, stop):
        out[t] = window_mean_nb(total, t, fast) / window_mean_nb(total, t, slow)


@feature(
    Feature(
        name="quote_age",
        branch="hf",
        family="book",
        formula="seconds since the last book record",
        inputs=("market.quote_age",),
        units="s",
        normalise=log(5.0),
        low=0.0,
    )
)
@njit
def quote_age_nb(age, first, stop, out):
    """At its limit before the first book."""
    for t in range(first, stop):
        out[t] = age[t]


@feature(
    Feature(
        name="has_quote",
        branch="hf",
        family="book",
        formula="1 once a two-sided book was seen today",
        inputs=("bar.has_quote",),
        units="mask",
        normalise=identity(),
        low=0.0,
        high=1.0,
    ),
    Feature(
        name="halted",
        branch="hf",
        family="book",
        formula="1 if trading stands still at the end of the second",
        inputs=("bar.halted",),
        units="mask",
        normalise=identity(),
        low=0.0,
        high=1.0,
    ),
)
@njit
def mask_nb(mask, first, stop, out):
    """As it is in the timeline."""
    for t in range(first, stop):
        out[t] = mask[t]
