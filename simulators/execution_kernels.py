"""What an order meets at the market: latency, checks, price protection. A fill model decides the rest.

`side` is +1 for buys and -1 for sells. `day` is a DAY record, `rules` a RULES record, `ticket` a TICKET record. Event
prices are int64 1e-9 dollars, so that ticks and limits are exact.
"""

from __future__ import annotations

import numpy as np

from data.layout import HALT, QUOTE, SECOND_NS, SECONDS, UNDEF_PRICE, Market
from simulators.layout import DOLLAR, Reason
from utils.jit import call_fill, call_latency, njit, view1_nb, view2_nb
from utils.seeding import substream_nb

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

PENNY_TICK = 10_000_000
SUB_DOLLAR_TICK = 100_000
NEVER_NS = -(2**62)


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
def latency_nb(lane, rules):
    """ns that the lane's next order takes to the market. Each order has its own random stream."""
    stream = substream_nb(lane["key"], lane["orders"])
    lane["orders"] += np.uint64(1)
    params, table, rows = rules["latency_params"], rules["latency_table"], rules["latency_rows"]
    return np.int64(call_latency(rules["latency_model"], stream, params, table, rows))


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
def quote_at_nb(day, rules, ts_ns):
    """(reason, row of the quotes, end of the last halt) at `ts_ns`: the book, or why there is none to trade with."""
    second = (ts_ns - day["start_ns"]) // SECOND_NS
    if second < max(day["first_s"], 1) or second >= day["end_s"]:
        return CLOSED, -1, NEVER_NS
    halted, resumed_ns = halt_nb(day, ts_ns)
    if halted:
        return HALTED, -1, resumed_ns
    quotes = view1_nb(day["quotes"], day["quote_count"], QUOTE)
    row = quote_row_nb(day, quotes, ts_ns, second)
    if row < 0 or quotes[row]["ts_event"] < resumed_ns:
        return NO_QUOTE, -1, resumed_ns
    # a book that is confirmed without a change leaves no row in `quotes`, but keeps QUOTE_AGE low
    since_second = ts_ns - day["start_ns"] - second * SECOND_NS
    confirmed = market_nb(day)[second - 1, QUOTE_AGE] * SECOND_NS + since_second
    age = min(float(ts_ns - quotes[row]["ts_event"]), confirmed)
    return book_reason_nb(quotes[row], age, day["open_s"] <= second < day["close_s"], rules), row, resumed_ns


@njit
def open_ticket_nb(day, rules, ts_ns, side, ticket):
    """Write the book that an order of `side` meets at `ts_ns` to the ticket; the reason if it cannot be traded with.

    Market columns (volume, volatility, band) are those of the last second that had ended.
    """
    ticket["shares"] = 0.0
    ticket["mid"] = 0.0
    reason, row, resumed_ns = quote_at_nb(day, rules, ts_ns)
    if reason != NONE:
        return reason
    quote = view1_nb(day["quotes"], day["quote_count"], QUOTE)[row]
    market = market_nb(day)[(ts_ns - day["start_ns"]) // SECOND_NS - 1]
    displayed = quote["ask_size"] if side > 0 else quote["bid_size"]
    write_ticket_nb(ticket, side, quote["bid"], quote["ask"], np.float64(displayed), market, rules)
    ticket["since_resume_ns"] = np.float64(ts_ns - resumed_ns)
    return NONE if side * (ticket["limit"] - ticket["touch"]) >= 0 else LULD


@njit
def write_ticket_nb(ticket, side, bid, ask, displayed, row, rules):
    """The book and the market around it; `bid`, `ask` in 1e-9 dollars, `displayed` shares on the side it takes."""
    touch = ask if side > 0 else bid
    ticket["side"] = side
    ticket["touch"] = touch
    ticket["spread"] = ask - bid
    ticket["tick"] = tick_nb(touch)
    ticket["displayed"] = displayed
    ticket["mid"] = 0.5 * (bid + ask) / DOLLAR
    ticket["limit"] = limit_nb(touch, side, rules, row)
    ticket["volume_30s"] = row[VOLUME_30S]
    ticket["volume"] = row[VOLUME_SCALE]
    ticket["sigma"] = row[SIGMA_DAILY]


@njit
def fill_nb(ticket, wanted, rules):
    """Ask the fill model for `wanted` shares: (shares, average price in dollars)."""
    ticket["wanted"] = wanted
    call_fill(rules["fill_model"], ticket, rules["fill_params"])
    return ticket["shares"], ticket["price"]
