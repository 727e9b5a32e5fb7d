"""One pass over a day's seconds: what execution and marking need, halts, price bands and short-sale restriction.

Row s uses what arrived by the end of second s. An inferred halt therefore begins in the rows only once the silence has
lasted long enough, while the halt table holds when it truly began; until then orders meet stale quotes.
"""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, SECONDS, Bar, Market
from simulators.halt_kernels import reported_halt_nb, short_sale_nb, silent_halt_nb
from simulators.luld_kernels import luld_nb, price_sums_nb
from utils.jit import njit

MINUTE = 60
REGULAR_MINUTES = 390
RECENT_S = 30
NEVER = 1e9
"""Seconds since something that has not happened today."""


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
    row[Market.HALT_KIND] = state["halt_kind"]
    row[Market.SINCE_HALT] = (end - state["halt_ns"]) / SECOND_NS if state["halt_ns"] > 0 else NEVER
    row[Market.LIMIT_STATE] = state["limit"]
    bar[Bar.HALTED] = state["halted"]


@njit
def market_nb(bars, market, events, rows, told, halts, state, rules, bands):
    """Fill `market` and `bars[:, HALTED]`; `halts` takes inferred halts. Returns how many there are.

    events: (quotes, trades); rows: (quote_rows, trade_rows); told: (known, kinds, short_sales) of
    `simulators.halts.Reported`; bands: see `luld_band_nb`.
    """
    quotes, trades = events
    quote_rows, trade_rows = rows
    known, kinds, short_sales = told
    sums = price_sums_nb(trades, trade_rows)
    state["touch_s"], state["halt_kind"] = -1, -1
    short_sale_nb(bars, market, short_sales, rules)
    _begin_sigma_nb(state, rules)
    for second in range(SECONDS):
        bar = bars[second]
        end = rules["start_ns"] + (second + 1) * SECOND_NS
        first, last = _events_nb(second, quotes, trades, quote_rows, trade_rows)
        if rules["infer"] == 1:
            silent_halt_nb(state, second, first, rules, halts)
        else:
            reported_halt_nb(state, end, known, kinds)
        if last > 0:
            state["event_ns"] = last
        luld_nb(state, second, bar, rules, bands, sums, trade_rows, quotes, quote_rows[second + 1] - 1)
        gone = bars[second - RECENT_S, Bar.VOLUME] if second >= RECENT_S else 0.0
        state["volume"] += bar[Bar.VOLUME]
        state["volume_30s"] += bar[Bar.VOLUME] - gone
        if second % MINUTE == MINUTE - 1:
            begin = second + 1 - MINUTE
            active = quote_rows[second + 1] > quote_rows[begin] or trade_rows[second + 1] > trade_rows[begin]
            _sigma_nb(state, bar, active, rules)
        _write_row_nb(state, second, end, bars, market, quotes, quote_rows, rules)
    return state["halt_count"]
