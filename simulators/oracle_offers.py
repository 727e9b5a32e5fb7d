"""What one order can come to at best: cash against shares, over every moment at which it may reach the market.

An offer is the upper hull of the points (shares, cash) that an order of one side could trade for: an array [2, n] that
begins at (0, 0), shares ascending and unsigned, cash negative for buys. Nothing is assumed of a fill model but that
fewer shares never cost more each, that own recent fills never help, and that time since a halt never hurts.
"""

from __future__ import annotations

import numpy as np

from data.layout import QUOTE, SECOND_NS, SECONDS, TRADE, Market
from simulators.execution_kernels import fill_nb, open_ticket_nb, write_ticket_nb
from simulators.fees import commission_nb, regulatory_nb
from simulators.layout import DOLLAR, Reason
from utils.jit import njit, view1_nb

BID = int(Market.BID)
ASK = int(Market.ASK)
BID_SIZE = int(Market.BID_SIZE)
ASK_SIZE = int(Market.ASK_SIZE)
REGULAR = int(Market.REGULAR)
TRADABLE = int(Market.TRADABLE)
QUOTE_AGE = int(Market.QUOTE_AGE)
SINCE_RESUME = int(Market.SINCE_RESUME)
NONE = int(Reason.NONE)

SAMPLES = 16
"""Sizes at which a fill model is asked for its price."""
POINTS = 1024
"""Most points of an offer; far more than a hull of real books has."""


@njit
def push_nb(hull, count, shares, cash):
    """Append a point that is not left of the last one to an upper hull; number of points."""
    if count > 0 and shares <= hull[0, count - 1]:
        if cash <= hull[1, count - 1]:
            return count
        count -= 1
    while count >= 2:
        x, y = hull[0, count - 2], hull[1, count - 2]
        if (hull[1, count - 1] - y) * (shares - x) > (cash - y) * (hull[0, count - 1] - x):
            break
        count -= 1
    hull[0, count] = shares
    hull[1, count] = cash
    return count + 1


@njit
def widen_nb(offer, count, more, added, spare):
    """Make an offer the upper hull of itself and of the `added` points of `more`; number of points."""
    i, j, total = 0, 0, 0
    while i < count or j < added:
        if j == added or (i < count and offer[0, i] <= more[0, j]):
            total = push_nb(spare, total, offer[0, i], offer[1, i])
            i += 1
        else:
            total = push_nb(spare, total, more[0, j], more[1, j])
            j += 1
    for i in range(total):
        offer[0, i] = spare[0, i]
        offer[1, i] = spare[1, i]
    return total


@njit
def cash_nb(offer, count, shares):
    """Cash that an offer has for `shares`; -inf beyond its end."""
    if shares > offer[0, count - 1]:
        return -np.inf
    i = np.searchsorted(offer[0, :count], shares)
    if i == 0:
        return offer[1, 0]
    step = (shares - offer[0, i - 1]) / (offer[0, i] - offer[0, i - 1])
    return offer[1, i - 1] + step * (offer[1, i] - offer[1, i - 1])


@njit
def net_nb(side, shares, price, rules, day):
    """Cash that a trade of `shares` at `price` brings, fees paid; nobody pays less for fewer of them a share."""
    value = shares * price
    return -side * value - commission_nb(shares, value, rules) - regulatory_nb(side * shares, price, day)


@njit
def sample_nb(ticket, most, rules, day, out):
    """Write points whose hull no order of up to `most` shares against this book gets above; how many.

    From one sample to the next, shares are had at the first one's price: an average price only worsens with size.
    """
    side = np.float64(ticket["side"])
    size = fill_nb(ticket, most, rules)[0]
    if size < 1.0:
        return 0
    for i in range(SAMPLES):
        price = fill_nb(ticket, max(size * i / SAMPLES, 1.0), rules)[1]
        shares = size * (i + 1) / SAMPLES
        out[0, i] = shares
        out[1, i] = net_nb(side, shares, price, rules, day)
    return SAMPLES


@njit
def blunt_nb(offer, count):
    """Make room: an offer of everything at the terms of its first share; number of points."""
    size = offer[0, count - 1]
    offer[1, 1] *= size / offer[0, 1]
    offer[0, 1] = size
    return 2


@njit
def meet_nb(side, ts_ns, last_ns, most, day, rules, ticket, offer, count, spares, range_):
    """Take in the book that an order meets at `ts_ns`, or until `last_ns` if it stays; number of points.

    range_: least and greatest price so far, of a share and of all.
    """
    if open_ticket_nb(day, rules, ts_ns, side, ticket) != NONE:
        return count
    ticket["used"] = 0.0
    ticket["flow"] = 0.0
    ticket["since_resume_ns"] += np.float64(last_ns - ts_ns)
    size, worst = fill_nb(ticket, most, rules)
    if size < 1.0:
        return count
    best = fill_nb(ticket, 1.0, rules)[1]
    range_[0] = min(range_[0], best, worst)
    range_[1] = max(range_[1], best, worst)
    if cash_nb(offer, count, size) >= net_nb(np.float64(side), size, best, rules, day):
        return count  # all of it is known to be had on no worse terms, hence any part
    if count + SAMPLES > POINTS:
        count = blunt_nb(offer, count)
    added = sample_nb(ticket, most, rules, day, spares[0])
    return widen_nb(offer, count, spares[0], added, spares[1])


@njit
def reach_nb(side, first_ns, last_ns, most, day, rules, ticket, offer, spares, range_):
    """Write the offer to an order that arrives within [first_ns, last_ns]; number of points.

    What it meets changes with quotes, when they happen, and with seconds.
    """
    offer[0, 0] = 0.0
    offer[1, 0] = 0.0
    count = meet_nb(side, first_ns, last_ns, most, day, rules, ticket, offer, 1, spares, range_)
    second = (first_ns - day["start_ns"]) // SECOND_NS
    for s in range(second + 1, (last_ns - day["start_ns"]) // SECOND_NS + 1):
        ts_ns = day["start_ns"] + s * SECOND_NS
        count = meet_nb(side, ts_ns, last_ns, most, day, rules, ticket, offer, count, spares, range_)
    quotes = view1_nb(day["quotes"], day["quote_count"], QUOTE)
    row = view1_nb(day["quote_rows"], SECONDS + 1, np.int64)[max(second, 0)]
    while row < len(quotes) and quotes[row]["ts_event"] <= last_ns:  # none after a later one can be met before it
        ts_ns = quotes[row]["ts_event"]
        if ts_ns > first_ns:
            count = meet_nb(side, ts_ns, last_ns, most, day, rules, ticket, offer, count, spares, range_)
        row += 1
    return count


@njit
def resting_nb(side, first_ns, last_ns, most, row, day, rules, offer, count, spares):
    """Take in a limit order that rests at its near touch of the decision; number of points.

    All prints that could have traded with it count, as if nobody stood in front of it.
    """
    price = np.int64(np.round((row[BID] if side > 0 else row[ASK]) * DOLLAR))
    until_ns = last_ns + np.int64(rules["rest_ns"])
    begin = (first_ns - day["start_ns"]) // SECOND_NS
    end = min((until_ns - day["start_ns"]) // SECOND_NS + 1, SECONDS)
    rows = view1_nb(day["trade_rows"], SECONDS + 1, np.int64)
    trades = view1_nb(day["trades"], day["trade_count"], TRADE)
    size = 0.0
    for i in range(rows[begin], rows[end]):
        within = first_ns < trades[i]["ts_event"] <= until_ns
        if within and trades[i]["side"] != side and side * (price - trades[i]["price"]) >= 0:
            size += np.float64(trades[i]["size"])
    spares[0, 0, 0] = min(size, most)
    spares[0, 1, 0] = net_nb(np.float64(side), spares[0, 0, 0], price / DOLLAR, rules, day)
    return widen_nb(offer, count, spares[0], 1, spares[1])


@njit
def rest_cost_nb(side, near, size, price, day, rules):
    """Dollars a share that the shares from `near` to `size` of one order cost at least; negative for sales."""
    each = min(rules["fee_per_share"], rules["fee_max_share"] * price)
    if near * rules["fee_per_share"] < rules["fee_minimum"]:
        each = 0.0  # its minimum may cover more
    charged = regulatory_nb(side * size, price, day) - regulatory_nb(side * near, price, day)
    return side * price + each + charged / (size - near)


@njit
def closing_nb(side, size, row, day, rules, ticket, offer, spare):
    """Write the offer to `size` shares that are closed by force now, see `flatten_price_nb`; number of points.

    What exceeds the book trades at the worsened touch.
    """
    offer[0, 0] = 0.0
    offer[1, 0] = 0.0
    touch = row[ASK] if side > 0 else row[BID]
    worst = touch * (1.0 + side * rules["limit_offset"])
    stale_ns = rules["stale_regular_ns"] if row[REGULAR] != 0.0 else rules["stale_extended_ns"]
    if size <= 0.0:
        return 1
    count = 1
    if row[TRADABLE] != 0.0 and row[BID] > 0.0 and row[ASK] > 0.0 and row[QUOTE_AGE] * SECOND_NS <= stale_ns:
        bid, ask = np.int64(np.round(row[BID] * DOLLAR)), np.int64(np.round(row[ASK] * DOLLAR))
        write_ticket_nb(ticket, side, bid, ask, row[ASK_SIZE] if side > 0 else row[BID_SIZE], row, rules)
        ticket["since_resume_ns"] = row[SINCE_RESUME] * SECOND_NS
        ticket["used"] = 0.0
        ticket["flow"] = 0.0
        added = sample_nb(ticket, size, rules, day, spare)
        for i in range(added):
            count = push_nb(offer, count, spare[0, i], spare[1, i])
    if count == 1:
        return push_nb(offer, count, size, net_nb(np.float64(side), size, worst, rules, day))
    near = offer[0, count - 1]
    if size > near:
        cash = offer[1, count - 1] - (size - near) * rest_cost_nb(side, near, size, worst, day, rules)
        count = push_nb(offer, count, size, cash)
    return count
