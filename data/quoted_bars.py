"""Bars as mbp-1 records, for data that has nothing finer: trades at the bar's prices, then a quote that is made up.

What a bar tells is known when it is over: all of it arrives in its last second, in the order open, low, high, close
(open, high, low, close if it fell) with a quarter of its shares each. Which price came first nobody knows, so nothing
within a bar should be learnt from. Then comes a quote around the close, with a spread and sizes that the user declares:
what a backtest on it says about costs is no better than they are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data.dbn_header import RTYPES
from data.layout import F_LAST, PRICE_SCALE, SECOND_NS, UNDEF_PRICE, WIRE_MBP1
from data.minute_bars import TRADE_ACTION
from utils.errors import DataError

PUBLISHER = 1
TRADES = 4
"""Of a bar: open, the two extremes, close."""
_TICK, _FINE_TICK = 10_000_000, 100_000
"""A cent, and a hundredth of one for prices below a dollar."""


def quoted_bars(
    start_ns: npt.NDArray[np.int64],
    prices: npt.NDArray[np.float64],
    volume: npt.NDArray[np.int64],
    *,
    bar_s: float,
    spread_bps: float,
    shares: float,
) -> npt.NDArray[np.void]:
    """WIRE_MBP1 of bars in order of time.

    start_ns: [n] UTC; prices: [n, 4] dollars, open high low close; volume: [n] shares; bar_s: length of a bar, seconds;
    spread_bps: of the close, rounded up to whole ticks; shares: on either side of the quote. Raises DataError `bars`
    with the number of the first bar that cannot be.
    """
    _check(start_ns, prices, volume, bar_s)
    fixed = np.round(prices / PRICE_SCALE).astype(np.int64)
    out = np.zeros((len(start_ns), TRADES + 1), WIRE_MBP1)
    out["length"], out["rtype"], out["publisher_id"] = WIRE_MBP1.itemsize // 4, RTYPES["mbp-1"], PUBLISHER
    out["ts_event"] = (start_ns + round(bar_s * SECOND_NS) - 1)[:, None]
    out["ts_recv"] = out["ts_event"]
    out["bid_px"], out["ask_px"], out["side"] = UNDEF_PRICE, UNDEF_PRICE, b"N"
    trades, quotes = out[:, :TRADES], out[:, TRADES]
    rising = fixed[:, 3] >= fixed[:, 0]
    first, second = np.where(rising, fixed[:, 2], fixed[:, 1]), np.where(rising, fixed[:, 1], fixed[:, 2])
    trades["action"] = TRADE_ACTION
    trades["price"] = np.column_stack([fixed[:, 0], first, second, fixed[:, 3]])
    trades["size"] = (volume // TRADES)[:, None]
    trades["size"][:, -1] += (volume % TRADES).astype(np.uint32)
    quotes["action"], quotes["flags"] = b"A", F_LAST
    quotes["bid_px"], quotes["ask_px"] = _quote(fixed[:, 3], spread_bps)
    quotes["bid_sz"] = quotes["ask_sz"] = round(shares)
    flat = out.reshape(-1)
    return flat[(flat["action"] != TRADE_ACTION) | (flat["size"] > 0)]


def _quote(close: npt.NDArray[np.int64], spread_bps: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(bid, ask) in whole ticks, the close between them or on one of them."""
    tick = np.where(close >= round(1 / PRICE_SCALE), _TICK, _FINE_TICK)
    ticks = np.maximum(1, np.ceil(close * spread_bps * 1e-4 / tick)).astype(np.int64)
    bid = np.maximum((2 * close - ticks * tick) // (2 * tick), 1) * tick
    return bid, bid + ticks * tick


def _check(
    start_ns: npt.NDArray[np.int64], prices: npt.NDArray[np.float64], volume: npt.NDArray[np.int64], bar_s: float
) -> None:
    opens, highs, lows, closes = prices.T
    sound = (lows > 0) & (lows <= np.minimum(opens, closes)) & (highs >= np.maximum(opens, closes)) & (volume >= 0)
    sound &= np.isfinite(prices).all(axis=1)
    sound[1:] &= np.diff(start_ns) >= round(bar_s * SECOND_NS)
    if not sound.all():
        raise DataError(
            f"bar {int(np.argmin(sound)) + 1} is out of order, overlaps, or its prices contradict each other",
            rule="bars",
            fix="give low <= open, close <= high, no negative volume, and times that rise by a bar's length or more",
        )
