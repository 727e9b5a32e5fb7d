"""One pass over a day's seconds: what execution and marking need, halts found in silence, limit-up limit-down bands.

Row s uses what arrived by the end of second s. An inferred halt therefore begins in the rows only once the silence has
lasted long enough, while the halt table holds when it truly began; until then orders meet stale quotes.
"""

from __future__ import annotations

import numpy as np

from data.layout import PRICE_SCALE, SECOND_NS, SECONDS, Bar, HaltKind, Market
from utils.jit import njit

MINUTE = 60
REGULAR_MINUTES = 390
RECENT_S = 30
NEVER = 1e9
"""Seconds since something that has not happened today."""


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
    for row in bands:
        if previous_close > row[0] > best:
            best = row[0]
            width = min(row[1] * reference, row[2])
    if width == 0.0:
        return 0.0, np.inf
    if doubled:
        width *= 2.0
    low = np.round((reference - width) * 100.0) / 100.0
    return max(low, 0.0), np.round((reference + width) * 100.0) / 100.0


@njit
def _reported_halt_nb(state, end, known):
    """Follow the reported halts: `known` i64 [k, 2], the times at which start and end were learned, in order."""
    state["halted"] = 0
    while state["next_halt"] < len(known):
        row = known[state["next_halt"]]
        if row[0] >= end:
            return
        if row[1] >= end:
            state["halted"] = 1
            return
        state["resume_ns"] = row[1]
        state["next_halt"] += 1


@njit
def _silent_halt_nb(state, second, first_ns, rules, halts):
    """Begin or end an inferred halt; `first_ns` is the first event of the second, 0 if there was none."""
    if first_ns > 0:
        if state["halted"] == 1:
            halts[state["halt_count"] - 1]["end_ns"] = first_ns
            state["resume_ns"] = first_ns
            state["halted"] = 0
        return
    regular = rules["open_s"] <= second < rules["close_s"]
    if state["halted"] == 1 or not regular or state["event_ns"] == 0:
        return
    open_ns = rules["start_ns"] + rules["open_s"] * SECOND_NS
    since = max(state["event_ns"], open_ns)
    if rules["start_ns"] + (second + 1) * SECOND_NS - since < rules["halt_gap_s"] * SECOND_NS:
        return
    silent_s = (since - rules["start_ns"]) // SECOND_NS
    if rules["luld"] == 1 and (state["touch_s"] < 0 or state["touch_s"] < silent_s - rules["touch_s"]):
        return
    row = halts[state["halt_count"]]
    row["start_ns"] = since
    row["end_ns"] = rules["start_ns"] + SECONDS * SECOND_NS
    row["kind"] = np.int32(HaltKind.LULD if rules["luld"] == 1 else HaltKind.UNKNOWN)
    row["inferred"] = 1
    state["halt_count"] += 1
    state["halted"] = 1


@njit
def _events_nb(second, quotes, trades, quote_rows, trade_rows):
    """(first, last) arrival in the second, ns; (0, 0) if nothing arrived."""
    first, last = np.int64(0), np.int64(0)
    if quote_rows[second + 1] > quote_rows[second]:
        first = quotes[quote_rows[second]]["ts_recv"]
        last = quotes[quote_rows[second + 1] - 1]["ts_recv"]
    if trade_rows[second + 1] > trade_rows[second]:
        trade = trades[trade_rows[second]]["ts_recv"]
        first = trade if first == 0 else min(first, trade)
        last = max(last, trades[trade_rows[second + 1] - 1]["ts_recv"])
    return first, last


@njit
def _note_touch_nb(state, second, bar, rules):
    """Remember when the book or a trade last came to the band that stood before this second."""
    high = state["high"] * (1.0 - rules["tolerance"])
    low = state["low"] * (1.0 + rules["tolerance"])
    traded = bar[Bar.HAS_TRADE] > 0.0
    booked = bar[Bar.HAS_QUOTE] > 0.0
    up = (traded and bar[Bar.HIGH] >= high) or (booked and bar[Bar.BID] >= high)
    down = (traded and bar[Bar.LOW] <= low) or (booked and bar[Bar.ASK] <= low)
    if up or down:
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
def _luld_nb(state, second, bar, rules, bands, sums, trade_rows):
    """Touches and bands of the second; none outside regular hours, in a halt, or before a reference price."""
    regular = rules["open_s"] <= second < rules["close_s"]
    if rules["luld"] == 0 or not regular or state["halted"] == 1:
        state["low"] = 0.0
        state["high"] = np.inf
        state["reference"] = 0.0
        state["window_s"] = second + 1
        return
    _note_touch_nb(state, second, bar, rules)
    _reference_nb(state, second, bar, rules, sums, trade_rows)
    if state["reference"] == 0.0:
        return
    close = rules["previous_close"] if rules["previous_close"] > 0.0 else state["reference"]
    after_open = second < rules["open_s"] + rules["double_open_s"]
    before_close = second >= rules["close_s"] - rules["double_close_s"]
    doubled = (after_open or before_close) and close <= rules["double_up_to"]
    state["low"], state["high"] = luld_band_nb(close, state["reference"], doubled, bands)


@njit
def _minute_price_nb(bar, rules):
    """The mid of a usable book, else the last trade moved into the book, else 0."""
    bid, ask, last = bar[Bar.BID], bar[Bar.ASK], bar[Bar.CLOSE]
    if bar[Bar.HAS_QUOTE] == 0.0:
        return last
    mid = 0.5 * (bid + ask)
    if ask - bid <= rules["sigma_max_spread"] * mid:
        return mid
    return min(max(last, bid), ask) if last > 0.0 else 0.0


@njit
def _begin_sigma_nb(state, rules):
    """The prior counts like a long past of returns of its size."""
    if rules["sigma_prior"] > 0.0:
        state["weight"] = 1.0 / (1.0 - rules["sigma_decay"])
        state["squares"] = state["weight"] * rules["sigma_prior"] ** 2 / REGULAR_MINUTES
    state["sigma"] = min(max(rules["sigma_prior"], rules["sigma_floor"]), rules["sigma_cap"])


@njit
def _sigma_nb(state, bar, active, rules):
    """Take in a completed minute. Minutes in which nothing happened say nothing about volatility.

    A return counts at most as one of the cap's size, so that a stub quote that goes away cannot own the next hours.
    """
    price = _minute_price_nb(bar, rules)
    if price <= 0.0:
        return
    if state["price"] > 0.0 and active:
        most = rules["sigma_cap"] / np.sqrt(np.float64(REGULAR_MINUTES))
        change = min(abs(np.log(price / state["price"])), most)
        state["squares"] = rules["sigma_decay"] * state["squares"] + change * change
        state["weight"] = rules["sigma_decay"] * state["weight"] + 1.0
        daily = np.sqrt(state["squares"] / state["weight"] * REGULAR_MINUTES)
        state["sigma"] = min(max(daily, rules["sigma_floor"]), rules["sigma_cap"])
    state["price"] = price


@njit
def _write_row_nb(state, second, end, bars, market, quotes, quote_rows, rules):
    """The market row of a second, after all of its state is known."""
    bar, row = bars[second], market[second]
    row[Market.BID] = bar[Bar.BID]
    row[Market.ASK] = bar[Bar.ASK]
    row[Market.BID_SIZE] = bar[Bar.BID_SIZE]
    row[Market.ASK_SIZE] = bar[Bar.ASK_SIZE]
    row[Market.CLOSE] = bar[Bar.CLOSE]
    newest = quote_rows[second + 1] - 1
    row[Market.QUOTE_AGE] = (end - quotes[newest]["ts_recv"]) / SECOND_NS if newest >= 0 else NEVER
    row[Market.TRADABLE] = 1.0 if second < rules["end_s"] and state["halted"] == 0 else 0.0
    row[Market.REGULAR] = 1.0 if rules["open_s"] <= second < rules["close_s"] else 0.0
    row[Market.SINCE_RESUME] = (end - state["resume_ns"]) / SECOND_NS if state["resume_ns"] > 0 else NEVER
    row[Market.VOLUME_30S] = state["volume_30s"]
    row[Market.VOLUME_SCALE] = max(rules["average_volume"], state["volume"])
    row[Market.SIGMA_DAILY] = state["sigma"]
    row[Market.LULD_LOW] = state["low"]
    row[Market.LULD_HIGH] = state["high"]
    bar[Bar.HALTED] = state["halted"]


@njit
def market_nb(bars, market, quotes, trades, quote_rows, trade_rows, known, halts, state, rules, bands):
    """Fill `market` and `bars[:, HALTED]`; `halts` takes inferred halts. Returns how many there are.

    known i64 [k, 2]: when start and end of the reported halts were learned; bands: see `luld_band_nb`.
    """
    sums = price_sums_nb(trades, trade_rows)
    state["touch_s"] = -1
    _begin_sigma_nb(state, rules)
    for second in range(SECONDS):
        bar = bars[second]
        end = rules["start_ns"] + (second + 1) * SECOND_NS
        first, last = _events_nb(second, quotes, trades, quote_rows, trade_rows)
        if rules["infer"] == 1:
            _silent_halt_nb(state, second, first, rules, halts)
        else:
            _reported_halt_nb(state, end, known)
        if last > 0:
            state["event_ns"] = last
        _luld_nb(state, second, bar, rules, bands, sums, trade_rows)
        gone = bars[second - RECENT_S, Bar.VOLUME] if second >= RECENT_S else 0.0
        state["volume"] += bar[Bar.VOLUME]
        state["volume_30s"] += bar[Bar.VOLUME] - gone
        if second % MINUTE == MINUTE - 1:
            begin = second + 1 - MINUTE
            active = quote_rows[second + 1] > quote_rows[begin] or trade_rows[second + 1] > trade_rows[begin]
            _sigma_nb(state, bar, active, rules)
        _write_row_nb(state, second, end, bars, market, quotes, quote_rows, rules)
    return state["halt_count"]
