"""Small arrays of wire records by hand, and a seeded day that has everything a feed can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.layout import F_LAST, SECOND_NS, SECONDS, UNDEF_PRICE, WIRE_MBP1, WIRE_STATUS, WIRE_TRADE
from tests.support.made_day import start_of

Book = tuple[float | None, float | None, int, int]
"""(bid $, ask $, bid size, ask size); None is an empty side."""
Records = npt.NDArray[np.void]


def price(dollars: float | None) -> int:
    """1e-9 dollars, UNDEF_PRICE for None."""
    return UNDEF_PRICE if dollars is None else round(dollars * 1e9)


def mbp(start_ns: int, rows: Sequence[tuple[Any, ...]]) -> Records:
    """WIRE_MBP1 from rows of (second, action, book) or (second, "T", book, price, size, side); flags F_LAST.

    An action with a "-" behind it ("A-") leaves F_LAST out.
    """
    made = np.zeros(len(rows), WIRE_MBP1)
    for row, (second, action, book, *trade) in zip(made, rows, strict=True):
        row["rtype"], row["instrument_id"], row["publisher_id"] = 1, 1, 95
        row["ts_recv"] = start_ns + round(second * SECOND_NS)
        row["ts_event"] = row["ts_recv"] - 1000
        row["action"], row["side"], row["flags"] = action[0].encode(), b"N", 0 if action.endswith("-") else F_LAST
        bid, ask, bid_size, ask_size = book
        row["bid_px"], row["ask_px"], row["bid_sz"], row["ask_sz"] = price(bid), price(ask), bid_size, ask_size
        row["price"] = UNDEF_PRICE
        if trade:
            row["price"], row["size"], row["side"] = price(trade[0]), trade[1], trade[2].encode()
    return made


def status(start_ns: int, rows: Sequence[tuple[Any, ...]]) -> Records:
    """WIRE_STATUS from (second, action, reason) or (second, action, reason, short-sale flag); the exchange's time is
    5 ms earlier."""
    made = np.zeros(len(rows), WIRE_STATUS)
    for row, (second, action, reason, *flag) in zip(made, rows, strict=True):
        row["ts_recv"] = start_ns + round(second * SECOND_NS)
        row["ts_event"] = row["ts_recv"] - 5_000_000
        row["action"], row["reason"] = action, reason
        row["is_trading"] = row["is_quoting"] = row["is_short_sell_restricted"] = b"~"
        if flag:
            row["is_short_sell_restricted"] = flag[0].encode()
    return made


def trades_of(records: Records) -> Records:
    """The `trades` schema of mbp-1 records."""
    found = records[records["action"] == b"T"]
    made = np.zeros(len(found), WIRE_TRADE)
    for name in WIRE_TRADE.names or ():
        made[name] = found[name]
    return made


def busy_day(seed: int, start_ns: int, count: int = 20_000) -> Records:
    """Seeded mbp-1 records with all a feed can do: empty and crossed sides, clears, records without F_LAST, trades with
    and without a side, stamps that run backwards, bursts, repeated books and half an hour of silence after 11:00."""
    rng = np.random.default_rng(seed)
    made = np.zeros(count, WIRE_MBP1)
    bursts = np.sort(rng.uniform(0, SECONDS - 5, count // 10))
    times = np.sort(np.repeat(bursts, 10) + rng.exponential(0.3, count // 10 * 10))
    times = np.where((times > 25_200) & (times < 27_000), 25_200 + (times - 25_200) * 1e-3, times)
    stamps = start_ns + np.round(np.sort(times) * 1e9).astype("i8") - rng.integers(0, 50, count) ** 4
    made["ts_recv"] = np.maximum(stamps, start_ns)
    made["ts_event"] = made["ts_recv"] - rng.integers(0, 10**6, count).astype("u8")
    made["ts_event"][rng.random(count) < 0.001] = 2**64 - 1
    mid = np.cumsum(rng.integers(-2, 3, count)) % 400 + 300  # cents
    half = rng.integers(-1, 6, count)  # locked at 0, crossed at -1
    repeat = rng.random(count) < 0.3
    index = np.maximum.accumulate(np.where(repeat, 0, np.arange(count)))
    made["bid_px"], made["ask_px"] = (mid - half)[index] * 10**7, (mid + half)[index] * 10**7
    for side in ("bid", "ask"):
        made[f"{side}_sz"] = rng.integers(1, 40, count)[index] * 100
        empty = rng.random(count) < 0.01
        made[f"{side}_px"][empty], made[f"{side}_sz"][empty] = UNDEF_PRICE, 0
    kinds = rng.choice([b"A", b"C", b"M", b"T", b"R"], count, p=[0.3, 0.2, 0.2, 0.298, 0.002])
    made["action"] = kinds
    made["side"] = rng.choice([b"A", b"B", b"N"], count)
    made["flags"] = np.where(rng.random(count) < 0.9, F_LAST, 0)
    made["price"] = (mid + rng.integers(-3, 4, count)) * 10**7
    made["size"] = np.where(rng.random(count) < 0.01, 0, rng.integers(1, 900, count))
    return made


def python_of(kernel: Any) -> Any:
    """The uncompiled function behind a kernel."""
    return kernel.py_func


__all__ = ["Book", "Records", "busy_day", "mbp", "price", "python_of", "start_of", "status", "trades_of"]
