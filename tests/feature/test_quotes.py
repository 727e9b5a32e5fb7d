"""The features of a moving book: a few books by hand, whole days against pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from data.layout import Bar
from data.market_day import MarketDay
from feature.registry import registered
from tests.support.made_day import made_day, random_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day

pd: Any = pandas
T = 21_600
"""10:00 New York."""
NAMES = tuple(e.feature.name for e in registered() if e.feature.family == "quotes")


@pytest.fixture(scope="module")
def day() -> MarketDay:
    """Sizes turn over and back, the spread halves around the same mid, then the mid moves with a trade."""
    quotes = [
        (T + 0.0, 5.00, 5.04, 300, 100),
        (T + 1.0, 5.00, 5.04, 100, 300),
        (T + 1.5, 5.00, 5.04, 200, 200),
        (T + 3.0, 5.01, 5.03, 300, 100),
        (T + 4.0, 5.02, 5.04, 500, 100),
    ]
    return made_day(quotes, [(T + 4.5, 5.04, 100, 1)])


@pytest.mark.parametrize(
    ("name", "second", "expected"),
    [
        # half the lean 0.5 of a spread of 0.02, in sigmas of a tenth of that spread
        ("microprice_change_2s", 3, 2.5 / np.sqrt(2)),
        ("microprice_change_2s", 1, np.nan),
        ("spread_position_60s", -1, np.nan),
        ("spread_position_60s", 1, np.nan),  # it has not changed yet
        ("spread_position_60s", 3, -1.0),
        ("spread_position_60s", 70, np.nan),
        ("quote_flicker_30s", 3, 1.0),
        ("quote_flicker_30s", 4, 4 / 5),
        ("quote_flicker_30s", 60, np.nan),
        ("queue_imbalance_10s", 3, (0.5 + 0 + 0 + 0.5) / 4),
        ("queue_imbalance_60s", 4, (0.5 + 0 + 0 + 0.5 + 400 / 600) / 5),
        ("queue_imbalance_10s", -1, np.nan),
        ("bid_depth_change_10s", 9, np.nan),
        ("bid_depth_change_10s", 10, 200 / ((4 * 200 + 7 * 300) / 11)),
        ("ask_depth_change_10s", 10, 0.0),
        ("ask_depth_change_10s", 11, -100 / ((4 * 200 + 8 * 300) / 12)),
        ("quotes_per_trade_60s", 3, 4.0),
        ("quotes_per_trade_60s", 4, 2.5),
        ("quotes_per_trade_60s", 100, 0.0),
    ],
)
def test_by_hand(day: MarketDay, name: str, second: int, expected: float) -> None:
    row = T + second
    assert raw_feature(day, name)[row] == pytest.approx(expected, rel=1e-9, nan_ok=True)
    if np.isfinite(expected):  # plain Python refuses to divide by nothing
        assert python_rows(day, name, row, row + 1)[0] == pytest.approx(expected, rel=1e-9)


def test_stub_quotes_do_not_lean() -> None:
    """A book of 1 x 9 with a trade at 5 has no microprice worth following."""
    quotes = [(T + 0.0, 1.0, 9.0, 100, 100), (T + 3.0, 1.0, 9.0, 900, 100)]
    day = made_day(quotes, [(T + 0.5, 5.0, 100, 1)])
    assert raw_feature(day, "microprice_change_2s")[T + 3] == 0.0


def expected(day: MarketDay) -> dict[str, Any]:
    """The same formulas with pandas; no book of these days is a stub."""
    s = pd.DataFrame(day.bars, columns=[column.name.lower() for column in Bar])
    known = s["has_quote"] > 0
    mid = ((s["bid"] + s["ask"]) / 2).where(known)
    cents = (100 * (s["ask"] - s["bid"])).round(6).where(known)
    spread = (s["ask"] - s["bid"]) / mid
    lean = ((s["bid_size"] - s["ask_size"]) / (s["bid_size"] + s["ask_size"])).where(known)
    move = np.log(mid).diff().fillna(0.0)
    sigma = np.sqrt((move**2).ewm(halflife=300, adjust=False).mean()).clip(lower=0.5e-4)
    sigma = np.maximum(sigma, 0.1 * spread)
    micro = np.log(mid) + 0.5 * spread * lean
    low, high = (getattr(cents.rolling(60, min_periods=1), which)() for which in ("min", "max"))
    usual = ((s["bid_size"] + s["ask_size"]) / 2).where(known).rolling(300, min_periods=1).mean()
    add = lambda x, w: x.rolling(w, min_periods=1).sum()  # noqa: E731
    quotes = s["quotes"]
    sizes = {side: s[f"{side}_size"].where(known) for side in ("bid", "ask")}
    return {
        "microprice_change_2s": micro.diff(2) / (sigma * np.sqrt(2)),
        "spread_position_60s": (2 * (cents - low) / (high - low) - 1).where(high > low),
        "quote_flicker_30s": add(quotes.where(move.abs() < 1e-9, 0.0), 30) / add(quotes, 30),
        **{f"queue_imbalance_{w}s": lean.rolling(w, min_periods=1).mean() for w in (10, 60)},
        **{f"{side}_depth_change_10s": size.diff(10) / usual for side, size in sizes.items()},
        "quotes_per_trade_60s": add(quotes, 60) / (add(s["trades"], 60) + 1),
    }


@pytest.mark.parametrize("day", [rich_day(), random_day(11, quote_every_s=40.0)], ids=["rich", "sparse"])
def test_whole_days_equal_pandas(day: MarketDay) -> None:
    oracle = expected(day)
    assert set(oracle) == set(NAMES)
    for name in NAMES:
        ours, theirs = raw_feature(day, name), oracle[name].to_numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6, err_msg=name)
        assert np.nanstd(ours) > 0.0
