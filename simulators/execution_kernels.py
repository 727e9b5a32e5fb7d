"""The L1 marketable order: latency, checks, walk of the displayed levels, impact, price protection.

`side` is +1 for buys and -1 for sells. `day` is a DAY record, `rules` a RULES record. Event prices are int64 1e-9
dollars, so that ticks and limits are exact; what leaves this module is float64 dollars.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.layout import HALT, QUOTE, SECOND_NS, SECONDS, UNDEF_PRICE, Market
from simulators.layout import Reason
from utils.jit import njit, view1_nb, view2_nb
from utils.seeding import normal_nb

MARKET_COLUMNS = len(Market)
QUOTE_AGE = int(Market.QUOTE_AGE)
VOLUME_30S = int(Market.VOLUME_30S)
VOLUME_SCALE = int(Market.VOLUME_SCALE)
SIGMA_DAILY = int(Market.SIGMA_DAILY)
LULD_LOW = int(Market.LULD_LOW)
LULD_HIGH = int(Market.LULD_HIGH)

NONE = int(Reason.NONE)
CLOSED = int(Reason.CLOSED)
HALTED = int(Reason.HALTED)
NO_QUOTE = int(Reason.NO_QUOTE)
CROSSED = int(Reason.CROSSED)
WIDE = int(Reason.WIDE)
STALE = int(Reason.STALE)
LULD = int(Reason.LULD)

DOLLAR = 1_000_000_000
PENNY_TICK = 10_000_000
SUB_DOLLAR_TICK = 100_000
NEVER_NS = -(2**62)
ROUNDING = 1e-9
"""Keeps floor() of products such as 0.3 * 600 from losing a share to the last bit."""


class Offer(NamedTuple):
    """What the market shows an order of one side at its arrival."""

    reason: int  # NONE if it can be traded against
    touch: int  # 1e-9 dollars: ask for buys, bid for sells
    step: int  # 1e-9 dollars between the levels of the ladder
    level: float  # shares on each level
    limit: int  # 1e-9 dollars: worst price of the marketable limit
    mid: float  # dollars, 0 without a two-sided book
    cap: float  # most shares of one order: phi * displayed or a share of the trailing volume
    sigma: float  # daily volatility for the impact
    volume: float  # V of the impact, shares


@njit
def market_nb(day):
    """The day's `market` [57600, columns]."""
    return view2_nb(day["market"], SECONDS, MARKET_COLUMNS, np.float64)


@njit
def decay_nb(elapsed_ns, halflife_ns):
    """Factor of exponential decay over `elapsed_ns`; 0 if the half-life is 0."""
    if elapsed_ns <= 0:
        return 1.0
    return np.exp2(-elapsed_ns / halflife_ns) if halflife_ns > 0.0 else 0.0


@njit
def arrival_nb(sent_ns, lane, rules):
    """When an order sent at `sent_ns` reaches the market; takes two draws from the lane's stream."""
    z = normal_nb(lane["key"], lane["draw"])
    lane["draw"] += np.uint64(2)
    random = rules["latency_median_ns"] * np.exp(rules["latency_sigma"] * z)
    return sent_ns + int(rules["latency_base_ns"] + random)


@njit
def halt_nb(day, ts_ns):
    """Whether trading stands still at `ts_ns`, and when the last halt before it ended (NEVER_NS if none)."""
    halts = view1_nb(day["halts"], day["halt_count"], HALT)
    resumed = NEVER_NS
    for i in range(len(halts)):
        if halts[i]["start_ns"] <= ts_ns < halts[i]["end_ns"]:
            return True, resumed
        if halts[i]["end_ns"] <= ts_ns:
            resumed = max(resumed, halts[i]["end_ns"])
    return False, resumed


@njit
def quote_row_nb(day, quotes, ts_ns, second):
    """Row of the last book that the market had at `ts_ns` (which lies in `second`), -1 if none.

    Rows are sorted by ts_recv, and ts_recv >= ts_event: start from what had been received, then go on over rows
    that were received later but happened before.
    """
    rows = view1_nb(day["quote_rows"], SECONDS + 1, np.int64)
    low, high = rows[second], rows[second + 1]
    while low < high:
        middle = (low + high) // 2
        if quotes[middle]["ts_recv"] <= ts_ns:
            low = middle + 1
        else:
            high = middle
    row = low - 1
    while row + 1 < len(quotes) and quotes[row + 1]["ts_event"] <= ts_ns:
        row += 1
    while row >= 0 and quotes[row]["ts_event"] > ts_ns:
        row -= 1
    return row


@njit
def book_reason_nb(quote, age_ns, regular, rules):
    """Why this book cannot be traded against, or NONE."""
    if quote["bid"] == UNDEF_PRICE or quote["ask"] == UNDEF_PRICE or quote["bid"] <= 0 or quote["ask"] <= 0:
        return NO_QUOTE
    if quote["bid_size"] == 0 or quote["ask_size"] == 0:
        return NO_QUOTE
    spread = quote["ask"] - quote["bid"]
    if spread < 0:
        return CROSSED
    if spread > rules["max_spread"] * 0.5 * (quote["bid"] + quote["ask"]):
        return WIDE
    if age_ns > (rules["stale_regular_ns"] if regular else rules["stale_extended_ns"]):
        return STALE
    return NONE


@njit
def tick_nb(price):
    """Minimum price variation at `price` (Rule 612), 1e-9 dollars."""
    return PENNY_TICK if price >= DOLLAR else SUB_DOLLAR_TICK


@njit
def limit_nb(touch, side, rules, row):
    """Limit price on its tick: touch * (1 +- offset), within the LULD band of `row`."""
    tick = tick_nb(touch)
    offset = int(touch * rules["limit_offset"] + 0.5)
    if side > 0:
        limit = max((touch + offset) // tick * tick, touch)
        if np.isfinite(row[LULD_HIGH]):
            limit = min(limit, int(row[LULD_HIGH] * DOLLAR + 0.5))
        return limit
    limit = min(-(-(touch - offset) // tick) * tick, touch)
    return max(limit, int(row[LULD_LOW] * DOLLAR + 0.5))


@njit
def _refused_nb(reason, mid):
    return Offer(reason, 0, 0, 0.0, 0, mid, 0.0, 0.0, 0.0)


@njit
def offer_nb(day, rules, ts_ns, side):
    """What an order of `side` meets at `ts_ns`: the ladder, or the reason why it meets nothing.

    Market columns (volume, volatility, band) are those of the last second that had ended.
    """
    second = (ts_ns - day["start_ns"]) // SECOND_NS
    if second < 1 or second >= day["end_s"]:
        return _refused_nb(CLOSED, 0.0)
    halted, resumed_ns = halt_nb(day, ts_ns)
    if halted:
        return _refused_nb(HALTED, 0.0)
    quotes = view1_nb(day["quotes"], day["quote_count"], QUOTE)
    row = quote_row_nb(day, quotes, ts_ns, second)
    if row < 0 or quotes[row]["ts_event"] < resumed_ns:
        return _refused_nb(NO_QUOTE, 0.0)
    quote = quotes[row]
    market = market_nb(day)[second - 1]
    # a book that is confirmed without a change leaves no row in `quotes`, but keeps QUOTE_AGE low
    since_second = ts_ns - day["start_ns"] - second * SECOND_NS
    age = min(float(ts_ns - quote["ts_event"]), market[QUOTE_AGE] * SECOND_NS + since_second)
    reason = book_reason_nb(quote, age, day["open_s"] <= second < day["close_s"], rules)
    if reason != NONE:
        return _refused_nb(reason, 0.0)
    return _ladder_nb(quote, side, rules, market, ts_ns - resumed_ns)


@njit
def _ladder_nb(quote, side, rules, market, resumed_for_ns):
    """The offer of a sound book."""
    bid, ask = quote["bid"], quote["ask"]
    touch = ask if side > 0 else bid
    displayed = float(quote["ask_size"] if side > 0 else quote["bid_size"])
    mid = 0.5 * (bid + ask) / DOLLAR
    limit = limit_nb(touch, side, rules, market)
    if side * (limit - touch) < 0:
        return _refused_nb(LULD, mid)
    tick = tick_nb(touch)
    step = max(tick, -(-(ask - bid) // (2 * tick)) * tick)
    phi = rules["displayed_share"]
    if resumed_for_ns < rules["resume_ns"]:
        phi *= rules["resume_phi_factor"]
    level = np.floor(phi * displayed + ROUNDING)
    cap = max(phi * displayed, rules["participation"] * market[VOLUME_30S])
    return Offer(NONE, touch, step, level, limit, mid, cap, market[SIGMA_DAILY], market[VOLUME_SCALE])


@njit
def available_nb(offer, side, used):
    """Whole shares that one order can get within the limit.

    `used`: own recent fills on this side, decayed. They lie at the front of the ladder and count against the cap,
    so that two orders in a row cannot take the same liquidity.
    """
    levels = side * (offer.limit - offer.touch) // offer.step + 1
    return max(np.floor(min(levels * offer.level, offer.cap) - used + ROUNDING), 0.0)


@njit
def _premium_nb(offer, shares):
    """Sum of distances from the touch (1e-9 dollars) over the first `shares` of the ladder."""
    full = np.floor(shares / offer.level)
    rest = shares - full * offer.level
    return offer.step * full * (0.5 * (full - 1.0) * offer.level + rest)


@njit
def impact_nb(shares, flow, offer, rules):
    """Square-root impact averaged over the order, as a share of mid, given own recent same-side `flow`.

    c = 2/3 * Y * sigma * ((Q + q)^1.5 - Q^1.5) / (q * sqrt(V))
    """
    if offer.volume <= 0.0:
        return 0.0
    after = flow + shares
    grown = after * np.sqrt(after) - flow * np.sqrt(flow)
    return 2.0 / 3.0 * rules["impact"] * offer.sigma * grown / (shares * np.sqrt(offer.volume))


@njit
def price_nb(offer, side, shares, used, flow, rules):
    """Average price in dollars of `shares` > 0: the worse of walk and impact, no worse than the limit.

    Both are distances from the touch, and neither is negative: an order is never filled better than the touch.
    """
    walked = (_premium_nb(offer, used + shares) - _premium_nb(offer, used)) / shares
    pushed = impact_nb(shares, flow, offer, rules) * offer.mid * DOLLAR
    worst = float(abs(offer.limit - offer.touch))
    return (offer.touch + side * min(max(walked, pushed), worst)) / DOLLAR
