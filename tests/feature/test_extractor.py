from __future__ import annotations

import datetime as dt
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.schema import FeatureConfig
from data.layout import DAILY_ROWS, MINUTES, SECONDS, Bar, Daily, Market
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor, content_key
from feature.feature_day import BRANCHES, META_FILE, TABLES_FILE, FeatureDay
from feature.registry import Feature, feature, registered, soft, temporary_features
from tests.support.made_day import made_day
from tests.support.rich_day import FIRST_EVENT_S, HALT, rich_day
from utils.errors import ConfigError
from utils.shared_store import SharedStore


@pytest.fixture
def extractor(tmp_path: Path) -> FeatureExtractor:
    return FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), tmp_path)


@pytest.fixture(scope="module")
def by_hand() -> MarketDay:
    """10:00 New York is second 21,600: a book, then a move up with two buys and a sell."""
    quotes = [
        (21_600.0, 4.99, 5.01, 300, 100),
        (21_601.5, 5.04, 5.06, 200, 200),
    ]
    trades = [(21_601.6, 5.06, 400, 1), (21_602.2, 5.04, 100, -1), (21_602.4, 5.06, 500, 1)]
    return made_day(quotes, trades, previous_close=4.0)


def value(extractor: FeatureExtractor, day: FeatureDay, name: str, row: int) -> float:
    """Undo the normalisation of one feature at one row."""
    declared = next(e.feature for e in registered() if e.feature.name == name)
    y = float(getattr(day, declared.branch)[row, extractor.schema.names[declared.branch].index(name)])
    scale = declared.scaling.scale
    if declared.scaling.shape.name == "SOFT":
        return scale * y / np.sqrt(1 - (y / 5) ** 2)
    return scale * np.sign(y) * np.expm1(abs(y)) if declared.scaling.shape.name == "LOG" else scale * y


def test_shapes_bounds_and_types(extractor: FeatureExtractor) -> None:
    day = extractor.build(rich_day())
    rows = {"hf": SECONDS, "mf": MINUTES, "lf": DAILY_ROWS, "static": SECONDS}
    for branch in BRANCHES:
        table = getattr(day, branch)
        assert table.shape == (rows[branch], extractor.schema.sizes[branch])
        assert table.dtype == np.float32 and table.flags.c_contiguous
        assert np.isfinite(table).all()
        declared = [e.feature for e in registered() if e.feature.branch == branch]
        slack = 1e-6
        for column, f in zip(table.T, declared, strict=True):
            assert column.min() >= f.low - slack and column.max() <= f.high + slack, f.name


def test_every_feature_says_something(extractor: FeatureExtractor) -> None:
    day = extractor.build(rich_day())
    for branch in BRANCHES:
        constant = np.ptp(getattr(day, branch), axis=0) == 0
        assert not constant.any(), np.array(extractor.schema.names[branch])[constant]


def test_nothing_but_clock_and_age_before_the_first_event(extractor: FeatureExtractor) -> None:
    day = extractor.build(rich_day())
    names = {e.feature.name: e.feature for e in registered()}
    for branch in ("hf", "static"):
        quiet = getattr(day, branch)[: FIRST_EVENT_S - 1]
        speaking = [n for n, c in zip(extractor.schema.names[branch], quiet.T, strict=True) if c.any()]
        assert set(speaking) - {"quote_age", "relative_volume"} <= {n for n in names if names[n].family == "clock"}
    assert not day.mf[: FIRST_EVENT_S // 60, extractor.schema.names["mf"].index("bar_return")].any()


def test_values_by_hand(extractor: FeatureExtractor, by_hand: MarketDay) -> None:
    day = extractor.build(by_hand)

    def at(name: str, row: int = 21_602) -> float:
        return value(extractor, day, name, row)

    # mid 5.00 at the end of second 21,600, 5.05 from 21,601 on
    assert at("gain") == pytest.approx(np.log(5.05 / 4), rel=1e-4)
    assert at("relative_spread") == pytest.approx(1e4 * 0.02 / 5.05, rel=1e-4)
    assert at("queue_imbalance", 21_600) == pytest.approx((300 - 100) / 400)
    assert at("microprice", 21_600) == pytest.approx(1e4 * ((4.99 * 100 + 5.01 * 300) / 400 - 5) / 5, rel=1e-4)
    assert at("trade_imbalance_5s") == pytest.approx((900 - 100) / 1000)
    assert at("trade_imbalance_5s", 21_600) == 0  # no trade yet
    assert at("large_trade_share") == pytest.approx(0.5)
    assert at("last_trade") == pytest.approx((5.06 - 5.05) / 0.02, rel=1e-4)
    assert at("from_vwap") == pytest.approx(np.log(5.05 / ((5.06 * 900 + 5.04 * 100) / 1000)), rel=1e-3)
    assert at("from_high") == pytest.approx(np.log(5.05 / 5.06), rel=1e-3)
    assert at("half_dollar") == pytest.approx(0.05 / 5.05, rel=1e-4)
    assert at("to_open") == pytest.approx(19_800 - 21_603, rel=1e-4)
    assert at("quote_age") == pytest.approx(1.5, rel=1e-4)
    # 2 trades in one second against 3 in 300 s
    assert at("trade_surge") == pytest.approx((3 / 10) / (3 / 300), rel=1e-4)
    # one move of ln(5.05 / 5) among 21,603 seconds: volatility is floored at a tenth of the spread or weighted by age
    assert at("return_5s") == 0  # no price 5 seconds ago
    assert at("volatility_60s") == pytest.approx(1e4 * np.log(5.05 / 5) / np.sqrt(60), rel=1e-4)
    minute = 21_600 // 60
    assert at("bar_buy_share", minute) == pytest.approx(0.8)
    assert at("bar_body", minute) == 0  # opened and closed at 5.06
    assert at("bar_range", minute) == pytest.approx(np.log(5.06 / 5.04), rel=1e-4)
    assert at("bar_lower_wick", minute) == pytest.approx(1.0)


def test_stub_quotes_are_no_price(extractor: FeatureExtractor) -> None:
    quotes = [(20_000.0, 4.99, 5.01, 100, 100), (20_010.0, 0.01, 9_999.0, 100, 100), (20_020.0, 5.00, 5.02, 100, 100)]
    day = extractor.build(made_day(quotes, [(20_001.0, 5.0, 100, 1)], previous_close=5.0))
    assert value(extractor, day, "gain", 20_015) == pytest.approx(0.0, abs=1e-6)
    assert value(extractor, day, "gain", 20_020) == pytest.approx(np.log(5.01 / 5), rel=1e-4)


def test_a_halt_is_seen_only_as_it_happens(extractor: FeatureExtractor) -> None:
    day = extractor.build(rich_day())
    halted = day.hf[:, extractor.schema.names["hf"].index("halted")]
    assert halted[HALT[0] : HALT[1]].all() and halted.sum() == HALT[1] - HALT[0]
    after = day.static[:, extractor.schema.names["static"].index("after_halt")]
    assert not after[: HALT[1]].any() and after[HALT[1]] == 1.0


OF_DOLLARS = {
    "half_dollar": "round numbers are dollars",
    "whole_dollar": "round numbers are dollars",
    "price_level": "the price itself",
    "price_tier": "the price itself",
    "market_cap": "the same shares are worth more",
    "dollar_volume": "the same shares are worth more",
}
"""Features that may tell a cheap stock from a dear one, and why."""


def times(day: MarketDay, factor: float) -> MarketDay:
    """The same day at prices that many times as high."""
    bars, market, daily = day.bars.copy(), day.market.copy(), day.daily.copy()
    bars[:, [Bar.OPEN, Bar.HIGH, Bar.LOW, Bar.CLOSE, Bar.NOTIONAL, Bar.BID, Bar.ASK, Bar.SPREAD_TW]] *= factor
    market[:, [Market.BID, Market.ASK, Market.CLOSE, Market.LULD_LOW, Market.LULD_HIGH]] *= factor
    daily[:, : Daily.VOLUME] *= factor
    return replace(day, bars=bars, market=market, daily=daily, previous_close=day.previous_close * factor)


@pytest.mark.parametrize("factor", [1 / 60, 100.0])
def test_cheap_and_dear_stocks_look_alike(extractor: FeatureExtractor, factor: float) -> None:
    """$6 is $0.10 or $600: nothing changes but what is about dollars."""
    plain, scaled = (extractor.build(day) for day in (rich_day(), times(rich_day(), factor)))
    other: set[str] = set()
    for branch in BRANCHES:
        apart = np.abs(getattr(scaled, branch) - getattr(plain, branch)).max(axis=0)
        other |= {name for name, most in zip(extractor.schema.names[branch], apart, strict=True) if most > 2e-6}
    assert other == set(OF_DOLLARS)


def test_stored_once_and_mapped(extractor: FeatureExtractor) -> None:
    day = rich_day()
    first = extractor.day(day)
    folder = extractor.folder(day)
    stamp = (folder / TABLES_FILE).stat().st_mtime_ns
    second = extractor.day(day)
    assert (folder / TABLES_FILE).stat().st_mtime_ns == stamp
    assert not second.hf.flags.writeable and not second.hf.flags.owndata
    for branch in BRANCHES:
        np.testing.assert_array_equal(getattr(first, branch), getattr(extractor.build(day), branch))
    assert second.schema_hash == extractor.schema.hash


def test_a_damaged_store_is_built_again(extractor: FeatureExtractor) -> None:
    day = rich_day()
    expected = np.array(extractor.day(day).hf)
    whole = (extractor.folder(day) / TABLES_FILE).read_bytes()
    damages = [(TABLES_FILE, content) for content in (b"", whole[:-1], whole[:-4], whole + bytes(4))]
    damages += [(TABLES_FILE, whole[:4000] + b"\x00\x00\x80\x3f" + whole[4004:])]  # whole, but with another number
    damages += [(META_FILE, content) for content in (b"{", b"{}", b"[]", b"\xff")]
    for name, content in damages:
        (extractor.folder(day) / name).write_bytes(content)
        np.testing.assert_array_equal(extractor.day(day).hf, expected)
    (extractor.folder(day) / TABLES_FILE).unlink()
    assert extractor.day(day).mf.shape[0] == MINUTES


def test_another_machine_takes_them_from_the_shared_cache(tmp_path: Path) -> None:
    class Borrower(FeatureExtractor):
        def build(self, day: MarketDay) -> FeatureDay:
            raise AssertionError("made again")

    config, shared = FeatureConfig(families=[], exclude=[], windows={}), SharedStore(str(tmp_path / "shared"))
    day = made_day([(20_000.0, 4.99, 5.01, 100, 100)], date=dt.date(2025, 7, 1))
    made = FeatureExtractor(config, tmp_path / "one", shared).day(day)
    borrower = Borrower(config, tmp_path / "two", shared)
    taken = borrower.day(day)
    assert borrower.folder(day).is_dir()
    for branch in BRANCHES:
        np.testing.assert_array_equal(getattr(taken, branch), getattr(made, branch))


def test_the_key_changes_with_the_day_and_the_features(extractor: FeatureExtractor, tmp_path: Path) -> None:
    day = rich_day()
    small = FeatureExtractor(FeatureConfig(families=[], exclude=["gain"], windows={}), tmp_path)
    other_close = replace(day, previous_close=day.previous_close + 1)
    bars = day.bars.copy()
    bars[40_000, Bar.CLOSE] += 0.01
    folders = {extractor.folder(d) for d in (day, other_close, replace(day, bars=bars), replace(day, key="k"))} | {
        small.folder(day)
    }
    assert len(folders) == 5
    assert extractor.folder(replace(day, key="k")) == extractor.folder(replace(other_close, key="k"))
    assert content_key(day) == content_key(replace(day, notes=("other",)))


def test_a_copy_for_a_worker_builds_the_same(extractor: FeatureExtractor) -> None:
    copy = pickle.loads(pickle.dumps(extractor))  # noqa: S301 - our own
    day = made_day([(20_000.0, 4.99, 5.01, 100, 100)], date=dt.date(2025, 7, 1))
    assert copy.schema.hash == extractor.schema.hash
    assert copy.folder(day) == extractor.folder(day)
    np.testing.assert_array_equal(copy.build(day).hf, extractor.build(day).hf)


def test_an_empty_day_is_neutral(extractor: FeatureExtractor) -> None:
    day = extractor.build(replace(made_day([]), previous_close=0.0, clock_volume=np.zeros(MINUTES)))
    assert not day.mf.any()
    speaking = {n for n, c in zip(extractor.schema.names["hf"], day.hf.T, strict=True) if c.any()}
    assert speaking <= {"quote_age"}


def test_an_unknown_input_is_named(tmp_path: Path) -> None:
    with temporary_features():
        bad = Feature(
            name="bad", branch="hf", family="x", formula="-", inputs=("bar.volum",), units="1", normalise=soft()
        )
        feature(bad)(lambda volume, first, stop, out: None)
        with pytest.raises(ConfigError, match=r"no feature input 'bar.volum'[\s\S]*bar.volume"):
            FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), tmp_path)


def test_windows_end_with_what_is_known(extractor: FeatureExtractor) -> None:
    day = extractor.build(rich_day())
    seen = day.window(25_630)
    np.testing.assert_array_equal(seen["hf"], day.hf[25_571:25_631])
    np.testing.assert_array_equal(seen["mf"], day.mf[25_630 // 60 - 30 : 25_630 // 60])
    np.testing.assert_array_equal(seen["static"], day.static[25_630])
