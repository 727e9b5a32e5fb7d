"""Chart indicators against TA-Lib: on made days, with silences and a halt, and on real minute bars of GME and AMC."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
import pytest
import talib

from data.layout import MINUTES
from data.market_day import MarketDay
from feature.families.indicators import SWINGS
from feature.inputs import Minute
from feature.registry import registered
from tests.support.made_day import made_day, random_day
from tests.support.minute_days import Floats, real_day, values
from tests.support.raw_features import raw_feature as raw
from tests.support.rich_day import rich_day

pd: Any = pandas
ta: Any = talib
EXACT = 1e-9
REAL = {"GME": dt.date(2022, 3, 22), "AMC": dt.date(2022, 3, 28)}


@pytest.fixture(scope="module", params=["rich", "random", "sparse", "GME", "AMC"])
def day(request: pytest.FixtureRequest) -> MarketDay:
    match request.param:
        case "rich":
            return rich_day()
        case "random":
            return random_day(3, quote_every_s=5.0, price=250.0)
        case "sparse":
            return random_day(11, quote_every_s=300.0, price=0.4)
        case symbol:
            return real_day(request.getfixturevalue("minute_folder"), symbol, REAL[symbol])


def bars_of(day: MarketDay) -> tuple[Floats, Floats, Floats]:
    """High, low, close of its minutes."""
    table = values(day, "minutes")
    return table[Minute.HIGH], table[Minute.LOW], table[Minute.CLOSE]


def compare(ours: Floats, theirs: Floats, where: npt.NDArray[np.bool_] | None = None) -> None:
    """Known in the same rows and equal there; with `where`: equal there."""
    if where is None:
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        where = ~np.isnan(ours)
    assert where.sum() > 100
    np.testing.assert_allclose(ours[where], theirs[where], rtol=0, atol=EXACT)


def preceded(x: Floats, bars: int) -> Floats:
    """With `bars` more bars at the first price: TA-Lib's averages then begin with that price, as ours do."""
    return np.concatenate([np.full(bars, x[~np.isnan(x)][0]), x[~np.isnan(x)]])


def seeded_ema(x: Floats, span: int) -> Floats:
    """TA-Lib's EMA seeded with the first known price."""
    return after(x, ta.EMA(preceded(x, span - 1), span))


def after(x: Floats, tail: Floats) -> Floats:
    """The end of `tail` where x is known, NaN before."""
    known = int((~np.isnan(x)).sum())
    return np.concatenate([np.full(len(x) - known, np.nan), tail[len(tail) - known :]])


def first_bar(day: MarketDay) -> int:
    return int(np.flatnonzero(~np.isnan(bars_of(day)[2]))[0])


def test_exponential_means(day: MarketDay) -> None:
    close = bars_of(day)[2]
    for span in (9, 20):
        compare(raw(day, f"bar_ema{span}"), np.log(close / seeded_ema(close, span)))
        theirs = np.repeat(seeded_ema(close[4::5], span), 5)[: MINUTES - 4]  # candle j is known from row 5 j + 4 on
        compare(raw(day, f"bar_five_ema{span}"), np.log(close / np.concatenate([np.full(4, np.nan), theirs])))
    compare(raw(day, "ema_gap"), np.log(seeded_ema(close, 9) / seeded_ema(close, 20)))


def test_macd(day: MarketDay) -> None:
    """In TA-Lib's ATR, which is 1 basis point at least."""
    high, low, close = bars_of(day)
    line, _, histogram = (after(close, x) for x in ta.MACD(preceded(close, 60), 12, 26, 9))
    unit = np.maximum(ta.ATR(high, low, close, 14), 1e-4 * close)
    defined = ~np.isnan(unit)
    compare(raw(day, "macd_line"), line / unit, defined)
    compare(raw(day, "macd_histogram"), histogram / unit, defined)
    first = np.flatnonzero(~np.isnan(raw(day, "macd_line")))[0]
    assert first == first_bar(day) + 1


def test_rsi(day: MarketDay) -> None:
    """TA-Lib holds the last value while the price stands still; after some hours ours gives it up."""
    close, ours = bars_of(day)[2], raw(day, "rsi_14")
    theirs = 2 * ta.RSI(close, 14) / 100 - 1
    long_still = pd.Series(close).rolling(150).max() == pd.Series(close).rolling(150).min()
    compare(ours, theirs, ~np.isnan(theirs) & ~long_still.to_numpy())
    assert np.flatnonzero(~np.isnan(ours))[0] == first_bar(day) + 14


def test_atr(day: MarketDay) -> None:
    high, low, close = bars_of(day)
    ours, begin = raw(day, "atr_14"), first_bar(day)
    theirs = ta.ATR(high, low, close, 14) / close
    assert np.flatnonzero(~np.isnan(theirs))[0] == begin + 14
    compare(ours, theirs, ~np.isnan(theirs))
    compare(ours, ta.NATR(high, low, close, 14) / 100, ~np.isnan(theirs))
    ranges = ta.TRANGE(high, low, close)[begin + 1 : begin + 14]  # before: the mean of those there are
    early = np.cumsum(ranges) / np.arange(1, 14) / close[begin + 1 : begin + 14]
    np.testing.assert_allclose(ours[begin + 1 : begin + 14], early, rtol=1e-12)


def test_bollinger_bands(day: MarketDay) -> None:
    close = bars_of(day)[2]
    upper, middle, lower = ta.BBANDS(close, 20, 2.0, 2.0)
    compare(raw(day, "bollinger_width_20"), (upper - lower) / close)
    rolling = pd.Series(close).rolling(20)
    moving = (rolling.max() > rolling.min()).to_numpy()
    place = raw(day, "bollinger_position_20")
    with np.errstate(divide="ignore"):
        compare(place, (close - middle) / (upper - middle), moving)
    assert np.isnan(place[~moving]).all()


def test_stochastic(day: MarketDay) -> None:
    high, low, close = bars_of(day)
    k, d = ta.STOCH(high, low, close, 14, 3, 0, 3, 0)
    flat = pd.Series(high).rolling(14).max() == pd.Series(low).rolling(14).min()
    sure = ~flat.rolling(5).max().fillna(0).to_numpy(bool)  # TA-Lib's %K is 0 without a range, ours the middle
    compare(raw(day, "stochastic_k_14"), 2 * k / 100 - 1, sure & ~np.isnan(d))
    compare(raw(day, "stochastic_d_14"), 2 * d / 100 - 1, sure & ~np.isnan(d))
    begin = first_bar(day)
    assert np.flatnonzero(~np.isnan(raw(day, "stochastic_k_14")))[0] == begin + 15
    assert np.flatnonzero(~np.isnan(raw(day, "stochastic_d_14")))[0] == begin + 17
    assert (raw(day, "stochastic_k_14")[begin + 15 :][flat.rolling(3).min()[begin + 15 :] == 1] == 0).all()


def test_alignment_and_crossings(day: MarketDay) -> None:
    close = pd.Series(bars_of(day)[2])
    fast, slow = (close.ewm(span=span, adjust=False).mean() for span in (9, 20))
    fives = close[4::5]
    five_fast, five_slow = (fives.ewm(span=s, adjust=False).mean().reindex(close.index).ffill() for s in (9, 20))
    chain = [close, fast, slow, five_fast, five_slow]
    signs = [np.sign(a - b).where((a - b).abs() > 1e-9 * b, 0.0) for a, b in itertools.pairwise(chain)]
    expected = ((signs[0] + signs[1] + signs[2] + signs[3]) / 4).where(five_slow.notna()).to_numpy()
    np.testing.assert_array_equal(raw(day, "ema_alignment"), expected)
    side = signs[1].replace(0.0, np.nan).ffill()
    crossed = (side * side.shift()) < 0
    age = side.groupby(crossed.cumsum()).cumcount().where(crossed.cumsum() > 0)
    np.testing.assert_allclose(raw(day, "ema_cross"), (side * 5 / (5 + age)).to_numpy(), rtol=1e-12)
    assert crossed.sum() >= 5


@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("name", [swing[0] for swing in SWINGS])
def test_swings(day: MarketDay, name: str, k: int) -> None:
    """By the definition: each bar is tried as a swing, and the first bar that leaves it decides."""
    x = bars_of(day)[0 if name == "high" else 1] * (1 if name == "high" else -1)
    price, run = np.full(MINUTES, np.nan), np.zeros(MINUTES)
    confirmed: dict[int, float] = {}
    for s in range(k, MINUTES):
        if x[s] > x[s - k : s].max():
            later = np.flatnonzero(x[s + 1 :] != x[s]) + s + 1
            left = next((int(m) for m in later if m >= s + k or x[m] > x[s]), MINUTES)
            if left < MINUTES and x[left] < x[s]:
                confirmed[left] = float(x[s])
    last, streak, history = np.nan, 0, np.full(MINUTES, np.nan)
    for m in range(MINUTES):
        if m in confirmed:
            change = np.sign(confirmed[m] - last) * (1 if name == "high" else -1)
            streak = 0 if not change > 0 and not change < 0 else int(change + (streak if streak * change > 0 else 0))
            last = confirmed[m]
        history[m], run[m] = last, streak
    price = np.abs(history)
    swings = values(day, f"swing_{name}s(minute.{name}, {k})")
    np.testing.assert_array_equal(swings[0], price)
    np.testing.assert_array_equal(swings[1], run)
    assert len(confirmed) > 2
    if k == 3:
        np.testing.assert_allclose(raw(day, f"swing_{name}_3"), np.log(bars_of(day)[2] / price), rtol=1e-12)
        np.testing.assert_array_equal(raw(day, f"swing_{name}_run_3"), np.where(np.isnan(price), np.nan, run))


def test_swings_without_equal_highs_are_fractals() -> None:
    """Williams: the middle of 2 k + 1 bars is the highest; known k bars after it."""
    rng = np.random.default_rng(2)
    prices = 5.0 * np.exp(np.cumsum(rng.normal(0, 0.01, MINUTES)))
    day = made_day([], [(60.0 * m + 1, float(p), 100, 1) for m, p in enumerate(prices)])
    high = pd.Series(bars_of(day)[0])
    for k in (2, 3, 5):
        middle = high.where(high == high.rolling(2 * k + 1, center=True).max())
        np.testing.assert_array_equal(values(day, f"swing_highs(minute.high, {k})")[0], middle.shift(k).ffill())


def test_a_silence_confirms_nothing_and_breaks_nothing() -> None:
    """Up, up, then no trade for half an hour, then lower: the swing is confirmed by the lower trade."""
    day = made_day([], [(60.0 * m, p, 100, 1) for m, p in ((0, 5.0), (1, 5.1), (2, 5.2), (3, 5.3), (33, 5.2))])
    distance = raw(day, "swing_high_3")
    assert np.isnan(distance[:33]).all() and distance[33] == pytest.approx(np.log(5.2 / 5.3))
    assert np.isnan(raw(day, "swing_low_3")).all()
    rsi = raw(day, "rsi_14")
    assert (rsi[14:33] == 1.0).all() and -1 < rsi[33] < 1
    assert np.abs(raw(day, "macd_line")[-1]) < 1e-6 and raw(day, "atr_14")[-1] < 1e-9


def test_no_price_no_indicator() -> None:
    for entry in registered():
        if entry.feature.family == "indicators":
            assert np.isnan(raw(made_day([]), entry.feature.name)).all(), entry.feature.name
