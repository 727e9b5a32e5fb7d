"""Landmarks of the session: a few trades by hand, whole days against pandas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.layout import Daily
from data.market_day import MarketDay
from feature.families.session import extreme_within_nb, first_price_nb, moved_nb, row_of_change_nb, usual_range_nb
from feature.registry import registered
from tests.support.made_day import OPEN_S, made_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day
from tests.support.slow_context import DAYS, python_agrees, same, seconds, sessions

NAMES = tuple(e.feature.name for e in registered() if e.feature.family == "session")


@pytest.fixture(scope="module")
def by_hand() -> MarketDay:
    """Premarket 4.50 to 5.00, open at 5.20, first five minutes 5.00 to 5.40, a new high of 6.00 after 16 minutes."""
    trades = [(100.0, 4.5, 100, 1), (200.0, 5.0, 100, 1), (19_799.9, 4.8, 100, 1), (OPEN_S + 2.0, 5.2, 100, 1)]
    trades += [(OPEN_S + 100.0, 5.4, 100, 1), (OPEN_S + 299.9, 5.0, 100, -1), (OPEN_S + 300.0, 5.6, 100, 1)]
    trades += [(OPEN_S + 960.0, 6.0, 100, 1)]
    day = made_day([], trades, previous_close=4.0)
    daily = day.daily.copy()
    daily[-5:, [Daily.HIGH, Daily.LOW]] = [[5.0, 4.0], [4.4, 4.0], [4.2, 4.0], [0.0, 0.0], [4.4, 4.0]]
    return replace(day, daily=daily)


USUAL = (0.25 + 0.10 + 0.05 + 0.10) / 4


@pytest.mark.parametrize(
    ("name", "second", "expected"),
    [
        ("from_premarket_high", 99, np.nan),
        ("from_premarket_high", 150, 0.0),  # the high as it is so far
        ("from_premarket_high", 200, 0.0),
        ("from_premarket_high", OPEN_S - 1, 4.8 / 5 - 1),
        ("from_premarket_high", OPEN_S + 960, 6 / 5 - 1),  # stays 5.00
        ("from_premarket_low", OPEN_S + 960, 6 / 4.5 - 1),
        ("from_open", OPEN_S + 1, np.nan),
        ("from_open", OPEN_S + 100, 5.4 / 5.2 - 1),
        ("open_gap", OPEN_S + 1, np.nan),
        ("open_gap", OPEN_S + 2, 0.3),
        ("open_gap", 57_599, 0.3),
        ("opening_range_300s", OPEN_S + 298, np.nan),  # the last second is still to come
        ("opening_range_300s", OPEN_S + 299, -1.0),
        ("opening_range_300s", OPEN_S + 300, 2.0),
        ("opening_range_900s", OPEN_S + 898, np.nan),
        ("opening_range_900s", OPEN_S + 899, 1.0),
        ("opening_range_900s", OPEN_S + 960, 2 * 1.0 / 0.6 - 1),
        ("range_used", 99, np.nan),
        ("range_used", 200, (5 / 4.5 - 1) / USUAL),
        ("since_high", 99, 0.0),
        ("since_high", 100, 1.0),
        ("since_high", OPEN_S, 1800 / (1800 + OPEN_S - 200)),
        ("since_high", OPEN_S + 960, 1.0),
        ("since_low", 1_900, 0.5),
        ("new_highs_900s", 100, 0.0),
        ("new_highs_900s", 200, 1.0),
        ("new_highs_900s", OPEN_S + 300, 3.0),
        ("new_highs_900s", OPEN_S + 999, 3.0),  # 5.40, 5.60, 6.00: that at the open has left the window
        ("new_highs_900s", OPEN_S + 1_000, 2.0),
    ],
)
def test_by_hand(by_hand: MarketDay, name: str, second: int, expected: float) -> None:
    assert raw_feature(by_hand, name)[second] == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_no_trade_in_the_range_is_no_range() -> None:
    day = made_day([(100, 4.9, 5.1, 1, 1)], [(100.0, 5.0, 100, 1), (OPEN_S + 301.0, 5.2, 100, 1)])
    assert np.isnan(raw_feature(day, "opening_range_300s")).all()
    assert raw_feature(day, "from_open")[OPEN_S + 301] == pytest.approx(5.0 / 5.2 - 1)


@DAYS
def test_landmarks_equal_pandas(day: MarketDay) -> None:
    s, first = seconds(day), day.open_s
    traded = s[["open", "high", "low"]].where(s["has_trade"] > 0)
    early = traded[:first].reindex(s.index)
    same(raw_feature(day, "from_premarket_high"), s["mid"] / early["high"].cummax().ffill() - 1)
    same(raw_feature(day, "from_premarket_low"), s["mid"] / early["low"].cummin().ffill() - 1)
    opening = traded["open"][first:].dropna()
    known = s["mid"].where(s.index >= opening.index[0])
    same(raw_feature(day, "from_open"), known / opening.iloc[0] - 1)
    if day.previous_close > 0:
        same(raw_feature(day, "open_gap"), known * 0 + opening.iloc[0] / day.previous_close - 1)
    else:
        assert not np.isfinite(raw_feature(day, "open_gap")).any()
    for length in (300, 900):
        window = traded[first : first + length]
        high, low = window["high"].max(), window["low"].min()
        position = (2 * (s["mid"] - low) / (high - low) - 1).where(s.index >= first + length - 1)
        same(raw_feature(day, f"opening_range_{length}s"), position, rtol=1e-7)


@DAYS
def test_extremes_of_the_day_equal_pandas(day: MarketDay) -> None:
    s, daily = seconds(day), sessions(day)
    high, low = s["high"].cummax(), s["low"].cummin()
    usual = (daily["high"] / daily["low"] - 1)[-20:].mean()
    if usual > 0:
        same(raw_feature(day, "range_used"), (high / low - 1) / usual)
    for name, extreme in (("high", high), ("low", low)):
        row = s.index.to_series().where(extreme.ne(extreme.shift()) & extreme.notna()).ffill()
        same(raw_feature(day, f"since_{name}"), (1800 / (1800 + s.index - row)).fillna(0))
    raised = (high > high.shift()).astype(float)
    same(raw_feature(day, "new_highs_900s"), raised.rolling(900, min_periods=1).sum())


def test_the_kernels_as_python() -> None:
    day, stop = rich_day(), 1_400
    s = {name: column.to_numpy() for name, column in seconds(day).items()}
    python_agrees(extreme_within_nb, (s["high"], s["has_trade"], 950, 200, 1.0), stop, stop)
    python_agrees(extreme_within_nb, (s["low"], s["has_trade"], 950, 200, -1.0), stop, stop)
    python_agrees(first_price_nb, (s["open"], s["has_trade"], 950.0), stop, stop)
    python_agrees(row_of_change_nb, (s["close"],), stop, stop)
    python_agrees(moved_nb, (s["close"],), stop, stop)
    known = day.daily[4:]  # where nothing is, Python cannot divide
    python_agrees(usual_range_nb, (known[:, Daily.HIGH], known[:, Daily.LOW], 20), len(known), len(known))
    for name in NAMES:
        np.testing.assert_array_equal(python_rows(day, name, 30_000, 30_100), raw_feature(day, name)[30_000:30_100])
