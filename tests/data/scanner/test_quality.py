from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from config.schema import QualityConfig, QualityTerm
from data.layout import MINUTES, SECONDS
from data.scanner.quality import Facts, facts_of, linear, ramp, score, trend, usual_volume
from tests.support.configs import load_config
from tests.support.made_momentum import day_of, momentum_day, quiet_day


@pytest.fixture(scope="module")
def config() -> QualityConfig:
    return load_config("scan", []).scanner.quality


TERM = QualityTerm(weight=1.0, low=0.2, high=2.0)


@pytest.mark.parametrize(
    ("x", "y"),
    [(0.2, 0.0), (2.0, 1.0), (math.sqrt(0.4), 0.5), (0.1, 0.0), (9.0, 1.0), (0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0)],
)
def test_ramp(x: float, y: float) -> None:
    assert ramp(x, TERM) == pytest.approx(y, abs=1e-12)


def test_linear() -> None:
    term = QualityTerm(weight=1.0, low=0.1, high=0.6)
    assert [linear(x, term) for x in (0.0, 0.1, 0.35, 0.6, 1.0, math.nan)] == pytest.approx([0, 0, 0.5, 1, 1, 0])


def test_score_by_hand(config: QualityConfig) -> None:
    """All ramps at half their way: .25/2 + .20/2 + .15/2 + .15/2, two halts .1 (1 - 1/e), 75 bps .15 (1 - .25)."""
    found = score(Facts(0.632_455_5, 17.320_508, 5e7, 0.35, 2, 75.0), config)
    parts = [0.5, 0.5, 0.5, 0.5, 1 - math.exp(-1), 0.75]
    assert list(found)[1:] == pytest.approx(parts, abs=1e-6)
    assert found.total == pytest.approx(0.125 + 0.10 + 0.075 + 0.075 + 0.1 * 0.632_120_6 + 0.1125, abs=1e-6)


def test_weights_sum_to_one(config: QualityConfig) -> None:
    best = score(Facts(10.0, 1e3, 1e10, 1.0, 50, 0.0), config)
    assert best.total == pytest.approx(1.0, abs=1e-9)
    worst = score(Facts(0.01, 0.5, 1e3, 0.0, 0, 900.0), config)
    assert worst.total == 0.0


def test_what_is_unknown_earns_nothing(config: QualityConfig) -> None:
    assert score(Facts(0.5, math.nan, 1e7, math.nan, 0, math.nan), config).rvol == 0.0
    assert score(Facts(0.5, math.nan, 1e7, math.nan, 0, math.nan), config).spread == 0.0


def test_trend_against_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    closes = 5 + np.cumsum(rng.choice([-0.01, 0.0, 0.01, 0.02], 960))
    closes[:100] = 0.0
    best = 0.0
    for m in range(960 - 60):
        window = closes[m : m + 61]
        steps = np.abs(np.diff(window))
        steps[window[:-1] <= 0] = 0.0
        if (steps > 0).sum() >= 30:
            ends = window[window > 0]
            best = max(best, abs(ends[-1] - ends[0]) / steps.sum())
    assert trend(closes) == pytest.approx(best, rel=1e-9)


def test_one_print_in_a_silent_hour_is_no_trend() -> None:
    closes = np.full(960, 4.0)
    closes[500:] = 5.0
    assert math.isnan(trend(closes))
    assert trend(np.linspace(4, 5, 960)) == pytest.approx(1.0)


def test_facts_by_hand() -> None:
    seconds = np.arange(SECONDS)
    price = np.where(seconds < 30_000, 4.0, 5.0)
    price[20_000] = 6.0
    day = day_of(price, np.where(seconds % 10 == 0, 100.0, 0.0), spread=0.01, halts=[(40_001, 40_009)])
    facts = facts_of(day)
    assert facts.range == pytest.approx((6.0 - 4.0) / 4.0)
    assert facts.rvol == pytest.approx(5_760 * 100 / 1e6)
    assert facts.halts == 1
    assert facts.spread_bps == pytest.approx(0.01 / 4 * 1e4)
    assert facts.dollar_volume == pytest.approx(100 * price[::10].sum())


def test_usual_volume_falls_back_on_daily_bars() -> None:
    day = quiet_day()
    assert usual_volume(day) == 1e6
    bare = dataclasses.replace(day, clock_volume=np.zeros(MINUTES))
    assert usual_volume(bare) == 1e6
    assert usual_volume(dataclasses.replace(bare, daily=np.zeros((30, 5)))) == 0.0


def test_momentum_beats_quiet(config: QualityConfig) -> None:
    assert score(facts_of(momentum_day()), config).total > score(facts_of(quiet_day()), config).total + 0.2
