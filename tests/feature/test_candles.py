"""5-minute candles against pandas, from the seconds; the parts of indicators by hand; kernels without the compiler."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas
import pytest

from data.layout import MINUTES, Bar
from data.market_day import MarketDay
from feature.candle_series import CANDLE, Candle, known_nb, wilder_nb
from feature.frame import Frame
from feature.inputs import find_operator
from feature.registry import registered
from tests.support.made_day import made_day, random_day
from tests.support.minute_days import Floats, real_day, values
from tests.support.raw_features import raw_feature as raw
from tests.support.rich_day import rich_day
from tests.support.wire import python_of

pd: Any = pandas


@pytest.fixture(scope="module", params=["rich", "sparse", "GME"])
def day(request: pytest.FixtureRequest) -> MarketDay:
    match request.param:
        case "rich":
            return rich_day()
        case "sparse":
            return random_day(11, quote_every_s=100.0, price=0.4)
        case symbol:
            return real_day(request.getfixturevalue("minute_folder"), symbol, dt.date(2022, 3, 22))


def candles_of(day: MarketDay) -> Any:
    """The candle that forms at the end of each minute, from the seconds with a trade."""
    s = pd.DataFrame(day.bars[:, : Bar.VOLUME + 1], columns=["open", "high", "low", "close", "volume"])
    s = s[day.bars[:, Bar.HAS_TRADE] > 0].reindex(s.index)
    groups = s.groupby(s.index // 300)
    so_far = pd.DataFrame(
        {
            "open": groups["open"].transform("first").where(groups["open"].ffill().notna()),
            "high": groups["high"].cummax().groupby(s.index // 300).ffill(),
            "low": groups["low"].cummin().groupby(s.index // 300).ffill(),
            "close": groups["close"].ffill(),
            "volume": s["volume"].fillna(0).groupby(s.index // 300).cumsum(),
        }
    )
    minutes = so_far[59::60].reset_index(drop=True)
    carried = s["close"].ffill()[59::60].reset_index(drop=True)
    for column in ("open", "high", "low", "close"):
        minutes[column] = minutes[column].fillna(carried)
    usual = pd.Series(day.clock_volume).diff().fillna(day.clock_volume[0])
    minutes["usual"] = usual.groupby(usual.index // 5).cumsum()
    minutes["before"] = minutes["close"].shift()[::5].reindex(minutes.index).ffill()
    return minutes


def test_forming_and_completed_candles_equal_pandas(day: MarketDay) -> None:
    expected = candles_of(day)
    np.testing.assert_allclose(values(day, "forming").T, expected, rtol=1e-9)
    completed = expected[4::5].reindex(expected.index).ffill()
    np.testing.assert_allclose(values(day, "completed").T, completed, rtol=1e-9)


@pytest.mark.parametrize("prefix", ["forming", "five"])
def test_shapes_equal_pandas(day: MarketDay, prefix: str) -> None:
    c = candles_of(day)
    c = c if prefix == "forming" else c[4::5].reindex(c.index).ffill()
    width = (c.high - c.low).where(c.high > c.low)
    little = 0.5 * day.clock_volume[-1] / MINUTES
    expected = {
        "return": np.log(c.close / c.before),
        "body": (c.close - c.open) / width,
        "range": np.log(c.high / c.low),
        "upper_wick": (c.high - c[["open", "close"]].max(axis=1)) / width,
        "lower_wick": (c[["open", "close"]].min(axis=1) - c.low) / width,
        "close_location": 2 * (c.close - c.low) / width - 1,
        "relative_volume": np.log((c.volume + little) / (c.usual + little)),
    }
    for name, series in expected.items():
        np.testing.assert_allclose(raw(day, f"{prefix}_{name}"), series, rtol=0, atol=1e-9, err_msg=name)
    compared = {e.feature.name for e in registered() if e.feature.name.startswith(f"{prefix}_")}
    assert compared == {f"{prefix}_{name}" for name in expected}


def test_position_in_the_previous_candle_equals_pandas(day: MarketDay) -> None:
    c = candles_of(day)
    before = c[4::5].shift().iloc[np.arange(MINUTES) // 5].reset_index(drop=True)
    width = (before.high - before.low).where(before.high > before.low)
    np.testing.assert_allclose(
        raw(day, "previous_five_position"), 2 * (c.close - before.low) / width - 1, rtol=0, atol=1e-9
    )


def test_breaks_of_the_previous_bar(day: MarketDay) -> None:
    s = pd.DataFrame(day.bars[:, : Bar.VOLUME + 1], columns=["open", "high", "low", "close", "volume"])
    groups = s[day.bars[:, Bar.HAS_TRADE] > 0].reindex(s.index).groupby(s.index // 60)
    carried = groups["close"].last().ffill()
    for name, extreme in (("high", groups["high"].max()), ("low", groups["low"].min())):
        previous = extreme.fillna(carried).shift()
        np.testing.assert_allclose(raw(day, f"bar_{name}_break"), np.log(extreme / previous), rtol=0, atol=1e-9)


def test_a_candle_by_hand() -> None:
    """04:00-04:05 ends at 5.00; the next begins with a silent minute, trades 5.20, 5.60, 5.30, and is silent again."""
    day = made_day([], [(10, 5.0, 100, 1), (370, 5.2, 100, 1), (430, 5.6, 300, 1), (435, 5.3, 200, -1)])
    forming = values(day, "forming")
    assert forming[: Candle.VOLUME, 5].tolist() == [5.0, 5.0, 5.0, 5.0]  # carried
    assert forming[: Candle.USUAL_VOLUME, 6].tolist() == [5.2, 5.2, 5.2, 5.2, 100.0]
    for m in (7, 8, 9):
        assert forming[: Candle.USUAL_VOLUME, m] == pytest.approx([5.2, 5.6, 5.2, 5.3, 600.0])
    assert forming[: Candle.VOLUME, 10] == pytest.approx([5.3, 5.3, 5.3, 5.3])
    completed = values(day, "completed")
    assert np.isnan(completed[:, :4]).all() and completed[Candle.CLOSE, 4:9].tolist() == [5.0] * 5
    assert completed[: Candle.VOLUME, 9] == pytest.approx([5.2, 5.6, 5.2, 5.3])
    assert raw(day, "forming_return")[9] == pytest.approx(np.log(5.3 / 5.0))
    assert raw(day, "forming_body")[9] == pytest.approx(0.25)
    assert raw(day, "forming_upper_wick")[9] == pytest.approx(0.75)
    assert raw(day, "five_close_location")[9] == pytest.approx(-0.5)
    assert raw(day, "previous_five_position")[10] == pytest.approx(-0.5)
    breaks = raw(day, "bar_high_break")
    assert breaks[7] == pytest.approx(np.log(5.6 / 5.2)) and np.isnan(breaks[8])  # a silence breaks nothing


def test_no_price_no_candle() -> None:
    quiet = made_day([])
    for entry in registered():
        name = entry.feature.name
        if entry.feature.family == "candles" and not name.endswith("volume"):
            assert np.isnan(raw(quiet, name)).all(), name


def test_wilder_by_hand() -> None:
    # mean of the first three, then a third of each step: 3, (3 + 5) / 2, (3 + 5 + 7) / 3, 5 + (8 - 5) / 3
    x = np.array([np.nan, 3.0, 5.0, 7.0, 8.0])
    known, out = np.zeros(5), np.zeros(5)
    for number in (known_nb, python_of(known_nb)):
        number(x, 0, 5, known)
        assert known.tolist() == [0, 1, 2, 3, 4]
    for mean in (wilder_nb, python_of(wilder_nb)):
        mean(x, known, 3, 0, 5, out)
        np.testing.assert_array_equal(out, [np.nan, 3.0, 4.0, 5.0, 6.0])


OPERATORS = (
    ("candles", "minutes", "day.clock_volume"),
    ("last_completed", "forming"),
    ("candle_ema", "forming", "9"),
    ("range_and_gap", "minute.high", "minute.low", "minute.close"),
    ("gain", "minute.close"),
    ("loss", "minute.close"),
    ("known", "minute.close"),
    ("wilder", "true_range", "known(true_range)", "14"),
    ("stochastic", "minute.close", "highest(minute.high, 14)", "lowest(minute.low, 14)", "14"),
    ("mean_of_last", "minute.close", "20"),
    ("deviation_of_last", "minute.close", "mean_of_last(minute.close, 20)", "20"),
    ("crossing", "ema_span(minute.close, 9)", "ema_span(minute.close, 20)"),
    ("swing_highs", "minute.high", "3"),
    ("swing_lows", "minute.low", "3"),
)


@pytest.mark.parametrize("call", OPERATORS, ids=[call[0] for call in OPERATORS])
def test_operators_without_the_compiler(day: MarketDay, call: tuple[str, ...]) -> None:
    """The same numbers from Python, and the same bits in pieces."""
    name, *texts = call
    whole = values(day, f"{name}({', '.join(texts)})")
    frame, kernel = Frame(day), find_operator(name).kernel
    arguments = [frame.value(text) for text in texts]
    plain, pieces = np.zeros_like(whole), np.zeros_like(whole)
    with np.errstate(all="ignore"):
        python_of(kernel)(*arguments, 0, MINUTES, plain)
    np.testing.assert_allclose(plain, whole, rtol=1e-12)
    for first in range(0, MINUTES, 7):
        kernel(*arguments, first, min(first + 7, MINUTES), pieces)
    assert pieces.tobytes() == whole.tobytes()


def test_features_without_the_compiler(day: MarketDay) -> None:
    for (feature, kernel), frame in ((entry, Frame(day)) for entry in registered()):
        if feature.family in ("candles", "indicators"):
            plain: Floats = np.empty(MINUTES)
            with np.errstate(all="ignore"):
                python_of(kernel)(*map(frame.value, feature.inputs), *feature.params, 0, MINUTES, plain)
            np.testing.assert_allclose(plain, raw(day, feature.name), rtol=1e-12, err_msg=feature.name)


def test_candles_begin_with_the_session() -> None:
    """09:30 is minute 330."""
    assert 330 % CANDLE == 0
