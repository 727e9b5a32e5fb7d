"""Price tier, market value and float, known and unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.layout import Bar
from data.market_day import MarketDay
from feature.registry import registered
from tests.support.made_day import made_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day
from tests.support.slow_context import same, seconds

T = 21_600
NAMES = tuple(e.feature.name for e in registered() if e.feature.family == "reference")


@pytest.fixture(scope="module")
def by_hand() -> MarketDay:
    """20M shares at a previous close of $4, 5M of them in the float; 2,500 trade."""
    books = [(T + n, price - 0.001, price + 0.001, 1, 1) for n, price in enumerate((0.5, 1.0, 2.5, 7.0, 19.99, 500.0))]
    day = made_day(books, [(T + 2.5, 2.5, 2_500, 1)], previous_close=4.0)
    return replace(day, shares_outstanding=2e7, float_shares=5e6)


def test_tiers(by_hand: MarketDay) -> None:
    found = raw_feature(by_hand, "price_tier")
    assert np.isnan(found[T - 1])
    np.testing.assert_allclose(found[T : T + 6], [-1.0, -0.6, -0.2, 0.2, 0.6, 1.0])


@pytest.mark.parametrize(
    ("name", "known", "unknown"),
    [
        ("market_cap", np.log(0.8), np.nan),
        ("float_size", np.log(0.5), np.nan),
        ("float_turnover", 5e-4, np.inf),
        ("market_cap_known", 1.0, 0.0),
        ("float_known", 1.0, 0.0),
    ],
)
def test_known_and_unknown(by_hand: MarketDay, name: str, known: float, unknown: float) -> None:
    assert raw_feature(by_hand, name)[T + 2] == pytest.approx(known)
    bare = replace(by_hand, shares_outstanding=0.0, float_shares=0.0)
    assert raw_feature(bare, name)[T + 2] == pytest.approx(unknown, nan_ok=True)
    before = raw_feature(by_hand, name)[T - 1]
    assert np.isnan(before) or before == 0.0  # nothing is told before the first price


def test_one_may_be_known_without_the_other(by_hand: MarketDay) -> None:
    half = replace(by_hand, float_shares=0.0)
    assert raw_feature(half, "market_cap_known")[T] == 1 and raw_feature(half, "float_known")[T] == 0
    assert not np.isfinite(raw_feature(replace(by_hand, previous_close=0.0), "market_cap")).any()


def test_whole_day_equals_pandas() -> None:
    day = rich_day()
    s = seconds(day)
    priced = s["mid"].where(s["mid"].isna(), 1.0)
    tiers = np.digitize(s["mid"], [1, 2, 5, 10, 20]) / 2.5 - 1
    same(raw_feature(day, "price_tier"), priced * tiers)
    same(raw_feature(day, "market_cap"), priced * np.log(day.shares_outstanding * day.previous_close / 1e8))
    same(raw_feature(day, "float_size"), priced * np.log(day.float_shares / 1e7))
    same(raw_feature(day, "float_turnover"), day.bars[:, Bar.VOLUME].cumsum() / day.float_shares)
    for name in NAMES:
        ours = raw_feature(day, name)[30_000:30_100]
        np.testing.assert_allclose(python_rows(day, name, 30_000, 30_100), ours, rtol=1e-14)
