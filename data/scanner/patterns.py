"""Kernels that mark, second by second, where a pattern completes. Each uses rows up to that second only.

All take float64 or bool arrays of one row per second (shorter ones give the same rows) and set `out[s] = True`.
A pattern needs a trade in its second: a price that is merely carried forward completes nothing.
"""

from __future__ import annotations

import numpy as np

from utils.jit import njit


@njit
def rolling_max_nb(x, window, out):
    """out[s] = max of x[s - window + 1 .. s] (shorter at the start). Monotone queue, O(n)."""
    rows = np.empty(len(x), np.int64)
    head, tail = 0, 0
    for s in range(len(x)):
        while tail > head and x[rows[tail - 1]] <= x[s]:
            tail -= 1
        rows[tail] = s
        tail += 1
        if rows[head] <= s - window:
            head += 1
        out[s] = x[rows[head]]


@njit
def high_break_nb(high, traded, base_s, out):
    """A new high of the day after the old one stood for at least `base_s` seconds."""
    top, since = 0.0, 0
    for s in range(len(high)):
        if traded[s] and high[s] > top:
            out[s] = top > 0.0 and s - since >= base_s
            top, since = high[s], s


@njit
def cross_nb(price, level, traded, sign, hold_s, armed, out):
    """The price crosses `level` upwards (sign 1) or downwards (-1) after `hold_s` seconds on the other side.

    Where level is 0 there is none; `armed` counts the first seconds of a level as held.
    """
    held = hold_s if armed else 0
    for s in range(len(price)):
        if level[s] <= 0.0 or price[s] <= 0.0:
            held = hold_s if armed else 0
            continue
        side = (price[s] - level[s]) * sign
        if side < 0.0:
            held += 1
        elif side > 0.0:
            out[s] = traded[s] and held >= hold_s
            held = 0


@njit
def flush_nb(price, sigma, traded, window, drop, sigmas, out):
    """The return over `window` seconds falls to -max(drop, sigmas * sigma); once until it has recovered by half."""
    ready = True
    for s in range(window, len(price)):
        if price[s - window] <= 0.0:
            continue
        change = price[s] / price[s - window] - 1.0
        limit = -max(drop, sigmas * sigma[s])
        if ready and traded[s] and change <= limit:
            out[s] = True
            ready = False
        elif change > 0.5 * limit:
            ready = True


@njit
def squeeze_nb(narrow, wide, price, traded, window, active, ratio, least, out):
    """The `narrow` range is at most `ratio` of the `wide` one while people trade; once until it widens again.

    narrow, wide: ranges in dollars over `window` seconds and over a longer window; at least `active` seconds of the
    window must have a trade and the wide range must be `least` of the price.
    """
    ready = False
    trades = 0
    for s in range(len(price)):
        trades += traded[s]
        if s >= window:
            trades -= traded[s - window]
        if narrow[s] > ratio * wide[s]:
            ready = True
        elif ready and traded[s] and trades >= active and wide[s] >= least * price[s]:
            out[s] = True
            ready = False


@njit
def top_nb(price, high, low, traded, window, rise, give_back, out):
    """A climb of at least `rise` within `window` seconds to a high, of which `give_back` is lost again; once a high.

    low: lowest price of the last `window` seconds.
    """
    top, since, base, fired = 0.0, 0, 0.0, False
    for s in range(len(price)):
        if not traded[s]:
            continue
        if high[s] > top or s - since > window:
            top, since, base, fired = high[s], s, low[s], False
        steep = base > 0.0 and top >= base * (1.0 + rise)
        if steep and not fired and top - price[s] >= give_back * (top - base):
            out[s] = True
            fired = True


@njit
def pullback_nb(price, traded, leg, give_back, out):
    """The first loss of `give_back` of a leg up of at least `leg`; the next leg starts from there."""
    low, top = 0.0, 0.0
    for s in range(len(price)):
        if not traded[s]:
            continue
        if low == 0.0 or price[s] < low:
            low, top = price[s], price[s]
        top = max(top, price[s])
        if top >= low * (1.0 + leg) and top - price[s] >= give_back * (top - low):
            out[s] = True
            low, top = price[s], price[s]
