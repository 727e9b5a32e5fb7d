"""One lane's order from decision to fill: on its way, at the market, booked. What rests: `resting_kernels`.

`lane` (LANE), `step` (STEP), `fill` (FILL) and `ticket` (TICKET) are records that change in place; `day`, `rules` are
DAY and RULES.
"""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, Market
from simulators.execution_kernels import decay_nb, fill_nb, latency_nb, market_nb, open_ticket_nb, write_ticket_nb
from simulators.fees import commission_nb, regulatory_nb
from simulators.layout import DOLLAR, OrderKind, Reason
from simulators.portfolio_kernels import (
    affordable_nb,
    apply_fill_nb,
    buying_power_nb,
    forget_order_nb,
    locate_nb,
    mark_price_nb,
    opening_nb,
)
from simulators.resting_kernels import place_stop_nb, rest_nb
from utils.jit import njit

BID = int(Market.BID)
ASK = int(Market.ASK)
BID_SIZE = int(Market.BID_SIZE)
ASK_SIZE = int(Market.ASK_SIZE)
TRADABLE = int(Market.TRADABLE)
REGULAR = int(Market.REGULAR)
QUOTE_AGE = int(Market.QUOTE_AGE)
SINCE_RESUME = int(Market.SINCE_RESUME)
FILLED = int(Reason.FILLED)
PARTIAL = int(Reason.PARTIAL)
NO_CASH = int(Reason.NO_CASH)
NO_LIQUIDITY = int(Reason.NO_LIQUIDITY)
FLATTENED = int(Reason.FLATTENED)
WAITING = int(Reason.WAITING)
NONE = int(Reason.NONE)
IOC = int(OrderKind.IOC)
LIMIT = int(OrderKind.LIMIT)
FLATTEN = int(OrderKind.FLATTEN)


@njit
def send_nb(lane, kind, shares, sent_ns, row, rules, step):
    """Put an order on its way at `sent_ns`; `row` is what was known then. A LIMIT order joins the near touch."""
    lane["order"] = 1
    lane["resting"] = 0
    lane["kind"] = kind
    lane["order_shares"] = shares
    lane["limit"] = 0
    if kind == LIMIT:
        lane["limit"] = np.int64(np.round((row[BID] if shares > 0.0 else row[ASK]) * DOLLAR))
    lane["decision_mid"] = 0.5 * (row[BID] + row[ASK])
    lane["arrival_ns"] = sent_ns + latency_nb(lane, rules)
    begin_commission_nb(lane)
    step["reason"] = WAITING
    step["kind"] = kind


@njit
def begin_commission_nb(lane):
    """A new order starts its commission afresh."""
    lane["order_filled"] = 0.0
    lane["order_value"] = 0.0
    lane["order_commission"] = 0.0


@njit
def commission_of_nb(lane, size, price, rules):
    """What a fill adds to the commission of its order: plans charge by the order, however often it trades."""
    lane["order_filled"] += size
    lane["order_value"] += size * price
    before = lane["order_commission"]
    lane["order_commission"] = commission_nb(lane["order_filled"], lane["order_value"], rules)
    return lane["order_commission"] - before


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
def press_nb(lane, side, ticket):
    """Tell the ticket about own recent trading on its side."""
    ticket["used"] = lane["used_ask"] if side > 0 else lane["used_bid"]
    ticket["flow"] = lane["flow_buy"] if side > 0 else lane["flow_sell"]


@njit
def press_fill_nb(lane, shares):
    """Remember that a fill of `shares` (signed) presses on the price."""
    if shares > 0.0:
        lane["flow_buy"] += shares
    else:
        lane["flow_sell"] -= shares


@njit
def take_nb(lane, shares):
    """Remember a marketable fill of `shares` (signed): it also took from the book."""
    press_fill_nb(lane, shares)
    if shares > 0.0:
        lane["used_ask"] += shares
    else:
        lane["used_bid"] -= shares


@njit
def record_nb(lane, fill, ts_ns, shares, price, fees, mid):
    """Write the ledger's row; costs are written by `book_nb`."""
    fill["day"] = lane["day"]
    fill["second"] = lane["second"]
    fill["kind"] = lane["kind"]
    fill["order"] = lane["orders"]
    fill["ts_ns"] = ts_ns
    fill["shares"] = shares
    fill["price"] = price
    fill["fees"] = fees
    fill["mid"] = mid
    fill["decision_mid"] = lane["decision_mid"]
    fill["position"] = lane["position"]
    fill["cash"] = lane["cash"]


@njit
def split_costs_nb(lane, step, fill, shares, price, touch, mid, fees):
    """What the fill cost against the mid of its decision, in parts that add up: latency, half spread, impact, fees."""
    side = np.sign(shares)
    away = shares * (price - mid)
    half_spread = min(away, abs(shares) * side * (touch - mid))
    fill["latency"] = shares * (mid - lane["decision_mid"])
    fill["half_spread"] = half_spread
    fill["impact"] = away - half_spread
    step["latency"] += fill["latency"]
    step["half_spread"] += half_spread
    step["impact"] += fill["impact"]
    step["cost"] += fees + away


@njit
def book_nb(lane, step, fill, ts_ns, shares, price, touch, mid, reason, day, rules):
    """Apply a fill (shares signed, prices in dollars) to the account, the step and the ledger.

    touch: what the best price on the side taken was; mid: of that moment.
    """
    held_s = lane["second"] - lane["entry_second"]
    fees = commission_of_nb(lane, abs(shares), price, rules) + regulatory_nb(shares, price, day)
    if lane["position"] <= 0.0 and shares < 0.0:
        fees += locate_nb(lane, shares, price, rules)
    if lane["position"] * shares < 0.0:
        step["closed_value"] += abs(shares) * lane["entry_price"]
    realised = apply_fill_nb(lane, shares, price, fees, lane["second"])
    record_nb(lane, fill, ts_ns, shares, price, fees, mid)
    split_costs_nb(lane, step, fill, shares, price, touch, mid, fees)
    fill["reason"] = reason
    fill["realised"] = realised
    step["reason"] = reason
    step["kind"] = lane["kind"]
    notional = abs(shares) * price
    before = abs(step["filled"]) * step["price"]
    step["price"] = (before + notional) / (abs(step["filled"]) + abs(shares))
    step["filled"] += shares
    step["notional"] += notional
    step["fees"] += fees
    step["realised"] += realised
    place_stop_nb(lane, shares, ts_ns, rules)
    if lane["position"] == 0.0:
        step["closed"] = 1
        step["held_s"] = held_s
        step["trade_realised"] = lane["trade_realised"]
        step["mae"] = lane["mae"]
        step["mfe"] = lane["mfe"]


@njit
def size_nb(lane, side, wanted, ticket, day, rules):
    """(reason if nothing can be filled else NONE, whole shares, average price) within liquidity and buying power."""
    shares, price = fill_nb(ticket, wanted, rules)
    if shares < 1.0:
        return NO_LIQUIDITY, 0.0, 0.0
    if side * lane["position"] >= 0.0:
        paid = affordable_nb(buying_power_nb(lane, price, day), price, side, rules)
        if paid < 1.0:
            return NO_CASH, 0.0, 0.0
        if paid < shares:
            # a smaller order walks less deep: its price is no worse, so that it stays affordable
            shares, price = fill_nb(ticket, paid, rules)
    return NONE, shares, price


@njit
def arrive_nb(lane, step, fill, ticket, day, rules):
    """The lane's order at its arrival: filled, refused, or resting from now on; number of fills (0 or 1).

    Of a LIMIT order that is marketable, what does not trade at once is cancelled like that of any other.
    """
    wanted, ts_ns, kind = lane["order_shares"], lane["arrival_ns"], lane["kind"]
    side = 1 if wanted > 0.0 else -1
    reason = open_ticket_nb(day, rules, ts_ns, side, ticket)
    if reason == NONE and kind == LIMIT:
        if side * (lane["limit"] - ticket["touch"]) < 0:
            rest_nb(lane, step, ticket, day, rules)
            return 0
        ticket["limit"] = min(ticket["limit"], lane["limit"]) if side > 0 else max(ticket["limit"], lane["limit"])
    if reason == NONE and side * lane["position"] >= 0.0:
        row = market_nb(day)[(ts_ns - day["start_ns"]) // SECOND_NS - 1]
        reason = opening_nb(float(side), IOC, lane, row, day, rules)
    shares, price = 0.0, 0.0
    if reason == NONE:
        decay_own_nb(lane, ts_ns, rules)
        press_nb(lane, side, ticket)
        reason, shares, price = size_nb(lane, side, abs(wanted), ticket, day, rules)
    forget_order_nb(lane)
    if reason != NONE:
        step["reason"] = reason
        step["kind"] = kind
        return 0
    take_nb(lane, side * shares)
    reason = FILLED if shares == abs(wanted) else PARTIAL
    touch = ticket["touch"] / DOLLAR
    book_nb(lane, step, fill, ts_ns, side * shares, price, touch, ticket["mid"], reason, day, rules)
    return 1


@njit
def flatten_price_nb(lane, side, ticket, row, ts_ns, rules):
    """(average price, touch) of trading the whole position away at once at the end of an episode.

    The fill model takes what it can; the rest trades at the touch worsened by the limit offset. While trading stands
    still, or without a fresh book, all of it trades at that worsened price.
    """
    touch = mark_price_nb(lane, row)
    worst = touch * (1.0 + side * rules["limit_offset"])
    stale_ns = rules["stale_regular_ns"] if row[REGULAR] != 0.0 else rules["stale_extended_ns"]
    if row[TRADABLE] == 0.0 or row[BID] <= 0.0 or row[ASK] <= 0.0 or row[QUOTE_AGE] * SECOND_NS > stale_ns:
        return worst, touch
    bid, ask = np.int64(np.round(row[BID] * DOLLAR)), np.int64(np.round(row[ASK] * DOLLAR))
    write_ticket_nb(ticket, side, bid, ask, row[ASK_SIZE] if side > 0 else row[BID_SIZE], row, rules)
    ticket["since_resume_ns"] = row[SINCE_RESUME] * SECOND_NS
    decay_own_nb(lane, ts_ns, rules)
    press_nb(lane, side, ticket)
    size = abs(lane["position"])
    near, price = fill_nb(ticket, size, rules)
    return ((near * price if near > 0.0 else 0.0) + (size - near) * worst) / size, touch


@njit
def flatten_nb(lane, step, fill, ticket, row, day, rules):
    """Drop the order and close the position at cost; number of fills (0 or 1)."""
    forget_order_nb(lane)
    shares = -lane["position"]
    if shares == 0.0:
        return 0
    ts_ns = day["start_ns"] + (lane["second"] + 1) * SECOND_NS - 1
    price, touch = flatten_price_nb(lane, 1 if shares > 0.0 else -1, ticket, row, ts_ns, rules)
    mid = 0.5 * (row[BID] + row[ASK]) if row[BID] > 0.0 else touch
    lane["kind"] = FLATTEN
    lane["decision_mid"] = mid
    begin_commission_nb(lane)
    book_nb(lane, step, fill, ts_ns, shares, price, touch, mid, FLATTENED, day, rules)
    return 1
