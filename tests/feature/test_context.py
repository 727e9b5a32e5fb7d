"""Previous sessions as levels and habits: sessions by hand, random ones against pandas and a plain search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.layout import DAILY_ROWS, Daily
from data.market_day import MarketDay
from feature.families.context import gap_outcome_nb, levels_nb
from feature.registry import registered
from tests.support.made_day import made_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day
from tests.support.slow_context import pd, python_agrees, same, seconds, sessions

T = 21_600
NAMES = tuple(e.feature.name for e in registered() if e.feature.family == "context")


@pytest.fixture(scope="module")
def by_hand() -> MarketDay:
    """Four sessions: a gap of 25 % that closes up, one of 15 % that closes down, one of 5 %. Mid 5.00, then 9.00."""
    day = made_day([(T, 4.99, 5.01, 1, 1), (T + 1, 8.99, 9.01, 1, 1), (T + 2, 2.99, 3.01, 1, 1)])
    daily = np.zeros((DAILY_ROWS, len(Daily)))
    daily[-4:] = [
        [4.0, 4.2, 3.8, 4.0, 1e6],
        [5.0, 6.5, 4.8, 6.0, 1e6],
        [6.9, 8.0, 5.5, 5.8, 1e6],
        [6.1, 6.2, 4.4, 4.6, 1e6],
    ]
    return replace(day, daily=daily)


def near(level: float, mid: float) -> float:
    return 0.02 / (0.02 + abs(np.log(level / mid)))


@pytest.mark.parametrize(
    ("name", "second", "expected"),
    [
        ("from_previous_high", -1, np.nan),
        ("from_previous_high", 0, 5 / 6.2 - 1),
        ("from_month_high", 1, 9 / 8 - 1),
        ("previous_range_position", 0, 2 * (5 - 4.4) / (6.2 - 4.4) - 1),
        ("month_range_position", 1, 2 * (9 - 3.8) / (8 - 3.8) - 1),
        ("near_resistance", 0, near(5.5, 5)),
        ("near_support", 0, near(4.8, 5)),
        ("near_resistance", 1, 0.0),  # nothing above
        ("near_support", 1, near(8, 9)),
        ("near_resistance", 2, near(3.8, 3)),
        ("near_support", 2, 0.0),
        ("gap_outcome", -1, np.nan),
        ("gap_outcome", 0, 0.0),  # one each way
    ],
)
def test_by_hand(by_hand: MarketDay, name: str, second: int, expected: float) -> None:
    assert raw_feature(by_hand, name)[T + second] == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_gaps_are_counted_by_what_became_of_them(by_hand: MarketDay) -> None:
    daily = by_hand.daily.copy()
    daily[-2, Daily.CLOSE] = 7.0
    assert raw_feature(replace(by_hand, daily=daily), "gap_outcome")[T] == pytest.approx(2 / 3)
    daily[-3:-1, Daily.CLOSE] = 4.9, 6.0
    assert raw_feature(replace(by_hand, daily=daily), "gap_outcome")[T] == pytest.approx(-2 / 3)
    assert raw_feature(replace(by_hand, daily=np.zeros_like(daily)), "gap_outcome")[T] == 0.0


def test_daily_bars_by_hand(by_hand: MarketDay) -> None:
    ranges = [0.4, 6.5 - 4.0, 8.0 - 5.5, 6.2 - 4.4]  # the second opened above the close before it, which counts
    expected = [np.mean(ranges[: n + 1]) / close for n, close in enumerate((4.0, 6.0, 5.8, 4.6))]
    np.testing.assert_allclose(raw_feature(by_hand, "daily_atr")[-4:], expected)
    assert np.isnan(raw_feature(by_hand, "daily_atr")[:-4]).all()
    place = [0.0, 2 * (6 - 3.8) / (6.5 - 3.8) - 1, 2 * (5.8 - 3.8) / 4.2 - 1, 2 * (4.6 - 3.8) / 4.2 - 1]
    np.testing.assert_allclose(raw_feature(by_hand, "daily_month_position")[-4:], place, atol=1e-12)


def test_no_sessions_say_nothing(by_hand: MarketDay) -> None:
    bare = replace(by_hand, daily=np.zeros_like(by_hand.daily))
    for name in NAMES:
        found = raw_feature(bare, name)
        assert not found[np.isfinite(found)].any(), name


def test_distances_equal_pandas() -> None:
    day = rich_day()
    s, daily = seconds(day), sessions(day)
    last, month = daily.iloc[-1], daily[-20:]
    same(raw_feature(day, "from_previous_high"), s["mid"] / last["high"] - 1)
    same(raw_feature(day, "from_month_high"), s["mid"] / month["high"].max() - 1)
    for name, low, high in (
        ("previous", last["low"], last["high"]),
        ("month", month["low"].min(), month["high"].max()),
    ):
        same(raw_feature(day, f"{name}_range_position"), 2 * (s["mid"] - low) / (high - low) - 1, rtol=1e-7)


def test_nearest_levels_equal_a_search() -> None:
    day = rich_day()
    levels = np.log(sessions(day)[["high", "low"]].stack().to_numpy())
    above, below = (raw_feature(day, f"near_{name}") for name in ("resistance", "support"))
    log_mid = np.log(seconds(day)["mid"].to_numpy())
    assert np.isnan(above[:800]).all()
    for t in range(1_000, len(log_mid), 97):
        away = levels - log_mid[t]
        up, down = away[away > 0].min(initial=np.inf), -away[away <= 0].max(initial=-np.inf)
        assert above[t] == pytest.approx(0.02 / (0.02 + up)) and below[t] == pytest.approx(0.02 / (0.02 + down))


def test_sessions_equal_pandas() -> None:
    day = rich_day()
    d = sessions(day)
    before = d["close"].shift()
    true_range = np.fmax(d["high"], before) - np.fmin(d["low"], before)
    same(raw_feature(day, "daily_atr"), true_range.rolling(14, min_periods=1).mean() / d["close"])
    high, low = d["high"].rolling(20, min_periods=1).max(), d["low"].rolling(20, min_periods=1).min()
    same(raw_feature(day, "daily_month_position"), 2 * (d["close"] - low) / (high - low) - 1)
    out = np.zeros(DAILY_ROWS)
    gap_outcome_nb(day.daily[:, Daily.OPEN], day.daily[:, Daily.CLOSE], 0.02, 0, DAILY_ROWS, out)
    gaps = d[d["open"] >= 1.02 * before]
    assert len(gaps) >= 5
    outcome = pd.Series(np.sign(gaps["close"] - gaps["open"])).sum() / (len(gaps) + 1)
    assert out[-1] == pytest.approx(outcome)


def test_the_kernels_as_python() -> None:
    day = rich_day()
    columns = [np.array(day.daily[:, column]) for column in Daily]
    python_agrees(levels_nb, (columns[Daily.HIGH], columns[Daily.LOW]), 2 * DAILY_ROWS, DAILY_ROWS)
    python_agrees(gap_outcome_nb, (columns[Daily.OPEN], columns[Daily.CLOSE], 0.02), DAILY_ROWS, DAILY_ROWS)
    for name in NAMES:
        first = 20 if name.startswith("daily") else 30_000
        ours = raw_feature(day, name)[first : first + 10]
        np.testing.assert_allclose(python_rows(day, name, first, first + 10), ours, rtol=1e-14)
