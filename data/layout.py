"""Every dtype, code and column order of the data side, declared once.

Time: second s of a day covers [s, s + 1) s after 04:00:00 America/New_York; row s of any array holds what *arrived*
(ts_recv) in that second, so it may be used from the end of second s on. Timestamps are int64 UTC nanoseconds.
Event prices are int64 in 1e-9 dollars; everything called `bars`, `market` or `daily` is float64 dollars.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

SECONDS = 57_600
MINUTES = 960
SECOND_NS = 1_000_000_000
PRICE_SCALE = 1e-9
UNDEF_PRICE = 2**63 - 1
DAILY_ROWS = 30
"""Previous sessions that travel with a day."""

# ---------------------------------------------------------------- Databento's wire layout (DBN 1-3, little endian)
_HEADER = [
    ("length", "u1"),
    ("rtype", "u1"),
    ("publisher_id", "<u2"),
    ("instrument_id", "<u4"),
    ("ts_event", "<u8"),
]
_TRADE = [
    ("price", "<i8"),
    ("size", "<u4"),
    ("action", "S1"),
    ("side", "S1"),
    ("flags", "u1"),
    ("depth", "u1"),
    ("ts_recv", "<u8"),
    ("ts_in_delta", "<i4"),
    ("sequence", "<u4"),
]
WIRE_TRADE = np.dtype([*_HEADER, *_TRADE])
WIRE_MBP1 = np.dtype(
    [
        *_HEADER,
        *_TRADE,
        ("bid_px", "<i8"),
        ("ask_px", "<i8"),
        ("bid_sz", "<u4"),
        ("ask_sz", "<u4"),
        ("bid_ct", "<u4"),
        ("ask_ct", "<u4"),
    ]
)
WIRE_OHLCV = np.dtype(
    [
        *_HEADER,
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("volume", "<u8"),
    ]
)
WIRE_STATUS = np.dtype(
    [
        *_HEADER,
        ("ts_recv", "<u8"),
        ("action", "<u2"),
        ("reason", "<u2"),
        ("trading_event", "<u2"),
        ("is_trading", "S1"),
        ("is_quoting", "S1"),
        ("is_short_sell_restricted", "S1"),
        ("_reserved", "S7"),
    ]
)
WIRE = {
    "mbp-1": WIRE_MBP1,
    "trades": WIRE_TRADE,
    "ohlcv-1s": WIRE_OHLCV,
    "ohlcv-1m": WIRE_OHLCV,
    "ohlcv-1d": WIRE_OHLCV,
    "status": WIRE_STATUS,
}
F_LAST = 128
"""Record flag: the book is valid after this record."""


class StatusAction(IntEnum):
    """`action` of a status record (Databento's codes) as far as it matters to trading."""

    QUOTING = 3
    TRADING = 7
    HALT = 8
    PAUSE = 9
    SUSPEND = 10
    SHORT_SALE_CHANGE = 14
    NOT_AVAILABLE = 15


BLOCKING_ACTIONS = (
    StatusAction.HALT,
    StatusAction.PAUSE,
    StatusAction.SUSPEND,
    StatusAction.NOT_AVAILABLE,
)


class StatusReason(IntEnum):
    """`reason` of a status record (Databento's codes) as far as it matters to trading."""

    NONE = 0
    NEWS_PENDING = 30
    NEWS_DISSEMINATION = 31
    NEWS_AND_RESUMPTION = 32
    LULD_PAUSE = 50
    INFORMATION_REQUESTED = 70


# ---------------------------------------------------------------- events of one day
QUOTE = np.dtype(
    [
        ("ts_recv", "i8"),
        ("ts_event", "i8"),
        ("bid", "i8"),  # UNDEF_PRICE on a side without orders
        ("ask", "i8"),
        ("bid_size", "u4"),  # shares
        ("ask_size", "u4"),
    ]
)
"""One row per change of the best bid or offer; only states after a record with F_LAST."""

TRADE = np.dtype(
    [
        ("ts_recv", "i8"),
        ("ts_event", "i8"),
        ("price", "i8"),
        ("size", "u4"),  # shares
        ("side", "i4"),  # +1 buyer initiated, -1 seller initiated, 0 unknown even after quote and tick rule
    ]
)


class HaltKind(IntEnum):
    """Why trading stood still."""

    UNKNOWN = 0
    LULD = 1
    NEWS = 2
    OTHER = 3


HALT = np.dtype([("start_ns", "i8"), ("end_ns", "i8"), ("kind", "i4"), ("inferred", "i4")])
"""One row per interval [start, end) without trading; end is the day's end if trading never resumed."""


class Daily(IntEnum):
    """Columns of daily bars (float64 dollars and shares), split-adjusted to the day they travel with."""

    OPEN = 0
    HIGH = 1
    LOW = 2
    CLOSE = 3
    VOLUME = 4


DAILY_BAR = np.dtype(
    [
        ("date", "i4"),  # yyyymmdd, New York
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "f8"),
    ]
)
"""A raw (unadjusted) daily bar as the provider gives it."""


class Bar(IntEnum):
    """Columns of `MarketDay.bars`, float64 [57600, len(Bar)]. Prices 0 until the first trade or quote of the day."""

    OPEN = 0  # first trade of the second; the last price carried forward where there was no trade
    HIGH = 1
    LOW = 2
    CLOSE = 3  # last trade, carried forward
    VOLUME = 4  # shares
    TRADES = 5  # count
    BUY_VOLUME = 6  # shares, buyer initiated
    SELL_VOLUME = 7
    NOTIONAL = 8  # sum of price * size, dollars
    LARGEST = 9  # largest single trade, shares
    BID = 10  # last valid two-sided, uncrossed book at the end of the second, carried forward
    ASK = 11
    BID_SIZE = 12  # shares
    ASK_SIZE = 13
    SPREAD_TW = 14  # time-weighted spread over the second, dollars
    QUOTES = 15  # count of book changes
    OFI = 16  # order-flow imbalance (Cont, Kukanov, Stoikov 2014), shares, summed over the second
    HAS_QUOTE = 17  # 1 once a two-sided book was seen today
    HAS_TRADE = 18  # 1 if this second had a trade
    HALTED = 19  # 1 if trading stood still at the end of the second


class Market(IntEnum):
    """Columns of `MarketDay.market`, float64 [57600, len(Market)]: what execution and marking need."""

    BID = 0  # as Bar.BID: the book to mark positions with, 0 before the first
    ASK = 1
    BID_SIZE = 2
    ASK_SIZE = 3
    CLOSE = 4  # as Bar.CLOSE
    QUOTE_AGE = 5  # seconds since the last book record; 1e9 before the first
    TRADABLE = 6  # 1 if the session is open and not halted
    REGULAR = 7  # 1 within regular trading hours
    SINCE_RESUME = 8  # seconds since the last halt ended; 1e9 if none today
    VOLUME_30S = 9  # shares traded in the last 30 s
    VOLUME_SCALE = 10  # V of the impact formula: max(average daily volume of 20 days, volume so far), shares
    SIGMA_DAILY = 11  # EWMA volatility of 1-minute returns * sqrt(390), clipped to [0.05, 3]
    LULD_LOW = 12  # 0 where no band applies
    LULD_HIGH = 13  # inf where no band applies
    HALT_KIND = 14  # HaltKind of the running or last halt as known, -1 before the first
    SINCE_HALT = 15  # seconds since the last halt began (reported: since that was learned); 1e9 if none today
    LIMIT_STATE = 16  # +1 bid at the upper band, -1 ask at the lower band, 0 otherwise
    SSR = 17  # 1 while short sales are restricted (Rule 201)


# ---------------------------------------------------------------- index of days
class ResetKind(IntEnum):
    """Pattern at a reset point."""

    RANDOM = 0
    HIGH_OF_DAY_BREAK = 1
    PREMARKET_HIGH_BREAK = 2
    FLUSH = 3
    CONSOLIDATION = 4
    VWAP_RECLAIM = 5
    VWAP_LOSS = 6
    HALT_RESUME = 7
    PARABOLIC_TOP = 8
    FIRST_PULLBACK = 9
    OPEN = 10


RESET_POINT = np.dtype(
    [
        ("second", "i4"),  # of the event; an episode starts before it
        ("kind", "i4"),
        ("roc", "f8"),  # signed 5-minute rate of change at the event
        ("activity", "f8"),  # [0, 1] volume against its 10-minute mean
        ("difficulty", "f8"),  # [0, 1]
        ("front", "i4"),  # 1 on the front side at the event: above VWAP and above the previous close
    ]
)
