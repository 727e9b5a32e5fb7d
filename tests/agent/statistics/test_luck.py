"""Worked figures of the papers' formulas; skfolio's and quantstats' own functions."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import fsolve

from agent.statistics.luck import (
    Tried,
    deflated_sharpe,
    expected_max_sharpe,
    min_track_record,
    power,
    probabilistic_sharpe,
    sharpe_per_session,
)

NORMAL = NormalDist()


def returns_with(sharpe: float, count: int, skew: float, kurtosis: float) -> np.ndarray:
    """A cubic of normal quantiles with exactly these moments."""
    z = np.array([NORMAL.inv_cdf((i + 0.5) / count) for i in range(count)])

    def shape(weights: np.ndarray) -> np.ndarray:
        x = z + weights[0] * z**2 + weights[1] * z**3
        return (x - x.mean()) / x.std()

    def miss(weights: np.ndarray) -> list[float]:
        x = shape(weights)
        return [float((x**3).mean()) - skew, float((x**4).mean()) - kurtosis]

    x = shape(np.asarray(fsolve(miss, np.array([-0.05, 0.1]), xtol=1e-12)))
    return x / x.std(ddof=1) + sharpe


@pytest.fixture(scope="module")
def crooked() -> np.ndarray:
    """Sharpe ratio 0.1 a session over 250, skew -0.5, kurtosis 6."""
    return returns_with(0.1, 250, -0.5, 6.0)


def by_hand(sharpe: float, benchmark: float, count: int, skew: float, kurtosis: float) -> float:
    spread = math.sqrt(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    return NORMAL.cdf((sharpe - benchmark) * math.sqrt(count - 1) / spread)


def test_the_worked_psr(crooked: np.ndarray) -> None:
    x = (crooked - crooked.mean()) / crooked.std()
    assert (sharpe_per_session(crooked), (x**3).mean(), (x**4).mean()) == pytest.approx((0.1, -0.5, 6.0))
    # the moments enter with n or n - 1 under the root: that shows in the fourth digit
    assert probabilistic_sharpe(crooked) == pytest.approx(0.9371, abs=3e-4)
    assert by_hand(0.1, 0.0, 250, -0.5, 6.0) == pytest.approx(0.9371, abs=5e-5)


def test_the_worked_dsr(crooked: np.ndarray) -> None:
    tried = Tried(50, 0.05)
    euler = 0.5772156649015329
    benchmark = 0.05 * ((1 - euler) * NORMAL.inv_cdf(1 - 1 / 50) + euler * NORMAL.inv_cdf(1 - 1 / (50 * math.e)))
    assert expected_max_sharpe(tried) == pytest.approx(benchmark)
    assert deflated_sharpe(crooked, tried) == pytest.approx(0.4163, abs=5e-4)
    assert by_hand(0.1, benchmark, 250, -0.5, 6.0) == pytest.approx(0.4163, abs=5e-5)
    assert deflated_sharpe(crooked, Tried(1, 0.0)) == probabilistic_sharpe(crooked)


def test_the_psr_of_any_series_is_the_formula_and_that_of_quantstats() -> None:
    import quantstats.stats as desk

    stats: Any = desk
    series = np.random.default_rng(1).gamma(2.0, 0.01, 80) - 0.017
    x = (series - series.mean()) / series.std()
    mine = by_hand(sharpe_per_session(series), 0.0, 80, float((x**3).mean()), float((x**4).mean()))
    assert probabilistic_sharpe(series) == pytest.approx(mine, abs=2e-3)
    dated = pd.Series(series, index=pd.bdate_range("2025-01-02", periods=80))
    assert probabilistic_sharpe(series) == pytest.approx(stats.probabilistic_sharpe_ratio(dated), abs=2e-3)


def test_the_dsr_of_a_list_of_trials_is_that_of_skfolio() -> None:
    from skfolio.measures import deflated_sharpe_ratio

    random = np.random.default_rng(2)
    trials = random.normal(0.001, 0.02, (30, 60))
    found = np.array([sharpe_per_session(one) for one in trials])
    best = trials[found.argmax()]
    tried = Tried(len(found), float(found.std(ddof=1)))
    assert deflated_sharpe(best, tried) == pytest.approx(float(deflated_sharpe_ratio(best, found)))
    assert deflated_sharpe(best, tried) < probabilistic_sharpe(best)


def test_a_track_record_of_that_length_reaches_the_confidence(crooked: np.ndarray) -> None:
    sessions = min_track_record(crooked)
    at_once = NORMAL.cdf(NORMAL.inv_cdf(probabilistic_sharpe(crooked)) / math.sqrt(249) * math.sqrt(sessions - 1))
    assert at_once == pytest.approx(0.95)
    # Bailey and Lopez de Prado 2012: normal returns, annual Sharpe ratio 2 against 1, daily data: 2.73 years
    normal = returns_with(2 / math.sqrt(252), 2000, 0.0, 3.0)
    assert min_track_record(normal, 1 / math.sqrt(252)) / 252 == pytest.approx(2.73, abs=0.01)
    assert min_track_record(-crooked) == math.inf
    assert min_track_record(np.zeros(5)) == math.inf


def test_the_power_of_21_sessions() -> None:
    pnl = np.random.default_rng(3).normal(10, 100, 21)
    found = power(pnl, trials=50)
    assert found.lucky_sharpe == pytest.approx(5.7, abs=0.05)
    assert found.best_lucky_sharpe == pytest.approx(7.9, abs=0.05)
    assert found.indistinct == pytest.approx(2.086 * pnl.std(ddof=1) / math.sqrt(21), rel=1e-3)  # t table, 20 degrees
    assert f"a mean below ${found.indistinct:,.2f} per session cannot be told from luck" in found.text
    assert "the best of 50 tries averages 7.9" in found.text
    assert "tries" not in power(pnl).text


def test_luck_alone_comes_out_as_said() -> None:
    """Policies without skill over 21 sessions: one in twenty above the one, one in forty above the other bound."""
    runs = np.random.default_rng(4).normal(0, 100, (4000, 21))
    told = [power(run) for run in runs[:400]]
    above = np.mean([run.mean() > one.indistinct for run, one in zip(runs[:400], told, strict=True)])
    assert above == pytest.approx(0.025, abs=0.02)
    annual = runs.mean(axis=1) / runs.std(axis=1, ddof=1) * math.sqrt(252)
    assert np.mean(annual > told[0].lucky_sharpe) == pytest.approx(0.055, abs=0.015)
    best = annual.reshape(80, 50).max(axis=1).mean()
    assert best == pytest.approx(power(runs[0], 50).best_lucky_sharpe, rel=0.12)  # t has fatter tails than normal


def test_too_little_to_say_anything() -> None:
    assert power(np.array([5.0])).text == "A single session tells nothing."
    assert "tell nothing" in power(np.zeros(7)).text
    assert math.isnan(probabilistic_sharpe(np.zeros(9)))
    assert sharpe_per_session(np.zeros(0)) == sharpe_per_session(np.full(4, 0.1)) == 0
