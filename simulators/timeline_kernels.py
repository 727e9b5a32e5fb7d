"""One pass over a day's records: 1-second bars and the event arrays, whatever the chunks they come in.

Everything lives in one `TIMELINE_STATE` record and in the output arrays: where a chunk ends makes no difference.
Sums of shares and of prices are integers; the only floating-point sums (notional, spread * time) run in record order.
"""

from __future__ import annotations

import numpy as np

from data.layout import F_LAST, PRICE_SCALE, SECOND_NS, SECONDS, UNDEF_PRICE, Bar
from utils.jit import njit

ACTION_TRADE = ord("T")
ACTION_CLEAR = ord("R")
SIDE_BUY = ord("B")
SIDE_SELL = ord("A")


@njit
def begin_nb(state, start_ns, quote_rows, trade_rows):
    """Put `state` (a zeroed record) before the first record of the day that starts at `start_ns`."""
    state["start_ns"] = start_ns
    state["last_ns"] = start_ns
    state["bid"] = UNDEF_PRICE
    state["ask"] = UNDEF_PRICE
    quote_rows[0] = 0
    trade_rows[0] = 0


@njit
def _two_sided_nb(bid, ask):
    """Whether both sides have a price."""
    return 0 < bid < UNDEF_PRICE and 0 < ask < UNDEF_PRICE


@njit
def _spread_until_nb(state, ts):
    """Account for the spread of the last good book up to `ts`."""
    if state["seen"] == 1:
        lasted = ts - state["spread_ns"]
        state["spread"] += np.float64(state["good_ask"] - state["good_bid"]) * np.float64(lasted)
        state["covered_ns"] += lasted
        state["spread_ns"] = ts


@njit
def _write_trades_nb(state, row):
    """OHLC and volumes of the second into its row; the last price where nothing traded."""
    if state["trades"] > 0:
        row[Bar.OPEN] = state["open"] * PRICE_SCALE
        row[Bar.HIGH] = state["high"] * PRICE_SCALE
        row[Bar.LOW] = state["low"] * PRICE_SCALE
        row[Bar.VOLUME] = state["volume"]
        row[Bar.TRADES] = state["trades"]
        row[Bar.BUY_VOLUME] = state["buy"]
        row[Bar.SELL_VOLUME] = state["sell"]
        row[Bar.NOTIONAL] = state["notional"] * PRICE_SCALE
        row[Bar.LARGEST] = state["largest"]
        row[Bar.HAS_TRADE] = 1.0
    else:
        row[Bar.OPEN : Bar.CLOSE] = state["last_price"] * PRICE_SCALE
    row[Bar.CLOSE] = state["last_price"] * PRICE_SCALE


@njit
def _write_book_nb(state, row):
    """Book, spread and flow of the second into its row."""
    if state["seen"] == 1:
        row[Bar.BID] = state["good_bid"] * PRICE_SCALE
        row[Bar.ASK] = state["good_ask"] * PRICE_SCALE
        row[Bar.BID_SIZE] = state["good_bid_size"]
        row[Bar.ASK_SIZE] = state["good_ask_size"]
        row[Bar.SPREAD_TW] = state["spread"] / np.float64(state["covered_ns"]) * PRICE_SCALE
        row[Bar.HAS_QUOTE] = 1.0
    row[Bar.QUOTES] = state["changes"]
    row[Bar.OFI] = state["ofi"]


@njit
def _close_second_nb(state, bars, quote_rows, trade_rows):
    """Write the row of the running second and begin the next."""
    second = state["second"]
    _spread_until_nb(state, state["start_ns"] + (second + 1) * SECOND_NS)
    _write_trades_nb(state, bars[second])
    _write_book_nb(state, bars[second])
    quote_rows[second + 1] = state["quote_count"]
    trade_rows[second + 1] = state["trade_count"]
    state["second"] = second + 1
    state["covered_ns"] = 0
    state["spread"] = 0.0
    state["volume"] = 0
    state["trades"] = 0
    state["buy"] = 0
    state["sell"] = 0
    state["largest"] = 0
    state["notional"] = 0.0
    state["changes"] = 0
    state["ofi"] = 0


@njit
def _arrive_nb(state, ts_recv, bars, quote_rows, trade_rows):
    """Close the seconds before `ts_recv`; returns the time the record counts as arrived, -1 if outside the day.

    A record stamped before its predecessor was still *read* after it: it arrives at its predecessor's time.
    """
    ts = ts_recv
    if ts < state["start_ns"] or ts >= state["start_ns"] + SECONDS * SECOND_NS:
        state["refused"] += 1
        return -1
    if ts < state["last_ns"]:
        state["late"] += 1
        ts = state["last_ns"]
    state["last_ns"] = ts
    while ts >= state["start_ns"] + (state["second"] + 1) * SECOND_NS:
        _close_second_nb(state, bars, quote_rows, trade_rows)
    return ts


@njit
def _level_flow_nb(price, size, previous_price, previous_size, sign):
    """One side's term of the order-flow imbalance; `sign` is +1 for bids, -1 for asks (then lower is better).

    An empty side counts as a level of no shares infinitely far away.
    """
    if price == UNDEF_PRICE and previous_price == UNDEF_PRICE:
        return 0
    better = previous_price == UNDEF_PRICE or (price != UNDEF_PRICE and sign * (price - previous_price) > 0)
    worse = price == UNDEF_PRICE or (previous_price != UNDEF_PRICE and sign * (price - previous_price) < 0)
    if better:
        return sign * size
    if worse:
        return -sign * previous_size
    return sign * (size - previous_size)


@njit
def order_flow_nb(state, bid, ask, bid_size, ask_size):
    """Order-flow imbalance of the change from the standing book to this one, shares.

    Cont, Kukanov, Stoikov (2014), "The price impact of order book events", eq. 4. A book that appears from nothing or
    is cleared says nothing about flow: 0.
    """
    from_nothing = state["bid"] == UNDEF_PRICE and state["ask"] == UNDEF_PRICE
    to_nothing = bid == UNDEF_PRICE and ask == UNDEF_PRICE
    if from_nothing or to_nothing:
        return 0
    return _level_flow_nb(bid, bid_size, state["bid"], state["bid_size"], 1) + _level_flow_nb(
        ask, ask_size, state["ask"], state["ask_size"], -1
    )


@njit
def _write_quote_nb(state, ts, ts_event, quotes):
    """Append the standing book to the quote events."""
    row = quotes[state["quote_count"]]
    row["ts_recv"] = ts
    row["ts_event"] = ts_event
    row["bid"] = state["bid"]
    row["ask"] = state["ask"]
    row["bid_size"] = state["bid_size"]
    row["ask_size"] = state["ask_size"]
    state["quote_count"] += 1


@njit
def _take_book_nb(state, ts, bid, ask, bid_size, ask_size):
    """Make this the standing book and, if it has two sides and is not crossed, the good one."""
    state["changes"] += 1
    state["ofi"] += order_flow_nb(state, bid, ask, bid_size, ask_size)
    state["bid"] = bid
    state["ask"] = ask
    state["bid_size"] = bid_size
    state["ask_size"] = ask_size
    if _two_sided_nb(bid, ask) and bid <= ask:
        _spread_until_nb(state, ts)
        state["seen"] = 1
        state["spread_ns"] = ts
        state["good_bid"] = bid
        state["good_ask"] = ask
        state["good_bid_size"] = bid_size
        state["good_ask_size"] = ask_size


@njit
def add_book_nb(state, ts, ts_event, book, quotes):
    """A valid book (bid, ask, bid_size, ask_size): a quote row if it changed or the last row is of an earlier second.

    That refresh keeps the age of a quote true to the second where a feed repeats an unchanged book.
    """
    bid, ask, bid_size, ask_size = book
    if not 0 < bid < UNDEF_PRICE:
        bid, bid_size = UNDEF_PRICE, 0
    if not 0 < ask < UNDEF_PRICE:
        ask, ask_size = UNDEF_PRICE, 0
    same_prices = bid == state["bid"] and ask == state["ask"]
    changed = not (same_prices and bid_size == state["bid_size"] and ask_size == state["ask_size"])
    if changed:
        _take_book_nb(state, ts, bid, ask, bid_size, ask_size)
    count = state["quote_count"]
    old = count > 0 and quotes[count - 1]["ts_recv"] < state["start_ns"] + state["second"] * SECOND_NS
    if changed or old:
        _write_quote_nb(state, ts, ts_event, quotes)


@njit
def aggressor_nb(state, price, side):
    """+1 buyer, -1 seller, 0 unknown: the feed's word, else the quote rule, else the tick rule (Lee, Ready 1991)."""
    if side == SIDE_BUY:
        return 1
    if side == SIDE_SELL:
        return -1
    bid, ask = state["bid"], state["ask"]
    if _two_sided_nb(bid, ask) and bid <= ask:
        if 2 * price > bid + ask:
            return 1
        if 2 * price < bid + ask:
            return -1
    return state["tick"]


@njit
def _count_trade_nb(state, price, size, side):
    """Add a trade to the running second."""
    if state["trades"] == 0:
        state["open"] = price
        state["high"] = price
        state["low"] = price
    state["high"] = max(state["high"], price)
    state["low"] = min(state["low"], price)
    state["last_price"] = price
    state["trades"] += 1
    state["volume"] += size
    if side > 0:
        state["buy"] += size
    elif side < 0:
        state["sell"] += size
    state["largest"] = max(state["largest"], size)
    state["notional"] += np.float64(price) * np.float64(size)


@njit
def add_trade_nb(state, ts, ts_event, price, size, side_code, trades):
    """A trade: into the running second and the trade events."""
    if not 0 < price < UNDEF_PRICE or size <= 0:
        state["refused"] += 1
        return
    if state["last_price"] > 0 and price != state["last_price"]:
        state["tick"] = 1 if price > state["last_price"] else -1
    side = aggressor_nb(state, price, side_code)
    _count_trade_nb(state, price, size, side)
    row = trades[state["trade_count"]]
    row["ts_recv"] = ts
    row["ts_event"] = ts_event
    row["price"] = price
    row["size"] = size
    row["side"] = side
    state["trade_count"] += 1


@njit
def _event_ns_nb(record, ts):
    """The exchange's time, or the time of arrival where it is undefined (all bits set)."""
    ts_event = np.int64(record["ts_event"])
    return ts if ts_event <= 0 else ts_event


@njit
def _book_of_nb(record):
    return (
        np.int64(record["bid_px"]),
        np.int64(record["ask_px"]),
        np.int64(record["bid_sz"]),
        np.int64(record["ask_sz"]),
    )


@njit
def mbp_chunk_nb(records, state, bars, quotes, trades, quote_rows, trade_rows):
    """Take in a chunk of mbp-1 records (letters as bytes' numbers); `quotes` and `trades` have room for all of them.

    A book is taken at records with F_LAST only. A trade's record carries the book *before* the trade, so that book is
    taken first; it may be missing there, which then says nothing.
    """
    for i in range(len(records)):
        record = records[i]
        ts = _arrive_nb(state, np.int64(record["ts_recv"]), bars, quote_rows, trade_rows)
        if ts < 0:
            continue
        ts_event = _event_ns_nb(record, ts)
        book = _book_of_nb(record)
        if record["action"] == ACTION_TRADE:
            if _two_sided_nb(book[0], book[1]) and record["flags"] & F_LAST:
                add_book_nb(state, ts, ts_event, book, quotes)
            price, size = np.int64(record["price"]), np.int64(record["size"])
            add_trade_nb(state, ts, ts_event, price, size, record["side"], trades)
        elif record["action"] == ACTION_CLEAR:
            add_book_nb(state, ts, ts_event, (UNDEF_PRICE, UNDEF_PRICE, 0, 0), quotes)
        elif record["flags"] & F_LAST:
            add_book_nb(state, ts, ts_event, book, quotes)


@njit
def trades_chunk_nb(records, state, bars, trades, quote_rows, trade_rows):
    """Take in a chunk of `trades` records: bars without a book."""
    for i in range(len(records)):
        record = records[i]
        ts = _arrive_nb(state, np.int64(record["ts_recv"]), bars, quote_rows, trade_rows)
        if ts >= 0 and record["action"] == ACTION_TRADE:
            price, size = np.int64(record["price"]), np.int64(record["size"])
            add_trade_nb(state, ts, _event_ns_nb(record, ts), price, size, record["side"], trades)


@njit
def bars_chunk_nb(records, state, bars, trades, quote_rows, trade_rows):
    """Take in a chunk of ohlcv-1s records, one trade a bar: the close with all shares, at the start of its second.

    Open, high and low are the bar's own. Its dollars are taken at the mean of its four prices.
    """
    for i in range(len(records)):
        record = records[i]
        ts = _arrive_nb(state, np.int64(record["ts_event"]), bars, quote_rows, trade_rows)
        if ts < 0:
            continue
        opened, high, low = np.int64(record["open"]), np.int64(record["high"]), np.int64(record["low"])
        close, volume = np.int64(record["close"]), np.int64(record["volume"])
        if low <= 0 or not low <= min(opened, close) <= max(opened, close) <= high < UNDEF_PRICE:
            state["refused"] += 1
            continue
        first = state["trades"] == 0
        add_trade_nb(state, ts, ts, close, volume, 0, trades)
        if first and state["trades"] > 0:
            state["open"] = opened
            state["notional"] = 0.25 * (np.float64(opened) + high + low + close) * volume
        state["high"], state["low"] = max(state["high"], high), min(state["low"], low)


@njit
def finish_nb(state, bars, quote_rows, trade_rows):
    """Close the remaining seconds of the day."""
    while state["second"] < SECONDS:
        _close_second_nb(state, bars, quote_rows, trade_rows)
