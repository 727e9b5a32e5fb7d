"""The tape's features: a few trades by hand, whole days against pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from data.layout import SECONDS, Bar
from data.market_day import MarketDay
from feature.families.tape import run_nb, since_nb, start_of_last_nb
from feature.registry import registered
from tests.support.made_day import made_day, random_day
from tests.support.raw_features import python_rows, raw_feature
from tests.support.rich_day import rich_day
from tests.support.wire import python_of

pd: Any = pandas
T = 21_600
"""10:00 New York."""
NAMES = tuple(e.feature.name for e in registered() if e.feature.family == "tape")
DAYS = pytest.mark.parametrize("day", [rich_day(), random_day(11, quote_every_s=40.0)], ids=["rich", "sparse"])


@pytest.fixture(scope="module")
def day() -> MarketDay:
    """A book of 4.99 x 5.01; bought at it and beyond, then sold below it; 100 s later one large trade."""
    trades = [
        (T + 0.5, 5.01, 400, 1),
        (T + 1.2, 5.05, 200, 1),
        (T + 1.4, 5.01, 100, -1),
        (T + 3.5, 4.97, 600, -1),
        (T + 100.5, 5.01, 1000, 1),
    ]
    return made_day([(T + 0.0, 4.99, 5.01, 300, 100)], trades)


@pytest.mark.parametrize(
    ("name", "second", "expected"),
    [
        ("trade_rate_5s", 3, 4 / 5),
        ("trade_rate_5s", 8, 0.0),
        ("signed_volume_10s", 3, -10 / (1300 / 300)),  # 400 + 100 - 600 over 10 s; 1,300 shares in 300 s
        ("signed_volume_60s", 3, -100 / 60 / (1300 / 300)),
        ("signed_volume_10s", 400, 0.0),
        ("trade_gap", 100, np.nan),  # five trades are not ten
        ("trade_recency", 2, 10 / 11),
        ("trade_recency", 3, 1.0),
        ("trade_recency", 13, 0.5),
        ("trade_size_30s", 3, 0.0),  # all trades of the day
        ("trade_size_30s", 60, 0.0),  # none
        ("trade_size_30s", 100, (1460 - 920) / (1460 + 920)),  # 1,000 and one usual 460 against two usual ones
        ("large_trades_60s", 1, 0.0),  # the first trade is the usual one, the second smaller
        ("large_trades_60s", 3, -275 / 1300),  # 600 sold, 325 usual
        ("large_trades_60s", 80, np.nan),
        ("large_trades_60s", 100, 540 / 1000),
        ("same_side_run", 0, 1.0),
        ("same_side_run", 2, 2.0),  # 200 bought, 100 sold; then nothing
        ("same_side_run", 3, -1.0),
        ("same_side_run", 32, -1.0),
        ("same_side_run", 33, 0.0),  # 30 s of silence
        # 0.04 above the ask, 0.02 below the bid, of 5; sigma is a tenth of the spread: 0.0004
        ("sweep_10s", 2, 0.008 / 0.0004 / np.sqrt(10)),
        ("sweep_10s", 3, 0.004 / 0.0004 / np.sqrt(10)),
        ("sweep_10s", 20, 0.0),
    ],
)
def test_by_hand(day: MarketDay, name: str, second: int, expected: float) -> None:
    row = T + second
    assert raw_feature(day, name)[row] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
    if np.isfinite(expected):  # plain Python refuses to divide by nothing
        assert python_rows(day, name, row, row + 1)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("compiled", [True, False])
def test_start_of_the_last_ten_by_hand(compiled: bool) -> None:
    """Trades 0 4 0 0 7 0 10: eleven from the second on, then all ten in the last."""
    kernel = start_of_last_nb if compiled else python_of(start_of_last_nb)
    trades = np.array([0.0, 4, 0, 0, 7, 0, 10])
    total = np.concatenate([[0.0], trades.cumsum()])
    out = np.empty(7)
    kernel(total, 10, 0, 7, out)
    assert out.tolist() == [-1, -1, -1, -1, 1, 1, 6]


@pytest.mark.parametrize("compiled", [True, False])
def test_runs_by_hand(compiled: bool) -> None:
    run, since = (run_nb, since_nb) if compiled else (python_of(run_nb), python_of(since_nb))
    flow = np.array([0.0, 5, 0, 7, -1, -2, 0, 0, 0, 3])
    silence, out = np.empty(10), np.empty(10)
    since(np.abs(flow), 0, 10, silence)
    assert silence.tolist() == [np.inf, 0, 1, 0, 0, 0, 1, 2, 3, 0]
    run(flow, silence, 3, 0, 10, out)
    assert out.tolist() == [0, 1, 1, 2, -1, -2, -2, -2, 0, 1]


def seconds(day: MarketDay) -> Any:
    return pd.DataFrame(day.bars, columns=[column.name.lower() for column in Bar])


def expected(day: MarketDay) -> dict[str, Any]:
    """The same formulas with pandas."""
    s = seconds(day)
    flow, volume, trades = s["buy_volume"] - s["sell_volume"], s["volume"], s["trades"]
    mean = lambda x, w: x.rolling(w, min_periods=1).mean()  # noqa: E731
    add = lambda x, w: x.rolling(w, min_periods=1).sum()  # noqa: E731
    usual = np.maximum(mean(volume, 300), volume.expanding().mean())
    usual_trade = volume.cumsum() / trades.cumsum()
    excess = np.sign(flow) * (s["largest"] - usual_trade).clip(lower=0)
    one = s["has_trade"] > 0
    last = pd.Series(np.where(one, np.arange(SECONDS), np.nan)).ffill()
    traded = pd.Series(np.arange(SECONDS)).repeat(trades.astype(int))  # the second of every trade
    tenth = traded.shift(9)
    begin = tenth.groupby(traded.to_numpy()).last().reindex(range(SECONDS)).ffill()
    before = trades.cumsum().shift(fill_value=0.0)
    since = trades.cumsum() - begin.map(before)
    bigger, more = add(volume, 30) + usual_trade, (add(trades, 30) + 1) * usual_trade
    return {
        "trade_rate_5s": mean(trades, 5),
        "signed_volume_10s": mean(flow, 10) / usual,
        "signed_volume_60s": mean(flow, 60) / usual,
        "trade_gap": (np.arange(SECONDS) + 1 - begin) / since,
        "trade_recency": (10 / (10 + np.arange(SECONDS) - last)).fillna(0.0),
        "trade_size_30s": (bigger - more) / (bigger + more),
        "large_trades_60s": add(excess.fillna(0.0), 60) / add(volume, 60),
        "same_side_run": _runs(flow, one),
        "sweep_10s": _sweeps(s, day),
    }


def _runs(flow: Any, one: Any) -> Any:
    """A new run begins where the sign changes or after 30 silent seconds."""
    second = pd.Series(np.arange(SECONDS))
    trade = second[one]
    broken = trade.diff().ge(31).reindex(second).fillna(False).cumsum()  # counts long silences
    signed = np.sign(flow)[flow != 0]
    new = signed.ne(signed.shift()) | broken[signed.index].ne(broken[signed.index].shift())
    counted = (signed.groupby(new.cumsum()).cumcount() + 1) * signed
    silent = second - second.where(one).ffill()
    held = counted.reindex(second).ffill().fillna(0.0)
    begun = broken[signed.index].reindex(second).ffill()
    return held.where((silent < 30) & (begun == broken), 0.0)


def _sweeps(s: Any, day: MarketDay) -> Any:
    """Sums over 10 s by numpy's own windows."""
    bid, ask = s["bid"].shift(), s["ask"].shift()
    above, below = (s["high"] - ask).clip(lower=0), (bid - s["low"]).clip(lower=0)
    told = (s["has_trade"] > 0) & (s["has_quote"].shift() > 0) & (ask - bid <= 0.05 * (bid + ask))
    swept = ((above - below) / ((bid + ask) / 2)).where(told, 0.0).to_numpy()
    padded = np.concatenate([np.zeros(9), swept])
    sums = np.lib.stride_tricks.sliding_window_view(padded, 10).sum(axis=1)
    return pd.Series(sums / _sigma(s) / np.sqrt(10))


def _sigma(s: Any) -> Any:
    middle = (s["bid"] + s["ask"]) / 2
    mid = middle.where(s["has_quote"] > 0, s["close"])
    spread = ((s["ask"] - s["bid"]) / mid).where(s["has_quote"] > 0, 0.0)
    move = np.log(mid.where(mid > 0)).diff().fillna(0.0)
    return np.sqrt((move**2).ewm(halflife=300, adjust=False).mean()).clip(lower=0.5e-4).clip(lower=0.1 * spread)


@DAYS
def test_whole_days_equal_pandas(day: MarketDay) -> None:
    oracle = expected(day)
    assert set(oracle) == set(NAMES)
    for name in NAMES:
        ours, theirs = raw_feature(day, name), oracle[name].to_numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-7, err_msg=name)
        assert np.nanstd(ours) > 0.0
