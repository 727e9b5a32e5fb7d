"""One lane's order on its way: sent, executed at its arrival, or flattened by force.

`lane` (LANE), `step` (STEP) and `fill` (FILL) are records that change in place; `day`, `rules` are DAY and RULES.
"""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, Market
from simulators.execution_kernels import (
    ROUNDING,
    arrival_nb,
    available_nb,
    decay_nb,
    offer_nb,
    price_nb,
)
from simulators.fees import fees_nb
from simulators.layout import Reason
from simulators.portfolio_kernels import affordable_nb, apply_fill_nb, buying_power_nb, mark_price_nb
from utils.jit import njit

BID = int(Market.BID)
ASK = int(Market.ASK)
BID_SIZE = int(Market.BID_SIZE)
ASK_SIZE = int(Market.ASK_SIZE)
TRADABLE = int(Market.TRADABLE)
REGULAR = int(Market.REGULAR)
QUOTE_AGE = int(Market.QUOTE_AGE)
FILLED = int(Reason.FILLED)
PARTIAL = int(Reason.PARTIAL)
NO_CASH = int(Reason.NO_CASH)
NO_LIQUIDITY = int(Reason.NO_LIQUIDITY)
FLATTENED = int(Reason.FLATTENED)
WAITING = int(Reason.WAITING)
NONE = int(Reason.NONE)


@njit
def send_nb(lane, action, shares, day, rules, step):
    """Put an order on its way at the end of the lane's second."""
    lane["pending"] = action
    lane["order_shares"] = shares
    lane["arrival_ns"] = arrival_nb(day["start_ns"] + (lane["second"] + 1) * SECOND_NS, lane, rules)
    step["reason"] = WAITING


@njit
def decay_own_nb(lane, ts_ns, rules):
    """Bring own consumption and own flow forward to `ts_ns`."""
    kept = decay_nb(ts_ns - lane["used_ns"], rules["consumption_halflife_ns"])
    lane["used_bid"] *= kept
    lane["used_ask"] *= kept
    lane["used_ns"] = ts_ns
    kept = decay_nb(ts_ns - lane["flow_ns"], rules["flow_halflife_ns"])
    lane["flow_buy"] *= kept
    lane["flow_sell"] *= kept
    lane["flow_ns"] = ts_ns


@njit
def record_nb(lane, fill, ts_ns, shares, price, fees, mid, realised, reason):
    """Write the ledger's row."""
    fill["day"] = lane["day"]
    fill["second"] = lane["second"]
    fill["reason"] = reason
    fill["ts_ns"] = ts_ns
    fill["shares"] = shares
    fill["price"] = price
    fill["fees"] = fees
    fill["mid"] = mid
    fill["position"] = lane["position"]
    fill["cash"] = lane["cash"]
    fill["realised"] = realised


@njit
def book_nb(lane, step, shares, price, fees, mid):
    """Apply a fill to the account and add it to the step; dollars realised, net."""
    held_s = lane["second"] - lane["entry_second"]
    realised = apply_fill_nb(lane, shares, price, fees, lane["second"])
    before = abs(step["filled"]) * step["price"]
    notional = abs(shares) * price
    total = abs(step["filled"]) + abs(shares)
    step["price"] = (before + notional) / total
    step["filled"] += shares
    step["notional"] += notional
    step["fees"] += fees
    step["cost"] += fees + shares * (price - mid)
    step["realised"] += realised
    if lane["position"] == 0.0:
        step["closed"] = 1
        step["held_s"] = held_s
        step["trade_realised"] = lane["trade_realised"]
        step["mae"] = lane["mae"]
        step["mfe"] = lane["mfe"]
    return realised


@njit
def size_nb(lane, offer, side, wanted, used, flow, rules):
    """(reason if nothing can be filled else NONE, whole shares, average price) within liquidity and buying power."""
    shares = min(wanted, available_nb(offer, side, used))
    if shares < 1.0:
        return NO_LIQUIDITY, 0.0, 0.0
    price = price_nb(offer, side, shares, used, flow, rules)
    if side * lane["position"] >= 0.0:
        paid = affordable_nb(buying_power_nb(lane, price, rules), price, rules)
        if paid < 1.0:
            return NO_CASH, 0.0, 0.0
        if paid < shares:
            # a smaller order walks less deep: its price is no worse, so that it stays affordable
            shares = paid
            price = price_nb(offer, side, shares, used, flow, rules)
    return NONE, shares, price


@njit
def execute_nb(lane, step, fill, day, rules):
    """Execute the lane's order at its arrival; number of fills (0 or 1)."""
    wanted = lane["order_shares"]
    ts_ns = lane["arrival_ns"]
    side = 1 if wanted > 0.0 else -1
    lane["pending"] = -1
    lane["order_shares"] = 0.0
    offer = offer_nb(day, rules, ts_ns, side)
    step["reason"] = offer.reason
    if offer.reason != NONE:
        return 0
    decay_own_nb(lane, ts_ns, rules)
    used = lane["used_ask"] if side > 0 else lane["used_bid"]
    flow = lane["flow_buy"] if side > 0 else lane["flow_sell"]
    reason, shares, price = size_nb(lane, offer, side, abs(wanted), used, flow, rules)
    step["reason"] = reason
    if reason != NONE:
        return 0
    if side > 0:
        lane["used_ask"] += shares
        lane["flow_buy"] += shares
    else:
        lane["used_bid"] += shares
        lane["flow_sell"] += shares
    reason = FILLED if shares == abs(wanted) else PARTIAL
    step["reason"] = reason
    fees = fees_nb(side * shares, price, day, rules)
    realised = book_nb(lane, step, side * shares, price, fees, offer.mid)
    record_nb(lane, fill, ts_ns, side * shares, price, fees, offer.mid, realised, reason)
    return 1


@njit
def flatten_price_nb(lane, row, rules):
    """Average price of selling (or covering) everything at once at the end of an episode.

    phi * displayed trades at the touch, the rest at the touch worsened by the limit offset. While trading stands
    still, or without a fresh book, all of it trades at that worsened price.
    """
    position = lane["position"]
    touch = mark_price_nb(lane, row)
    worst = touch * (1.0 - np.sign(position) * rules["limit_offset"])
    stale_ns = rules["stale_regular_ns"] if row[REGULAR] != 0.0 else rules["stale_extended_ns"]
    if row[TRADABLE] == 0.0 or row[BID] <= 0.0 or row[ASK] <= 0.0 or row[QUOTE_AGE] * SECOND_NS > stale_ns:
        return worst
    displayed = row[BID_SIZE] if position > 0.0 else row[ASK_SIZE]
    size = abs(position)
    near = min(size, np.floor(rules["displayed_share"] * displayed + ROUNDING))
    return (near * touch + (size - near) * worst) / size


@njit
def flatten_nb(lane, step, fill, row, day, rules):
    """Drop the order on its way and close the position at cost; number of fills (0 or 1)."""
    lane["pending"] = -1
    lane["order_shares"] = 0.0
    shares = -lane["position"]
    if shares == 0.0:
        return 0
    price = flatten_price_nb(lane, row, rules)
    mid = 0.5 * (row[BID] + row[ASK]) if row[BID] > 0.0 else mark_price_nb(lane, row)
    fees = fees_nb(shares, price, day, rules)
    realised = book_nb(lane, step, shares, price, fees, mid)
    step["reason"] = FLATTENED
    ts_ns = day["start_ns"] + (lane["second"] + 1) * SECOND_NS - 1
    record_nb(lane, fill, ts_ns, shares, price, fees, mid, realised, FLATTENED)
    return 1
