"""Volume over the day: a few trades by hand, whole days against pandas and a histogram by numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.layout import MINUTES, Bar
from data.market_day import MarketDay
from feature.families.volume import profile_nb, usual_by_nb
from feature.frame import Frame
from feature.registry import registered
from tests.support.made_day import made_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day
from tests.support.slow_context import DAYS, python_agrees, same, seconds
from tests.support.wire import python_of

T = 21_600
NAMES = tuple(e.feature.name for e in registered() if e.feature.family == "volume")


@pytest.fixture(scope="module")
def by_hand() -> MarketDay:
    """400 shares at $5, then 300 at 5.50 and 300 at 6.00; the book ends at 5.50. 1,200 shares an hour are usual."""
    books = [(T, 4.99, 5.01), (T + 20, 5.99, 6.01), (T + 30, 5.49, 5.51), (T + 40, 3.99, 4.01)]
    trades = [(T + 1.5, 5.0, 400, -1), (T + 10.5, 5.5, 300, 1), (T + 20.5, 6.0, 300, 1), (T + 25.5, 6.0, 200, 0)]
    day = made_day([(t, bid, ask, 100, 100) for t, bid, ask in books], trades)
    return replace(day, clock_volume=np.arange(1, MINUTES + 1) * 20.0)


def log(price: float) -> float:
    return float(np.log(price))


POC = log(5.0)
"""Bins lie about the day's first trade."""
UPPER = log(5) + 0.005 * round((log(6) - log(5)) / 0.005)


@pytest.mark.parametrize(
    ("name", "second", "expected"),
    [
        ("from_point_of_control", 0, np.nan),
        ("from_point_of_control", 1, log(5) - POC),
        ("from_point_of_control", 20, log(6) - POC),  # 400 at 5, 300 at 6
        ("from_point_of_control", 25, log(6) - UPPER),  # 500 at 6
        ("from_point_of_control", 30, log(5.5) - UPPER),
        ("volume_above", 0, np.nan),
        ("volume_above", 1, 0.0),  # all of it in the bin of the price
        ("volume_above", 20, 2 * 150 / 1000 - 1),
        ("volume_above", 30, 2 * (500 + 150) / 1200 - 1),
        ("volume_above", 40, 1.0),
        ("delta_share", 1, -1.0),
        ("delta_share", 20, 0.2),
        ("delta_share", 30, 0.2),  # trades of unknown side say nothing
        ("volume_share_300s", 20, 1.0),
        ("volume_share_300s", 301, 800 / 1200),
        ("dollar_volume", 0, -np.inf),
        ("dollar_volume", 10, log(3650 / 1e6)),
        ("dollar_volume", 19, log(3650 / 1e6)),
        ("clock_volume_300s", 0, np.nan),
        ("clock_volume_300s", 1, log((400 + 10) / (100 + 10))),  # 20 shares a minute
        ("clock_volume_300s", 301, log((800 + 10) / (100 + 10))),
        ("clock_volume_300s", 1_000, log(10 / (100 + 10))),
    ],
)
def test_by_hand(by_hand: MarketDay, name: str, second: int, expected: float) -> None:
    assert raw_feature(by_hand, name)[T + second] == pytest.approx(expected, nan_ok=True, abs=1e-9)


@DAYS
def test_sums_equal_pandas(day: MarketDay) -> None:
    s = seconds(day)
    volume, traded = s["volume"].cumsum(), s["volume"].cumsum() > 0
    bought, sold = s["buy_volume"].cumsum(), s["sell_volume"].cumsum()
    same(raw_feature(day, "delta_share"), (bought - sold) / (bought + sold))
    recent = s["volume"].rolling(300, min_periods=1).sum()
    same(raw_feature(day, "volume_share_300s"), recent / volume)
    same(raw_feature(day, "dollar_volume"), np.log(s["notional"].cumsum().where(traded) / 1e6))
    ours = raw_feature(day, "clock_volume_300s")
    if day.clock_volume[-1] > 0:
        t = np.arange(1, len(s) + 1)
        ends = np.concatenate([[0.0], day.clock_volume])
        clock = [np.interp(np.maximum(at, 0) / 60, np.arange(MINUTES + 1), ends) for at in (t, t - 300)]
        little = 0.1 * day.clock_volume[-1] * 300 / 57_600
        same(ours, np.log((recent + little) / (clock[0] - clock[1] + little)).where(traded), rtol=1e-7)
    else:
        assert np.isnan(ours).all()


@DAYS
def test_profile_equals_a_histogram_made_anew(day: MarketDay) -> None:
    s = seconds(day)
    poc, above = raw_feature(day, "from_point_of_control"), raw_feature(day, "volume_above")
    trades = s[s["volume"] > 0]
    price, shares = np.log(trades["notional"] / trades["volume"]), trades["volume"]
    bins = np.floor((price - price.iloc[0]) / 0.005 + 0.5).astype(int)
    mid = np.log(s["mid"])
    for t in (int(trades.index[0]), 5_000, 20_000, 25_100, 43_210, 57_599):
        filled = shares.loc[:t].groupby(bins.loc[:t]).sum()
        mine = int(np.floor((mid[t] - price.iloc[0]) / 0.005 + 0.5))
        expected = filled[filled.index > mine].sum() + 0.5 * filled.get(mine, 0.0)
        assert above[t] == pytest.approx(2 * expected / filled.sum() - 1, abs=1e-12)
        fullest = round((mid[t] - poc[t] - price.iloc[0]) / 0.005)
        assert filled[fullest] == filled.max()
        assert poc[t] == pytest.approx(mid[t] - price.iloc[0] - 0.005 * fullest, abs=1e-12)


def test_profile_without_prices_and_beyond_its_bins() -> None:
    """NaN stays out; a price a thousand times higher counts in the last bin, and on the way back all is found again."""
    x = np.log([5.0, 5.0, np.nan, 5e5, 5.0, 5e-5])
    notional, volume = np.array([0.0, 500.0, np.nan, 5e7, 0.0, 0.0]), np.array([0.0, 100.0, np.nan, 100.0, 0.0, 0.0])
    for kernel in (profile_nb, python_of(profile_nb)):
        out = np.zeros((4, len(x) + 2_000))
        kernel(x, notional, volume, 0, len(x), out)
        np.testing.assert_array_equal(out[2, : len(x)], [0, 0, 0, 0, 100, 200])  # above
        np.testing.assert_array_equal(out[3, : len(x)], [0, 100, 100, 100, 100, 0])  # in the bin of the price
        np.testing.assert_allclose(out[0, 1 : len(x)], np.log(5.0))


def test_the_kernels_as_python() -> None:
    day, stop = rich_day(), 3_000
    inputs = (Frame(day).value("log_mid"), *(np.array(day.bars[:, column]) for column in (Bar.NOTIONAL, Bar.VOLUME)))
    python_agrees(profile_nb, inputs, (4, stop + 2_000), stop)
    clock = np.array([60.0, 180.0])
    for kernel in (usual_by_nb, python_of(usual_by_nb)):
        assert [kernel(clock, n) for n in (0, 1, 60, 90, 120)] == [0, 1, 60, 120, 180]
    for name in NAMES:
        ours = raw_feature(day, name)[30_000:30_100]
        np.testing.assert_allclose(python_rows(day, name, 30_000, 30_100), ours, rtol=1e-12)
