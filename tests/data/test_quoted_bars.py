"""Bars as mbp-1 records: what they hold, when it arrives, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data.layout import F_LAST, SECOND_NS, WIRE_MBP1
from data.quoted_bars import quoted_bars
from utils.errors import DataError

BAR_S = 60
START = 1_744_704_000 * SECOND_NS + np.arange(3) * BAR_S * SECOND_NS
PRICES = np.array([[5.0, 5.2, 4.9, 5.1], [5.1, 5.3, 5.0, 5.05], [0.5, 0.5, 0.5, 0.5]])
"""Rising, falling, still and below a dollar."""
VOLUME = np.array([403, 400, 2])


def records(start: Any = START, prices: Any = PRICES, volume: Any = VOLUME) -> np.ndarray:
    return quoted_bars(start, prices, volume, bar_s=BAR_S, spread_bps=40.0, shares=300.0)


def test_a_bar_is_four_trades_in_its_last_moment_and_then_a_quote() -> None:
    found = records()
    assert found.dtype == WIRE_MBP1
    trades = found[found["action"] == b"T"]
    assert (trades["price"] / 1e9).tolist() == [5.0, 4.9, 5.2, 5.1, 5.1, 5.3, 5.0, 5.05, 0.5]
    assert trades["size"].tolist() == [100, 100, 100, 103, 100, 100, 100, 100, 2]  # none of no shares
    assert found["ts_recv"].tolist() == np.repeat(START + BAR_S * SECOND_NS - 1, [5, 5, 2]).tolist()


def test_the_quote_lies_around_the_close_in_whole_ticks() -> None:
    found = records()
    quotes = found[found["action"] == b"A"]
    assert (quotes["flags"] == F_LAST).all() and set(quotes["bid_sz"]) == set(quotes["ask_sz"]) == {300}
    bid, ask, close = quotes["bid_px"], quotes["ask_px"], np.rint(PRICES[:, 3] * 1e9).astype(np.int64)
    assert ((bid <= close) & (close <= ask)).all()
    ticks = np.array([10_000_000, 10_000_000, 100_000])
    assert ((bid % ticks == 0) & (ask % ticks == 0)).all()
    assert ((ask - bid) // ticks).tolist() == [3, 3, 20]  # 40 basis points, rounded up


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (2, {"start": START[[0, 0, 2]]}),
        (3, {"start": START[[0, 1, 0]]}),
        (2, {"prices": PRICES[:, [0, 2, 1, 3]][[2, 1, 0]]}),
        (1, {"prices": PRICES * np.array([[np.nan], [1], [1]])}),
        (3, {"prices": PRICES * np.array([[1], [1], [0]])}),
        (2, {"volume": VOLUME * [1, -1, 1]}),
    ],
    ids=["overlap", "order", "high below low", "nan", "zero", "negative volume"],
)
def test_what_cannot_be_is_refused_by_the_number_of_its_bar(row: int, change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"bar {row} ") as caught:
        records(**change)
    assert caught.value.rule == "bars"
