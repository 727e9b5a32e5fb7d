"""One second in the life of a lane: what arrives, what rests, what is triggered, the mark, the margin."""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, Market
from simulators.layout import DOLLAR, OrderKind, Reason
from simulators.order_kernels import arrive_nb, book_nb, decay_own_nb, press_fill_nb, send_nb
from simulators.portfolio_kernels import margin_call_nb, mark_nb
from simulators.resting_kernels import cancel_nb, match_second_nb, mid_at_nb, stop_hit_nb
from utils.jit import njit

REGULAR = int(Market.REGULAR)
TRADABLE = int(Market.TRADABLE)
FILLED = int(Reason.FILLED)
PARTIAL = int(Reason.PARTIAL)
EXPIRED = int(Reason.EXPIRED)
REPLACED = int(Reason.REPLACED)
STOP = int(OrderKind.STOP)
MARGIN = int(OrderKind.MARGIN)


@njit
def arriving_nb(lane, end_ns):
    """Whether the lane's order reaches the market before `end_ns`."""
    return lane["order"] != 0 and lane["resting"] == 0 and lane["arrival_ns"] < end_ns


@njit
def wait_nb(lane, step, fill, market, end_ns, day, rules):
    """A second of a resting order: prints, then its end; number of fills (0 or 1)."""
    filled, ts_ns = match_second_nb(lane, day, market[lane["second"] - 1])
    if filled != 0.0:
        price = lane["limit"] / DOLLAR
        decay_own_nb(lane, ts_ns, rules)
        press_fill_nb(lane, filled)
        reason = PARTIAL if lane["order_shares"] != 0.0 else FILLED
        mid = mid_at_nb(day, ts_ns, price)
        book_nb(lane, step, fill, ts_ns, filled, price, price, mid, reason, day, rules)
    if lane["order_shares"] == 0.0:
        cancel_nb(lane, step, FILLED)
    elif lane["rest_until_ns"] < end_ns:
        cancel_nb(lane, step, EXPIRED)
    return 1 if filled != 0.0 else 0


@njit
def trigger_stop_nb(lane, step, market, day, rules):
    """Send the position's protective stop if a print came to it; a resting order makes way, one under way does not."""
    if lane["stop"] == 0 or market[lane["second"], REGULAR] == 0.0 or (lane["order"] != 0 and lane["resting"] == 0):
        return
    sent_ns = stop_hit_nb(lane, day)
    if sent_ns == 0:
        return
    if lane["resting"] != 0:
        cancel_nb(lane, step, REPLACED)
    send_nb(lane, STOP, -lane["position"], sent_ns, market[lane["second"] - 1], rules, step)


@njit
def call_margin_nb(lane, step, row, end_ns, rules, day):
    """Have the broker close a position that equity no longer carries."""
    if not margin_call_nb(lane, row, day) or row[TRADABLE] == 0.0 or (lane["order"] != 0 and lane["resting"] == 0):
        return
    if lane["resting"] != 0:
        cancel_nb(lane, step, REPLACED)
    send_nb(lane, MARGIN, -lane["position"], end_ns, row, rules, step)


@njit
def second_nb(lane, step, fills, count, ticket, market, day, rules):
    """Move the lane on by one second and mark it at its end; number of fills in the step so far, `count` before."""
    second = lane["second"] + 1
    lane["second"] = second
    end_ns = day["start_ns"] + np.int64(second + 1) * SECOND_NS
    if arriving_nb(lane, end_ns):
        count += arrive_nb(lane, step, fills[count], ticket, day, rules)
    if lane["resting"] != 0:
        count += wait_nb(lane, step, fills[count], market, end_ns, day, rules)
    if lane["stop"] != 0:
        trigger_stop_nb(lane, step, market, day, rules)
        if arriving_nb(lane, end_ns):
            count += arrive_nb(lane, step, fills[count], ticket, day, rules)
    row = market[second]
    mark_nb(lane, row)
    if lane["position"] != 0.0:
        call_margin_nb(lane, step, row, end_ns, rules, day)
    return count
