from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from config.schema import ResetPointConfig
from data.layout import RESET_POINT, SECONDS, Bar, ResetKind
from data.market_day import MarketDay
from data.scanner.reset_points import (
    DETECTORS,
    activity_at,
    choose,
    detect,
    difficulty_at,
    front_at,
    reset_points,
    roc_at,
    series_of,
)
from tests.support.configs import load_config
from tests.support.made_momentum import day_of, momentum_day, quiet_day
from utils.seeding import stream


@pytest.fixture(scope="module")
def config() -> ResetPointConfig:
    return load_config("scan", []).scanner.reset


@pytest.fixture(scope="module")
def day() -> MarketDay:
    return momentum_day()


def test_every_kind_has_a_detector() -> None:
    assert set(DETECTORS) | {ResetKind.RANDOM} == set(ResetKind)


def test_a_momentum_day_shows_most_patterns(day: MarketDay, config: ResetPointConfig) -> None:
    found = detect(series_of(day), config.patterns)
    empty = {kind for kind, seconds in found.items() if len(seconds) == 0}
    assert empty <= {ResetKind.FLUSH}
    assert found[ResetKind.OPEN].tolist() == [day.open_s]
    assert found[ResetKind.HALT_RESUME].tolist() == [22_300]


def test_flush_of_a_day_that_falls(config: ResetPointConfig) -> None:
    price = np.full(SECONDS, 5.0)
    price[30_000:] = 4.7
    found = detect(series_of(day_of(price, np.full(SECONDS, 10.0))), config.patterns)
    assert found[ResetKind.FLUSH].tolist() == [30_000]
    assert found[ResetKind.VWAP_LOSS].tolist() == [30_000] or len(found[ResetKind.VWAP_LOSS]) == 0


@pytest.mark.parametrize("cut", [61, 5_000, 19_800, 19_801, 22_100, 22_301, 31_234, 50_001])
def test_detection_is_causal(day: MarketDay, config: ResetPointConfig, cut: int) -> None:
    """The first `cut` rows alone, and with garbage behind them, give the same points up to there."""
    whole = detect(series_of(day), config.patterns)
    short = detect(series_of(day, cut), config.patterns)
    bars = day.bars.copy()
    bars[cut:, : Bar.CLOSE + 1] *= 7
    bars[cut:, Bar.VOLUME] = 9e9
    bars[cut:, Bar.HALTED] = 1 - bars[cut:, Bar.HALTED]
    garbage = detect(series_of(dataclasses.replace(day, bars=bars)), config.patterns)
    for kind, seconds in whole.items():
        before = seconds[seconds < cut]
        np.testing.assert_array_equal(short[kind], before, err_msg=kind.name)
        np.testing.assert_array_equal(garbage[kind][garbage[kind] < cut], before, err_msg=kind.name)


@pytest.mark.parametrize("seed", range(3))
def test_points_keep_the_rules(config: ResetPointConfig, seed: int) -> None:
    points = reset_points(momentum_day(seed), config, 300.0)
    assert points.dtype == RESET_POINT
    assert 15 <= len(points) <= config.per_day
    assert np.diff(points["second"]).min() >= config.min_distance_s
    kinds = np.bincount(points["kind"], minlength=len(ResetKind))
    assert kinds[ResetKind.RANDOM] == math.ceil(config.random_share * config.per_day)
    assert kinds[1:].max() <= config.per_kind
    assert kinds[ResetKind.RANDOM] >= config.random_share * len(points)
    for score in ("activity", "difficulty"):
        assert ((points[score] >= 0) & (points[score] <= 1)).all()
    assert np.isfinite(points["roc"]).all()


def test_points_lie_where_orders_are_possible(day: MarketDay, config: ResetPointConfig) -> None:
    seconds = reset_points(day, config, 300.0)["second"]
    assert (day.bars[seconds, Bar.HAS_QUOTE] == 1).all()
    assert (day.bars[seconds, Bar.HALTED] == 0).all()


def test_the_same_day_gives_the_same_points(day: MarketDay, config: ResetPointConfig) -> None:
    first = reset_points(day, config, 300.0)
    np.testing.assert_array_equal(first, reset_points(momentum_day(), config, 300.0))
    other = reset_points(day, dataclasses.replace(config, seed=1), 300.0)
    assert not np.array_equal(first["second"], other["second"])
    renamed = reset_points(dataclasses.replace(day, symbol="ELSE"), config, 300.0)
    assert not np.array_equal(first["second"], renamed["second"])


def test_controls_are_uniform(config: ResetPointConfig) -> None:
    usable = np.arange(10_000, 20_000)
    drawn = [
        second
        for n in range(300)
        for second, _ in choose({}, usable, dataclasses.replace(config, per_day=5), stream(n, "test"))
    ]
    counts, _ = np.histogram(drawn, bins=5, range=(10_000, 20_000))
    assert counts.sum() == 300
    assert counts.min() > 60 - 4 * math.sqrt(60 * 0.8)


def test_no_quotes_no_points(config: ResetPointConfig) -> None:
    assert (
        len(reset_points(day_of(np.full(SECONDS, 4.0), np.full(SECONDS, 1.0), quoted_from=SECONDS), config, 300.0)) == 0
    )


def test_scores_by_hand() -> None:
    """Rising a cent a minute: roc 5 cents, no chop; ten shares a second, of late twenty."""
    seconds = np.arange(SECONDS)
    price = 4.0 + (seconds // 60).astype(np.float64) * 0.01
    x = series_of(day_of(price, np.where(seconds > 30_000 - 60, 20.0, 10.0), spread=0.06))
    at = np.array([30_000, 100])
    assert roc_at(x, at) == pytest.approx([price[30_000] / price[29_700] - 1, price[100] / 4.0 - 1])
    usual = (60 * 20 + 540 * 10) / 10
    assert activity_at(x, at)[0] == pytest.approx(1200 / (1200 + usual))
    assert difficulty_at(x, at, 0.03)[0] == pytest.approx(0.5 * (0.06 / price[30_000]) / 0.03)


def test_a_price_that_stands_still_is_as_choppy_as_it_gets() -> None:
    x = series_of(day_of(np.full(SECONDS, 4.0), np.full(SECONDS, 1.0), spread=0.4))
    assert difficulty_at(x, np.array([5_000]), 0.03)[0] == pytest.approx(1.0)
    assert roc_at(x, np.array([5_000]))[0] == 0.0


def test_quiet_days_keep_their_controls(config: ResetPointConfig) -> None:
    points = reset_points(quiet_day(), config, 300.0)
    assert (points["kind"] == ResetKind.RANDOM).mean() >= config.random_share


def test_front_side_by_hand() -> None:
    """VWAP 4.0 until 20,000, then 5.0 for as long again: green at 4.6 and 3.9 is not enough, nor is 4.6 below VWAP."""
    price, volume = np.full(SECONDS, 4.0), np.zeros(SECONDS)
    price[20_000:40_000], price[40_000:] = 5.0, 4.6
    volume[:40_000] = 1.0
    price[50_000:], volume[50_000] = 4.4, 1.0
    volume[45_000] = 1.0
    at = np.array([10_000, 30_000, 45_000, 50_000])
    green = series_of(day_of(price, volume, previous_close=3.9))
    assert green.vwap[39_999] == pytest.approx(4.5)
    assert front_at(green, at).tolist() == [False, True, True, False]  # at VWAP itself it is not above
    assert front_at(series_of(day_of(price, volume, previous_close=4.7)), at).tolist() == [False, True, False, False]
    assert not front_at(series_of(day_of(price, volume, previous_close=0.0)), at).any()


@pytest.mark.parametrize("cut", [19_900, 30_000, 45_000])
def test_the_front_side_is_causal(day: MarketDay, cut: int) -> None:
    """What came later, however large, changes no side by then."""
    at = np.arange(0, cut, 100)
    bars = day.bars.copy()
    bars[cut:, : Bar.CLOSE + 1] *= 7
    bars[cut:, [Bar.VOLUME, Bar.NOTIONAL]] = 9e9
    sides = front_at(series_of(day), at)
    assert sides.any()
    assert not sides.all()
    np.testing.assert_array_equal(front_at(series_of(dataclasses.replace(day, bars=bars)), at), sides)
