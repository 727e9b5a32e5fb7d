"""VWAP features: a few trades by hand, whole days against pandas."""

from __future__ import annotations

import numpy as np
import pytest

from data.market_day import MarketDay
from feature.families.vwap import moments_nb, ratio_since_nb, sides_nb
from feature.registry import registered
from tests.support.made_day import OPEN_S, made_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day
from tests.support.slow_context import DAYS, pd, python_agrees, same, seconds

T = 21_600
NAMES = tuple(e.feature.name for e in registered() if e.feature.family == "vwap")


@pytest.fixture(scope="module")
def by_hand() -> MarketDay:
    """100 at $5 and 300 at $6 make a VWAP of 5.75, sd 0.433; the book then falls below it and comes back."""
    books = [(T, 4.99, 5.01), (T + 10, 5.99, 6.01), (T + 20, 5.70, 5.72), (T + 25, 5.73, 5.77), (T + 30, 5.76, 5.80)]
    trades = [(OPEN_S - 60.0, 5.0, 100, 1), (T + 10.5, 6.0, 300, 1)]
    return made_day([(t, bid, ask, 100, 100) for t, bid, ask in books], trades)


@pytest.mark.parametrize(
    ("name", "second", "expected"),
    [
        ("vwap_slope_60s", 10, 5.75 / 5 - 1),
        ("vwap_slope_60s", 69, 5.75 / 5 - 1),
        ("vwap_slope_60s", 70, 0.0),
        ("vwap_band", 9, 0.0),  # one price: the floor of the deviation
        ("vwap_band", 10, (6 - 5.75) / (0.25**2 * 0.75 + 0.75**2 * 0.25) ** 0.5),
        ("vwap_band", 20, (5.71 - 5.75) / 0.1875**0.5),
        ("vwap_cross", 9, 0.0),
        ("vwap_cross", 10, 0.0),  # the first side is no crossing
        ("vwap_cross", 20, -1.0),
        ("vwap_cross", 25, -600 / 605),  # bid below, ask above: still lost
        ("vwap_cross", 30, 1.0),
        ("vwap_cross", 630, 0.5),
        ("from_open_vwap", 9, np.nan),  # only a trade before the open
        ("from_open_vwap", 10, 0.0),
        ("from_open_vwap", 20, 5.71 / 6 - 1),
    ],
)
def test_by_hand(by_hand: MarketDay, name: str, second: int, expected: float) -> None:
    assert raw_feature(by_hand, name)[T + second] == pytest.approx(expected, nan_ok=True, abs=1e-12)


@DAYS
def test_slope_and_anchored_vwap_equal_pandas(day: MarketDay) -> None:
    s = seconds(day)
    vwap = s["notional"].cumsum() / s["volume"].cumsum()
    for window in (60, 600):
        same(raw_feature(day, f"vwap_slope_{window}s"), vwap.pct_change(window, fill_method=None), atol=1e-11)
    regular = s.loc[day.open_s :, ["notional", "volume"]].cumsum().reindex(s.index)
    same(raw_feature(day, "from_open_vwap"), s["mid"] / (regular["notional"] / regular["volume"]) - 1)


@DAYS
def test_band_equals_the_weighted_deviation(day: MarketDay) -> None:
    """Two passes over every second that has traded by then, at some rows."""
    s = seconds(day)
    ours = raw_feature(day, "vwap_band")
    for t in (30_000, 41_234, 57_599):
        known = s.iloc[: t + 1][lambda frame: frame["volume"] > 0]
        price, weight = known["notional"] / known["volume"], known["volume"]
        mean = np.average(price, weights=weight)
        sigma = np.average((price - mean) ** 2, weights=weight) ** 0.5
        assert sigma > 1e-3 * mean
        assert ours[t] == pytest.approx((s["mid"][t] - mean) / sigma, rel=1e-9)


@DAYS
def test_crossings_equal_pandas(day: MarketDay) -> None:
    s = seconds(day)
    vwap = s["notional"].cumsum() / s["volume"].cumsum()
    bid, ask = s["mid"] * (1 - s["spread"] / 2), s["mid"] * (1 + s["spread"] / 2)
    side = pd.Series(np.where(bid > vwap, 1.0, np.where(ask < vwap, -1.0, np.nan))).ffill()
    row = pd.Series(np.arange(len(s), dtype=float))
    since = row - row.where((side != side.shift()) & side.shift().notna()).ffill()
    same(raw_feature(day, "vwap_cross"), (side * 600 / (600 + since)).fillna(0.0))


def test_the_kernels_as_python() -> None:
    day = rich_day()
    s = {name: column.to_numpy() for name, column in seconds(day).items()}
    stop = 1_300
    vwap = s["notional"].cumsum() / np.maximum(s["volume"].cumsum(), 1)
    python_agrees(sides_nb, (s["mid"], s["spread"], vwap), (2, stop), stop)
    python_agrees(moments_nb, (s["notional"], s["volume"]), (3, stop), stop)
    totals = [np.concatenate([[0.0], s[name].cumsum()]) for name in ("notional", "volume")]
    python_agrees(ratio_since_nb, (*totals, 1_000.0), stop, stop)
    for name in NAMES:
        np.testing.assert_array_equal(python_rows(day, name, 30_000, 30_100), raw_feature(day, name)[30_000:30_100])
