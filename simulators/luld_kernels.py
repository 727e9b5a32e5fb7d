"""Limit-up limit-down bands per second: reference price, band, limit state. Times and figures come from the rules."""

from __future__ import annotations

import numpy as np

from data.layout import PRICE_SCALE, SECONDS, UNDEF_PRICE, Bar
from utils.jit import njit

ROUNDING = 1e-6
"""Dollars by which prices from integers and bands rounded to cents may differ where they are the same."""


@njit
def price_sums_nb(trades, trade_rows):
    """[57601] sum of trade prices (1e-9 dollars) before second s."""
    sums = np.zeros(SECONDS + 1, np.int64)
    for second in range(SECONDS):
        total = sums[second]
        for i in range(trade_rows[second], trade_rows[second + 1]):
            total += trades[i]["price"]
        sums[second + 1] = total
    return sums


@njit
def luld_band_nb(previous_close, reference, doubled, bands):
    """(low, high) in dollars, rounded to cents. `bands` f64 [k, 3]: above (dollars), percent, cap (dollars).

    The row with the highest `above` below the previous close counts.
    """
    width = 0.0
    best = -1.0
    for i in range(len(bands)):
        if previous_close > bands[i, 0] > best:
            best = bands[i, 0]
            width = min(bands[i, 1] * reference, bands[i, 2])
    if width == 0.0:
        return 0.0, np.inf
    if doubled:
        width *= 2.0
    low = np.round((reference - width) * 100.0) / 100.0
    return max(low, 0.0), np.round((reference + width) * 100.0) / 100.0


@njit
def limit_state_nb(state, newest, quotes):
    """+1: the newest bid stands at the upper band, -1: the newest ask at the lower one, else 0.

    Bands as they stood before this second. One side may be empty, as it often is in a limit state; a crossed book is
    none. The book is that of the feed: of one venue, where the feed is one venue's.
    """
    if newest < 0:
        return 0
    bid, ask = quotes[newest]["bid"], quotes[newest]["ask"]
    if bid != UNDEF_PRICE and bid > ask:
        return 0
    if bid != UNDEF_PRICE and bid * PRICE_SCALE >= state["high"] - ROUNDING:
        return 1
    return -1 if state["low"] > 0.0 and ask * PRICE_SCALE <= state["low"] + ROUNDING else 0


@njit
def _note_touch_nb(state, second, bar, rules):
    """Remember when the book or a trade last came to the band that stood before this second."""
    high = state["high"] * (1.0 - rules["tolerance"])
    low = state["low"] * (1.0 + rules["tolerance"])
    traded = bar[Bar.HAS_TRADE] > 0.0
    booked = bar[Bar.HAS_QUOTE] > 0.0
    up = (traded and bar[Bar.HIGH] >= high) or (booked and bar[Bar.BID] >= high)
    down = (traded and bar[Bar.LOW] <= low) or (booked and bar[Bar.ASK] <= low)
    if up or down or state["limit"] != 0:
        state["touch_s"] = second


@njit
def _reference_nb(state, second, bar, rules, sums, trade_rows):
    """Move the LULD reference: the first trade after an open or resume, then the mean of trades over the window."""
    if state["reference"] == 0.0:
        if bar[Bar.HAS_TRADE] > 0.0:
            state["reference"] = bar[Bar.OPEN]
            state["reference_s"] = second
        return
    if second - state["reference_s"] < rules["reference_hold_s"]:
        return
    begin = max(state["window_s"], second + 1 - rules["reference_window_s"])
    count = trade_rows[second + 1] - trade_rows[begin]
    if count > 0:
        mean = np.float64(sums[second + 1] - sums[begin]) / np.float64(count) * PRICE_SCALE
        if abs(mean / state["reference"] - 1.0) >= rules["reference_change"]:
            state["reference"] = mean
            state["reference_s"] = second


@njit
def luld_nb(state, second, bar, rules, bands, sums, trade_rows, quotes, newest):
    """Limit state, touches and bands of the second; none outside regular hours, in a halt, or before a reference price.

    newest: row of the last quote so far.
    """
    regular = rules["open_s"] <= second < rules["close_s"]
    if rules["luld"] == 0 or not regular or state["halted"] == 1:
        state["low"] = 0.0
        state["high"] = np.inf
        state["reference"] = 0.0
        state["window_s"] = second + 1
        state["limit"] = 0
        return
    state["limit"] = limit_state_nb(state, newest, quotes)
    _note_touch_nb(state, second, bar, rules)
    _reference_nb(state, second, bar, rules, sums, trade_rows)
    if state["reference"] == 0.0:
        return
    close = rules["previous_close"] if rules["previous_close"] > 0.0 else state["reference"]
    after_open = second < rules["open_s"] + rules["double_open_s"]
    before_close = second >= rules["close_s"] - rules["double_close_s"]
    doubled = (after_open or before_close) and close <= rules["double_up_to"]
    if state["reference_s"] < second and state["doubled"] == doubled and state["high"] < np.inf:
        return  # nothing has changed that the band hangs on
    state["doubled"] = doubled
    state["low"], state["high"] = luld_band_nb(close, state["reference"], doubled, bands)
