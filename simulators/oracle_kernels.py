"""Perfect foresight by dynamic programming: an upper bound on what any sequence of actions can earn in an episode.

State: shares held; value: the most cash with which they can be held (the frontier). More cash is never worse, so the
most cash by shares is all that a later decision needs to know. Shares are real numbers here and every order's outcomes
are rounded up to a concave curve (simulators/oracle_offers.py), so the frontier is concave, piecewise linear and exact
for that relaxed problem: an order at choice merges two lists of slopes.

A frontier is `line` [2, n] (lengths in shares; slopes in dollars a share, falling) and `head` (shares and cash of its
left end). All that is relaxed is listed in `agent/oracle.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.layout import SECOND_NS, Market
from simulators.execution_kernels import latency_nb, market_nb
from simulators.layout import TICKET, OrderKind
from simulators.oracle_offers import POINTS, closing_nb, push_nb, reach_nb, resting_nb
from utils.jit import njit

BID = int(Market.BID)
ASK = int(Market.ASK)
TRADABLE = int(Market.TRADABLE)
REGULAR = int(Market.REGULAR)
LIMIT = int(OrderKind.LIMIT)


@njit
def outcomes_nb(sells, sell_points, buys, buy_points, trade):
    """Upper hull of what one order can do, sales at negative shares; number of points."""
    count = 0
    for i in range(sell_points - 1, 0, -1):
        count = push_nb(trade, count, -sells[0, i], sells[1, i])
    for i in range(buy_points):
        count = push_nb(trade, count, buys[0, i], buys[1, i])
    return count


@njit
def add_nb(line, count, length, slope):
    """Append a piece; number of pieces."""
    if count > 0 and line[1, count - 1] == slope:
        line[0, count - 1] += length
        return count
    line[0, count] = length
    line[1, count] = slope
    return count + 1


@njit
def trade_nb(line, count, head, trade, points, out):
    """The frontier after an order at choice, into `out` and `head`; number of pieces."""
    head[0] += trade[0, 0]
    head[1] += trade[1, 0]
    i, j, total = 0, 0, 0
    while i < count or j < points - 1:
        length, slope = 0.0, -np.inf
        if j < points - 1:
            length = trade[0, j + 1] - trade[0, j]
            slope = (trade[1, j + 1] - trade[1, j]) / length
        if i < count and line[1, i] >= slope:
            total = add_nb(out, total, line[0, i], line[1, i])
            i += 1
        else:
            total = add_nb(out, total, length, slope)
            j += 1
    return total


@njit
def clip_nb(line, count, head, low, high, out):
    """The frontier between `low` and `high` shares, into `out` and `head`; number of pieces."""
    left, kept = head[0], 0
    for i in range(count):
        length, slope = line[0, i], line[1, i]
        cut = min(max(low - left, 0.0), length)
        if cut > 0.0:
            head[0] = low if cut < length else left + length
            head[1] += cut * slope
        rest = min(left + length, high) - max(left, low)
        left += length
        if rest > 0.0:
            kept = add_nb(out, kept, rest, slope)
    return kept


@njit
def within_nb(line, count, head, per_cash, per_share, fixed):
    """(first, last) shares along a frontier at which per_cash * cash + per_share * shares + fixed >= 0."""
    shares = head[0]
    value = per_cash * head[1] + per_share * shares + fixed
    first, last = (shares, shares) if value >= 0.0 else (np.inf, shares)
    for i in range(count):
        rise = per_cash * line[1, i] + per_share
        after = value + line[0, i] * rise
        if value < 0.0 <= after:
            first = shares - value / rise
        if after >= 0.0:
            last = shares + line[0, i]
        elif value >= 0.0:
            last = shares - value / rise
        shares += line[0, i]
        value = after
    return first, last


@njit
def end_nb(line, count, head):
    """Shares at the right end of a frontier."""
    shares = head[0]
    for i in range(count):
        shares += line[0, i]
    return shares


class Desk(NamedTuple):
    """Memory to work in."""

    ticket: npt.NDArray[np.void]  # TICKET [1]
    buys: npt.NDArray[np.float64]  # offers, [2, POINTS]
    sells: npt.NDArray[np.float64]
    spares: npt.NDArray[np.float64]  # [2, 2, POINTS]
    trade: npt.NDArray[np.float64]  # both sides of an order, [2, 2 * POINTS]
    ranges: npt.NDArray[np.float64]  # [2, 2]: of buys and of sells, least and greatest price


def new_desk() -> Desk:
    """Fresh memory."""
    return Desk(
        np.zeros(1, TICKET),
        np.zeros((2, POINTS)),
        np.zeros((2, POINTS)),
        np.zeros((2, 2, POINTS)),
        np.zeros((2, 2 * POINTS)),
        np.zeros((2, 2)),
    )


@njit
def power_nb(head, right, row, day):
    """Dollars that no account on the frontier exceeds when it opens something."""
    return day["leverage"] * head[1] + (day["leverage"] - 1.0) * max(right, 0.0) * row[ASK]


@njit
def order_nb(first_ns, last_ns, opens, shorts, head, right, row, day, rules, desk):
    """Write to `desk.trade` what one order that arrives within [first_ns, last_ns] can do; number of points."""
    ticket = desk.ticket[0]
    desk.ranges[:, 0] = np.inf
    desk.ranges[:, 1] = 0.0
    most_buy, most_sell = max(-head[0], 0.0), max(right, 0.0)
    if opens:
        most_buy += power_nb(head, right, row, day) / row[ASK]
        most_sell += power_nb(head, right, row, day) / row[BID] if shorts else 0.0
    bought = reach_nb(1, first_ns, last_ns, most_buy, day, rules, ticket, desk.buys, desk.spares, desk.ranges[0])
    sold = reach_nb(-1, first_ns, last_ns, most_sell, day, rules, ticket, desk.sells, desk.spares, desk.ranges[1])
    if opens and rules["order_kind"] == LIMIT and row[REGULAR] != 0.0:
        bought = resting_nb(1, first_ns, last_ns, most_buy, row, day, rules, desk.buys, bought, desk.spares)
        sold = resting_nb(-1, first_ns, last_ns, most_sell, row, day, rules, desk.sells, sold, desk.spares)
        desk.ranges[0, 1] = max(desk.ranges[0, 1], row[ASK])  # its size is checked against the far touch
        desk.ranges[1, 0] = min(desk.ranges[1, 0], row[BID])
        desk.ranges[1, 1] = max(desk.ranges[1, 1], row[ASK])
    return outcomes_nb(desk.sells, sold, desk.buys, bought, desk.trade)


@njit
def limits_nb(line, count, head, left, right, shorts, day, rules, desk):
    """(least, most) shares that may be held after an order: what the account carries, or what was held before it.

    Long: value at the dearest fill within leverage * equity. Short: at the cheapest. Fees are added back to equity,
    as nobody is asked for more than an order's size.
    """
    leverage = day["leverage"]
    each, fixed = rules["fee_per_share"], rules["fee_minimum"]
    per_share = (leverage - 1.0) * (desk.ranges[0, 1] + each)
    high = within_nb(line, count, head, leverage, per_share, (leverage - 1.0) * fixed)[1]
    if not shorts:
        return 0.0, max(high, right)
    if desk.ranges[1, 0] == np.inf:
        return left, max(high, right)
    each += desk.ranges[1, 1] * (day["sec_rate"] + rules["locate_share"]) + rules["locate_minimum"]
    per_share = (leverage + 1.0) * desk.ranges[1, 0] - leverage * each
    low = within_nb(line, count, head, leverage, per_share, leverage * (fixed + day["taf_cap"]))[0]
    return min(low, left), max(high, right)


@njit
def grown_nb(lines, needed):
    """The two lists of pieces with room for `needed`."""
    if needed <= lines.shape[2]:
        return lines
    larger = np.zeros((2, 2, 2 * needed))
    larger[:, :, : lines.shape[2]] = lines
    return larger


@njit
def slot_nb(lines, count, head, window, opens, shorts, row, day, rules, desk):
    """Let one order at choice arrive within `window` (first, last ns): (lists of pieces, number of pieces)."""
    if window[0] > window[1]:
        return lines, count
    left, right = head[0], end_nb(lines[0], count, head)
    points = order_nb(window[0], window[1], opens, shorts, head, right, row, day, rules, desk)
    if points < 2:
        return lines, count
    lines = grown_nb(lines, count + points)
    count = trade_nb(lines[0], count, head, desk.trade, points, lines[1])
    low, high = limits_nb(lines[1], count, head, left, right, shorts, day, rules, desk)
    return lines, clip_nb(lines[1], count, head, low, high, lines[0])


@njit
def worth_nb(lines, count, head, row, day, rules, desk):
    """(lists of pieces, most cash once everything is closed by force)."""
    right, ticket = end_nb(lines[0], count, head), desk.ticket[0]
    bought = closing_nb(1, max(-head[0], 0.0), row, day, rules, ticket, desk.buys, desk.spares[0])
    sold = closing_nb(-1, max(right, 0.0), row, day, rules, ticket, desk.sells, desk.spares[0])
    points = outcomes_nb(desk.sells, sold, desk.buys, bought, desk.trade)
    lines = grown_nb(lines, count + points)
    after = head.copy()
    total = trade_nb(lines[0], count, after, desk.trade, points, lines[1])
    cash = after[1]
    for i in range(total):
        step = min(lines[1, 0, i], -after[0])
        if step <= 0.0:
            break
        after[0] += step
        cash += step * lines[1, 1, i]
    return lines, cash


@njit
def latencies_nb(lane, rules, orders):
    """Least and greatest latency among the lane's next i + 1 orders, ns, int64 [orders, 2]; its counter moves on."""
    reach = np.empty((orders, 2), np.int64)
    for i in range(orders):
        drawn = latency_nb(lane, rules[0])
        reach[i, 0] = drawn if i == 0 else min(reach[i - 1, 0], drawn)
        reach[i, 1] = drawn if i == 0 else max(reach[i - 1, 1], drawn)
    return reach


@njit
def window_nb(sent_ns, early_ns, reach, limit_ns):
    """(first, last ns) of arrivals of an order sent within `early_ns` before `sent_ns`; reach: latencies (ns)."""
    return sent_ns - early_ns + reach[0], min(sent_ns + reach[1], limit_ns)


@njit
def may_order_nb(row, second, day):
    """Whether the agent may send an order, see `can_order_nb` of the environment."""
    return row[TRADABLE] != 0.0 and row[BID] > 0.0 and row[ASK] > 0.0 and day["first_s"] <= second < day["end_s"]


@njit
def foresight_nb(days, rules, terms, row_of_day, start, end, reach, shorts, broker, desk):
    """Most cash that an episode from second `start` to `end` can end with.

    reach: int64 [orders, 2], least and greatest latency among the first i + 1 orders, ns; broker: whether stops and
    margin calls can send orders as well, at any second.
    """
    day, rule, term = days[row_of_day], rules[0], terms[0]
    market = market_nb(day)
    lines, count = np.zeros((2, 2, 256)), 0
    head = np.array([0.0, rule["capital"]])
    limit_ns = day["start_ns"] + (end + 1) * SECOND_NS - 1
    best, sent = rule["capital"], 0
    for second in range(start, end):
        row = market[second]
        sent_ns = day["start_ns"] + (second + 1) * SECOND_NS
        agent = (second - start) % term["interval_s"] == 0 and may_order_nb(row, second, day)
        if broker:
            window = window_nb(sent_ns, SECOND_NS, reach[sent], limit_ns)
            lines, count = slot_nb(lines, count, head, window, False, shorts, row, day, rule, desk)
            sent += 1
        if agent or broker:
            window = window_nb(sent_ns, 0, reach[sent], limit_ns)
            lines, count = slot_nb(lines, count, head, window, agent, shorts, row, day, rule, desk)
            sent += 1
        if term["invalid_limit"] > 0:
            lines, cash = worth_nb(lines, count, head, row, day, rule, desk)
            best = max(best, cash)
    lines, cash = worth_nb(lines, count, head, market[end], day, rule, desk)
    return max(best, cash)
