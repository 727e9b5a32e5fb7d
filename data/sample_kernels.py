"""Kernels of the sample market: the latent processes and the records of one day. The model is in data/sample_market.py.

Random numbers are counted draws (`utils.seeding.uniform_nb`), so a day is a pure function of its key and its inputs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.layout import F_LAST, SECOND_NS, UNDEF_PRICE, WIRE_MBP1
from utils.jit import njit
from utils.seeding import uniform_nb

EVENT = np.dtype([(n, "u1" if WIRE_MBP1[n] == np.dtype("S1") else WIRE_MBP1[n]) for n in WIRE_MBP1.names or ()])
"""WIRE_MBP1 with its one-letter columns as numbers, which is what kernels can write."""
OHLCV_ROW = np.dtype(
    [("second", "i8"), ("open", "i8"), ("high", "i8"), ("low", "i8"), ("close", "i8"), ("volume", "u8")]
)

ADD, CANCEL, MODIFY, CLEAR, TRADE = ord("A"), ord("C"), ord("M"), ord("R"), ord("T")
BID_SIDE, ASK_SIDE, NO_SIDE = ord("B"), ord("A"), ord("N")
LOT = 100
DOLLAR = 1_000_000_000
CENT = 10_000_000
SUB_DOLLAR_TICK = 100_000
"""$0.0001 below $1 (Rule 612)."""
MIN_DELAY_NS, MAX_DELAY_NS = 100_000, 3_000_000
"""ts_recv - ts_event."""
CHUNK = 0.2
"""Share of the displayed size that one order adds or takes."""
FRESH = 0.7
"""Mean size of a new best price, relative to the displayed size: new levels start thin."""
SPREAD_REDRAW = 0.1
"""Chance per second with events that the spread's rounding is drawn anew."""

BOOK = np.dtype(
    [
        ("key", "u8"),
        ("draw", "u8"),
        ("bid", "i8"),  # 1e-9 dollars
        ("ask", "i8"),
        ("bid_size", "i8"),
        ("ask_size", "i8"),
        ("bid_count", "i8"),
        ("ask_count", "i8"),
        ("recv", "i8"),  # ts_recv of the last record
        ("rows", "i8"),
        ("rounding", "f8"),  # in [0, 1): decides between the two next whole spreads
    ]
)
"""State of the book and of the random stream while a day is written."""


class Flow(NamedTuple):
    """Constants of the order flow."""

    gain: float  # log-odds of a buyer-sided event per unit of pressure
    displayed: float  # mean displayed shares
    trade: float  # mean shares of a trade
    size_sigma: float
    hidden: float  # share of trades inside the spread, without side


@njit
def pressure_nb(shocks, decay):
    """[n] Ornstein-Uhlenbeck process of unit variance from standard normal shocks [n]; decay per second."""
    out = np.empty(len(shocks))
    level = shocks[0]
    scale = np.sqrt(1.0 - decay * decay)
    for i in range(len(shocks)):
        level = decay * level + scale * shocks[i]
        out[i] = level
    return out


@njit
def delayed_nb(x, mean_delay):
    """[n] x behind an exponentially distributed delay of that mean (seconds)."""
    out = np.empty(len(x))
    keep = np.exp(-1.0 / mean_delay)
    level = 0.0
    for i in range(len(x)):
        level = keep * level + (1.0 - keep) * x[i]
        out[i] = level
    return out


@njit
def luld_nb(price, band, absolute, first, last, reference_s, limit_s, halt_s, halted):
    """Mark LULD pauses in `halted` [n] (u1, in place) for seconds [first, last).

    The reference is the mean price of the last `reference_s` seconds; `limit_s` seconds on end outside
    reference +- max(band * reference, absolute) pause trading for `halt_s` seconds. Returns the count.
    """
    count, outside, total, filled, s = 0, 0, 0.0, 0, first
    while s < last:
        if halted[s]:
            total, filled, outside, s = 0.0, 0, 0, s + 1
            continue
        if filled > 0:
            reference = total / filled
            width = max(band * reference, absolute)
            outside = outside + 1 if abs(price[s] - reference) > width else 0
        if outside >= limit_s:
            end = min(s + halt_s, last)
            halted[s:end] = 1
            count += 1
            continue
        total += price[s]
        filled += 1
        if filled > reference_s:
            total -= price[s - reference_s]
            filled = reference_s
        s += 1
    return count


@njit
def _uniform_nb(book):
    u = uniform_nb(book["key"], book["draw"])
    book["draw"] += np.uint64(1)
    return u


@njit
def _lognormal_nb(book, mean, sigma):
    u, v = _uniform_nb(book), _uniform_nb(book)
    z = np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
    return mean * np.exp(sigma * z - 0.5 * sigma * sigma)


@njit
def _poisson_nb(book, rate):
    limit, product, count = np.exp(-rate), _uniform_nb(book), 0
    while product > limit:
        product *= _uniform_nb(book)
        count += 1
    return count


@njit
def _lots_nb(shares):
    return max(LOT, int(shares / LOT + 0.5) * LOT)


@njit
def _count_nb(size):
    return 1 + size // (4 * LOT)


@njit
def _emit_nb(out, book, ts, action, side, price, size, last):
    """Append one record that shows the book as it now stands."""
    row = out[book["rows"]]
    u = _uniform_nb(book)
    delay = MIN_DELAY_NS + int((MAX_DELAY_NS - MIN_DELAY_NS) * u * u * u)
    book["recv"] = max(book["recv"], ts + delay)
    row["ts_event"], row["ts_recv"] = ts, book["recv"]
    row["ts_in_delta"] = 20_000 + int(60_000 * u)
    row["price"], row["size"] = price, size
    row["action"], row["side"] = action, side
    row["flags"] = F_LAST if last else 0
    row["sequence"] = book["rows"] + 1
    row["bid_px"], row["ask_px"] = book["bid"], book["ask"]
    row["bid_sz"], row["ask_sz"] = book["bid_size"], book["ask_size"]
    row["bid_ct"], row["ask_ct"] = book["bid_count"], book["ask_count"]
    book["rows"] += 1


@njit
def _clear_nb(book):
    book["bid"], book["ask"] = UNDEF_PRICE, UNDEF_PRICE
    book["bid_size"], book["ask_size"] = 0, 0
    book["bid_count"], book["ask_count"] = 0, 0


@njit
def _place_nb(out, book, flow, ts, side, price, lean, last):
    """A new best price on one side, with a fresh size."""
    size = _lots_nb(_lognormal_nb(book, FRESH * flow.displayed * np.exp(lean), flow.size_sigma))
    if side == BID_SIDE:
        book["bid"], book["bid_size"], book["bid_count"] = price, size, _count_nb(size)
    else:
        book["ask"], book["ask_size"], book["ask_count"] = price, size, _count_nb(size)
    _emit_nb(out, book, ts, ADD, side, price, size, last)


@njit
def _target_nb(book, mid, spread):
    """(bid, ask) around `mid` (1e-9 dollars): a whole number of ticks apart, at least one."""
    tick = CENT if mid >= DOLLAR else SUB_DOLLAR_TICK
    ticks = max(1, int(spread * mid / tick + book["rounding"]))
    bid = max(1, int(np.floor((mid - 0.5 * ticks * tick) / tick + 0.5))) * tick
    return bid, bid + ticks * tick


@njit
def _reprice_nb(out, book, flow, ts, mid, spread, pressure):
    """Move the quotes to where `mid` is. Returns whether a record was written."""
    bid, ask = _target_nb(book, mid, spread)
    if bid == book["bid"] and ask == book["ask"]:
        return False
    lean = 0.4 * pressure
    opening = book["bid"] == UNDEF_PRICE
    new_bid, new_ask = bid != book["bid"], ask != book["ask"]
    # one event in two records unless the book was empty; the side that makes room moves first: never crossed
    both = new_bid and new_ask
    if opening or bid < book["bid"]:
        if new_bid:
            _place_nb(out, book, flow, ts, BID_SIDE, bid, lean, opening or not both)
        if new_ask:
            _place_nb(out, book, flow, ts, ASK_SIDE, ask, -lean, True)
        return True
    if new_ask:
        _place_nb(out, book, flow, ts, ASK_SIDE, ask, -lean, not both)
    if new_bid:
        _place_nb(out, book, flow, ts, BID_SIDE, bid, lean, True)
    return True


@njit
def _quote_nb(out, book, flow, ts, pressure):
    """One order added at, or taken from, the best price of one side."""
    buyer = _uniform_nb(book) < 1.0 / (1.0 + np.exp(-flow.gain * pressure))
    adds = _uniform_nb(book) < 0.5
    at_bid = buyer == adds  # buyers add bids and take asks away
    size = book["bid_size"] if at_bid else book["ask_size"]
    side = BID_SIDE if at_bid else ASK_SIDE
    price = book["bid"] if at_bid else book["ask"]
    if adds:
        chunk = _lots_nb(_lognormal_nb(book, CHUNK * flow.displayed, flow.size_sigma))
        new, count = size + chunk, 1
    else:
        chunk = min(_lots_nb(_lognormal_nb(book, CHUNK * size, flow.size_sigma)), size - LOT)
        new, count = size - chunk, -1
    if chunk <= 0:
        return
    if at_bid:
        book["bid_size"], book["bid_count"] = new, max(1, book["bid_count"] + count)
    else:
        book["ask_size"], book["ask_count"] = new, max(1, book["ask_count"] + count)
    _emit_nb(out, book, ts, ADD if adds else CANCEL, side, price, chunk, True)


@njit
def _trade_nb(out, book, flow, ts, pressure):
    """A trade with the book before it, then what it left; an emptied level is filled again at the same price."""
    buyer = _uniform_nb(book) < 1.0 / (1.0 + np.exp(-flow.gain * pressure))
    shares = max(1, int(_lognormal_nb(book, flow.trade, 1.0)))
    if _uniform_nb(book) < 0.75:
        shares = _lots_nb(shares)
    if _uniform_nb(book) < flow.hidden:
        mid = (book["bid"] + book["ask"]) // 2
        _emit_nb(out, book, ts, TRADE, NO_SIDE, mid, shares, True)
        return
    size = book["ask_size"] if buyer else book["bid_size"]
    price = book["ask"] if buyer else book["bid"]
    shares = min(shares, size)
    _emit_nb(out, book, ts, TRADE, BID_SIDE if buyer else ASK_SIDE, price, shares, False)
    left, action = size - shares, CANCEL
    if left < LOT:
        left, action = _lots_nb(_lognormal_nb(book, FRESH * flow.displayed, flow.size_sigma)), MODIFY
    if buyer:
        book["ask_size"], book["ask_count"] = left, _count_nb(left)
    else:
        book["bid_size"], book["bid_count"] = left, _count_nb(left)
    _emit_nb(out, book, ts, action, ASK_SIDE if buyer else BID_SIDE, price, shares, True)


@njit
def _second_nb(out, book, flow, start, mid, spread, pressure, quotes, trades):
    """All records of one second: `quotes` and `trades` events in random order at sorted uniform times."""
    left, left_trades = quotes + trades, trades
    rest = 1.0  # of the second; the next of k uniform order statistics takes 1 - U^(1/k) of what is left
    if left > 0 and _uniform_nb(book) < SPREAD_REDRAW:
        book["rounding"] = _uniform_nb(book)
    first = True
    while left > 0:
        rest *= _uniform_nb(book) ** (1.0 / left)
        ts = start + int((1.0 - rest) * (SECOND_NS - MAX_DELAY_NS - 1))
        trade = _uniform_nb(book) * left < left_trades
        moved = first and _reprice_nb(out, book, flow, ts, mid, spread, pressure)
        first = False
        if trade:
            _trade_nb(out, book, flow, ts, pressure)
            left_trades -= 1
        elif not moved:
            _quote_nb(out, book, flow, ts, pressure)
        left -= 1


@njit
def events_nb(out, book, flow, start_ns, mid, spread, pressure, quote_rate, trade_rate, halted):
    """Write the mbp-1 records of a day into `out` (EVENT); returns their number, -1 if `out` is too small.

    Per second, arrays [n]: mid (1e-9 dollars), spread (share of mid), pressure, expected events, halted (u1).
    `book` is a BOOK record with its key set.
    """
    _clear_nb(book)
    _emit_nb(out, book, start_ns, CLEAR, NO_SIDE, UNDEF_PRICE, 0, True)
    book["rounding"] = _uniform_nb(book)
    for s in range(len(mid)):
        if halted[s]:
            book["bid"] = UNDEF_PRICE  # the first record after it opens the book anew
            continue
        quotes, trades = _poisson_nb(book, quote_rate[s]), _poisson_nb(book, trade_rate[s])
        if book["bid"] != UNDEF_PRICE:
            shown = 0.5 * (book["bid"] + book["ask"])
            if abs(mid[s] - shown) > max(spread[s] * mid[s], book["ask"] - book["bid"]):
                quotes = max(quotes, 1)  # quotes follow when the price has left them
        elif s > 0 and halted[s - 1]:
            quotes = max(quotes, 1)
        if book["bid"] == UNDEF_PRICE and quotes + trades > 0:
            _clear_nb(book)
        if book["rows"] + 2 * (quotes + 2 * trades) + 4 > len(out):
            return -1
        ts = start_ns + s * SECOND_NS
        _second_nb(out, book, flow, ts, mid[s], spread[s], pressure[s], quotes, trades)
    return book["rows"]


@njit
def bars_nb(events, start_ns, out):
    """One-second bars (OHLCV_ROW) of the trades in `events` by ts_event; returns their number."""
    count, current = 0, -1
    for i in range(len(events)):
        row = events[i]
        if row["action"] != TRADE:
            continue
        second = (np.int64(row["ts_event"]) - start_ns) // SECOND_NS
        price = row["price"]
        if second != current:
            current = second
            bar = out[count]
            bar["second"], bar["volume"] = second, 0
            bar["open"], bar["high"], bar["low"] = price, price, price
            count += 1
        bar = out[count - 1]
        bar["high"], bar["low"] = max(bar["high"], price), min(bar["low"], price)
        bar["close"] = price
        bar["volume"] += np.uint64(row["size"])
    return count
