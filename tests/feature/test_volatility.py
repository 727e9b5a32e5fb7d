"""Jumps, trends and one-sided movement: paths by hand, whole days against pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from data.layout import SECONDS, Bar
from data.market_day import MarketDay
from feature.registry import registered
from tests.support.made_day import Quote, made_day, random_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day

pd: Any = pandas
T = 21_600
"""10:00 New York."""
ADDED = ("return_2s", "return_120s", "volatility_10s", "volatility_300s")
NAMES = (*(e.feature.name for e in registered() if e.feature.family == "volatility"), *ADDED)


def path(*mids: float, every_s: int = 1) -> MarketDay:
    """Books of one cent around the mids, from T on; the last one stands."""
    books: list[Quote] = [(T + every_s * i, m - 0.005, m + 0.005, 100, 100) for i, m in enumerate(mids)]
    return made_day(books, [(T + 0.5, mids[0], 100, 1)])


def at(day: MarketDay, name: str, second: int) -> float:
    row = T + second
    compiled, plain = raw_feature(day, name)[row], python_rows(day, name, row, row + 1)[0]
    assert compiled == pytest.approx(plain, rel=1e-12, nan_ok=True)
    return float(compiled)


def test_a_jump_is_all_jump() -> None:
    """Five dollars, then 5.50 at once: no two strides in a row move."""
    day = path(*[5.0] * 20, 5.5)
    assert at(day, "jump_share_300s", 60) == pytest.approx(1.0)
    assert at(day, "autocorrelation_300s", 60) == pytest.approx(0.0)
    assert at(day, "upside_900s", 60) == pytest.approx(1.0)
    move = np.log(5.5 / 5.0)
    assert at(day, "efficiency_60s", 60) == pytest.approx(move / (move + 0.01 / 5.5))
    sigma = move * np.sqrt(0.5 ** (30 / 300) * (1 - 0.5 ** (1 / 300)))
    assert at(day, "signed_jump_30s", 20) == pytest.approx(move / (sigma / np.sqrt(0.5 ** (30 / 300))))
    assert at(day, "signed_jump_30s", 50) == 0.0
    assert at(day, "volatility_300s", 60) == pytest.approx(1e4 * move / np.sqrt(300))


def test_a_steady_rise_is_no_jump() -> None:
    day = path(*(5.0 * np.exp(0.001 * np.arange(1200))))
    assert at(day, "jump_share_300s", 1000) == 0.0
    assert at(day, "autocorrelation_300s", 1000) == pytest.approx(1.0)
    assert at(day, "upside_900s", 1000) == pytest.approx(1.0)
    assert at(day, "acceleration_30s", 1000) == pytest.approx(0.0, abs=1e-7)
    assert at(day, "return_120s", 1000) == pytest.approx(np.sqrt(120 / (1 - 0.5 ** (1000 / 300))))
    assert at(day, "efficiency_300s", 1000) > 0.98


def test_there_and_back() -> None:
    """Five seconds up, five down: strides alternate, nothing is gained."""
    ten = np.concatenate([np.arange(5), np.arange(5, 0, -1)])
    day = path(*(5.0 * np.exp(0.001 * np.tile(ten, 60))))
    assert at(day, "autocorrelation_300s", 500) == pytest.approx(-1.0, abs=0.01)
    assert at(day, "efficiency_300s", 500) == pytest.approx(0.0, abs=0.01)
    assert abs(at(day, "upside_900s", 500)) < 0.01
    turn = at(day, "acceleration_5s", 500 + 9)  # rose for five seconds, then fell
    assert turn < at(day, "acceleration_5s", 500 + 4)


def test_one_tick_in_a_silence_says_little() -> None:
    day = path(*[5.0] * 20, 5.005)
    for name in ("jump_share_300s", "autocorrelation_300s", "upside_900s"):
        assert abs(at(day, name, 200)) < 0.15, name
    assert abs(at(day, "efficiency_300s", 200)) < 0.4


def test_range_of_the_trades() -> None:
    trades = [(T + 0.5, 5.00, 100, 1), (T + 10.5, 5.10, 100, 1), (T + 11.5, 4.90, 100, -1)]
    day = made_day([(T + 0.0, 4.99, 5.01, 100, 100)], trades)
    expected = 1e4 * np.log(5.10 / 4.90) / np.sqrt(4 * np.log(2) * 60)
    assert at(day, "parkinson_60s", 11) == pytest.approx(expected)
    assert at(day, "parkinson_60s", 69) == pytest.approx(expected)
    assert at(day, "parkinson_60s", 71) == 0.0
    assert np.isnan(at(day, "parkinson_60s", -1))


def expected(day: MarketDay) -> dict[str, Any]:
    """The same formulas with pandas; no book of these days is a stub, none is missing once there was a trade."""
    s = pd.DataFrame(day.bars, columns=[column.name.lower() for column in Bar])
    mid = ((s["bid"] + s["ask"]) / 2).where(s["has_quote"] > 0, s["close"]).where(lambda x: x > 0)
    price = np.log(mid)
    spread = ((s["ask"] - s["bid"]) / mid).where(s["has_quote"] > 0, 0.0)
    move, stride = price.diff().fillna(0.0), price.diff(5).fillna(0.0)
    least = np.maximum(0.5e-4, 0.1 * spread)
    sigma = np.maximum(np.sqrt((move**2).ewm(halflife=300, adjust=False).mean()), least)
    product = (stride * stride.shift(5)).fillna(0.0)
    squares = np.maximum(_sums(stride**2, 300), 1500 * least**2)
    up, both = _sums(move.clip(lower=0) ** 2, 900), _sums(move**2, 900)
    most = move.rolling(30, min_periods=1)
    high, low = (s[c].where(s[c] > 0).rolling(60, min_periods=1) for c in ("high", "low"))
    out: dict[str, Any] = {
        "jump_share_300s": (_sums(stride**2, 300) - np.pi / 2 * _sums(product.abs(), 300)).clip(lower=0) / squares,
        "autocorrelation_300s": (_sums(product, 300) / squares).clip(-1, 1),
        "upside_900s": (2 * up - both) / np.maximum(both, 900 * least**2),
        "signed_jump_30s": (most.max().clip(lower=0) + most.min().clip(upper=0)) / sigma,
        "parkinson_60s": 1e4 * np.log(high.max() / low.min()) / np.sqrt(4 * np.log(2) * 60),
    }
    for n in (60, 300):
        out[f"efficiency_{n}s"] = _sums(move, n) / (_sums(move.abs(), n) + spread)
    for n in (5, 30):
        out[f"acceleration_{n}s"] = (price.diff(n) - price.shift(n).diff(n)) / (sigma * np.sqrt(2 * n))
    for n in (2, 120):
        out[f"return_{n}s"] = price.diff(n) / (sigma * np.sqrt(n))
    for n in (10, 300):
        out[f"volatility_{n}s"] = 1e4 * np.sqrt(_sums(move**2, n) / np.minimum(np.arange(SECONDS) + 1, n))
    return out


def _sums(x: Any, window: int) -> Any:
    """Each window summed by itself: pandas' running sums of tiny squares lose digits."""
    padded = np.concatenate([np.zeros(window - 1), x.to_numpy()])
    return pd.Series(np.lib.stride_tricks.sliding_window_view(padded, window).sum(axis=1))


@pytest.mark.parametrize("day", [rich_day(), random_day(11, quote_every_s=40.0)], ids=["rich", "sparse"])
def test_whole_days_equal_pandas(day: MarketDay) -> None:
    oracle = expected(day)
    assert set(oracle) == set(NAMES)
    for name in NAMES:
        ours, theirs = raw_feature(day, name), oracle[name].to_numpy()
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(np.nan_to_num(ours), np.nan_to_num(theirs), atol=1e-6, err_msg=name)
        assert np.nanstd(ours) > 0.0
