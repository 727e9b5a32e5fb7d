"""Orders that wait: limit orders in the book's queue, and protective stops. Both in regular hours only.

A resting order trades with prints alone: at its price once the queue before it has traded away, at once where a print
goes through its price. Cancellations ahead of it never help it, since nobody can tell where in the queue they were.
"""

from __future__ import annotations

import numpy as np

from data.layout import QUOTE, SECOND_NS, SECONDS, TRADE, UNDEF_PRICE, Market
from simulators.execution_kernels import halt_nb, quote_row_nb, tick_nb
from simulators.layout import DOLLAR, Reason
from simulators.portfolio_kernels import forget_order_nb
from utils.jit import njit, view1_nb

BID = int(Market.BID)
ASK = int(Market.ASK)
BID_SIZE = int(Market.BID_SIZE)
ASK_SIZE = int(Market.ASK_SIZE)
RESTED = int(Reason.RESTED)
UNKNOWN = -1.0


@njit
def rest_nb(lane, step, ticket, day, rules):
    """Put the lane's order into the book at its arrival, behind what is displayed at its price."""
    second = (lane["arrival_ns"] - day["start_ns"]) // SECOND_NS
    quotes = view1_nb(day["quotes"], day["quote_count"], QUOTE)
    quote = quotes[quote_row_nb(day, quotes, lane["arrival_ns"], second)]
    side = ticket["side"]
    best = quote["bid"] if side > 0 else quote["ask"]
    lane["resting"] = 1
    lane["ahead"] = UNKNOWN
    if lane["limit"] == best:
        lane["ahead"] = np.float64(quote["bid_size"] if side > 0 else quote["ask_size"])
    elif side * (lane["limit"] - best) > 0:
        lane["ahead"] = 0.0
    closed_ns = day["start_ns"] + min(day["close_s"], day["end_s"]) * SECOND_NS
    lane["rest_until_ns"] = min(lane["arrival_ns"] + np.int64(rules["rest_ns"]), closed_ns)
    step["reason"] = RESTED
    step["kind"] = lane["kind"]


@njit
def join_queue_nb(lane, side, row):
    """Learn the place in the queue once the order's price has become the best one; `row` is the last known second."""
    if lane["ahead"] != UNKNOWN:
        return
    best = row[BID] if side > 0 else row[ASK]
    if np.int64(np.round(best * DOLLAR)) == lane["limit"]:
        lane["ahead"] = row[BID_SIZE] if side > 0 else row[ASK_SIZE]


@njit
def meet_print_nb(lane, side, trade):
    """Shares of the resting order that a print can have traded with; moves the queue."""
    if trade["side"] == side:
        return 0.0  # it took the other side's offers
    away = side * (lane["limit"] - trade["price"])
    if away < 0 or (away == 0 and lane["ahead"] == UNKNOWN):
        return 0.0
    size = np.float64(trade["size"])
    if away > 0:
        lane["ahead"] = 0.0
    else:
        before = min(lane["ahead"], size)
        lane["ahead"] -= before
        size -= before
    return size


@njit
def match_second_nb(lane, day, row):
    """Let the prints received in the lane's second meet the resting order: (shares, signed; time of the last)."""
    side = 1 if lane["order_shares"] > 0.0 else -1
    left, filled, last_ns = abs(lane["order_shares"]), 0.0, np.int64(0)
    if lane["arrival_ns"] < day["start_ns"] + lane["second"] * SECOND_NS:
        join_queue_nb(lane, side, row)  # what the order found at its arrival is newer than the second before it
    rows = view1_nb(day["trade_rows"], SECONDS + 1, np.int64)
    trades = view1_nb(day["trades"], day["trade_count"], TRADE)
    for i in range(rows[lane["second"]], rows[lane["second"] + 1]):
        ts_ns = trades[i]["ts_event"]
        if ts_ns <= lane["arrival_ns"] or ts_ns > lane["rest_until_ns"] or halt_nb(day, ts_ns)[0]:
            continue
        got = min(left, meet_print_nb(lane, side, trades[i]))
        if got > 0.0:
            filled += got
            left -= got
            last_ns = ts_ns
        if left == 0.0:
            break
    lane["order_shares"] = side * left
    return side * filled, last_ns


@njit
def mid_at_nb(day, ts_ns, otherwise):
    """Mid of the book at `ts_ns`, dollars; `otherwise` without two sides."""
    quotes = view1_nb(day["quotes"], day["quote_count"], QUOTE)
    row = quote_row_nb(day, quotes, ts_ns, (ts_ns - day["start_ns"]) // SECOND_NS)
    if row < 0 or quotes[row]["bid"] == UNDEF_PRICE or quotes[row]["ask"] == UNDEF_PRICE:
        return otherwise
    return 0.5 * (quotes[row]["bid"] + quotes[row]["ask"]) / DOLLAR


@njit
def cancel_nb(lane, step, reason):
    """Take the order out of the book."""
    forget_order_nb(lane)
    step["reason"] = reason


@njit
def place_stop_nb(lane, shares, ts_ns, rules):
    """Set or move the protective stop after a fill of `shares` at `ts_ns`; one that reduces the position leaves it."""
    position = lane["position"]
    if position == 0.0:
        lane["stop"] = 0
    elif rules["stop_distance"] > 0.0 and position * shares > 0.0:
        price = lane["entry_price"] * (1.0 - np.sign(position) * rules["stop_distance"]) * DOLLAR
        tick = tick_nb(price)
        if lane["stop"] == 0:
            lane["stop_from_ns"] = ts_ns
        lane["stop"] = np.int64(np.round(price / tick)) * tick


@njit
def stop_hit_nb(lane, day):
    """When the news arrived of the first print in the lane's second at or through the stop, 0 if there was none."""
    side = 1 if lane["position"] > 0.0 else -1
    rows = view1_nb(day["trade_rows"], SECONDS + 1, np.int64)
    trades = view1_nb(day["trades"], day["trade_count"], TRADE)
    for i in range(rows[lane["second"]], rows[lane["second"] + 1]):
        if trades[i]["ts_event"] > lane["stop_from_ns"] and side * (trades[i]["price"] - lane["stop"]) <= 0:
            return trades[i]["ts_recv"]
    return np.int64(0)
