"""Against scipy's own BCa, Student's interval and the true coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap, t

from agent.statistics.intervals import Interval, block_length, interval, mean_interval, sharpe_interval

DRAWS = 2000


def test_independent_sessions_give_the_interval_of_scipy() -> None:
    values = np.random.default_rng(0).exponential(10.0, 60)
    assert block_length(values) < 2
    found = mean_interval(values, DRAWS, seed=0)
    theirs = bootstrap((values,), np.mean, n_resamples=DRAWS, method="BCa", rng=np.random.default_rng(1))
    width = found.high - found.low
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.08 * width)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.08 * width)
    assert found.high - found.value > found.value - found.low  # skewed, so not symmetric


def test_many_normal_sessions_give_the_interval_of_student() -> None:
    values = np.random.default_rng(1).normal(3, 1, 400)
    half = float(t.ppf(0.975, 399)) * values.std(ddof=1) / 20
    found = mean_interval(values, DRAWS, seed=0)
    assert found.high - found.value == pytest.approx(half, rel=0.12)
    assert found.value - found.low == pytest.approx(half, rel=0.12)
    assert found.above_zero


def test_sessions_that_hang_together_widen_it() -> None:
    random = np.random.default_rng(2)
    noise = random.normal(0, 1, 500)
    values = np.zeros(500)
    for i in range(1, 500):
        values[i] = 0.7 * values[i - 1] + noise[i]
    shuffled = random.permutation(values)
    assert block_length(values) > 3 * block_length(shuffled)
    wide, narrow = (mean_interval(series, 500, seed=0) for series in (values, shuffled))
    # the standard error of a first-order process is sqrt((1 + a) / (1 - a)) = 2.4 times that of independent draws
    assert 1.6 < (wide.high - wide.low) / (narrow.high - narrow.low) < 3.2


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    runs = np.random.default_rng(3).normal(5, 20, (150, 21))
    held = [found.low <= 5 <= found.high for found in (mean_interval(run, 200, seed=0) for run in runs)]
    assert 0.87 <= np.mean(held) <= 0.98


def test_the_sharpe_ratio_has_the_width_of_its_standard_error() -> None:
    returns = np.random.default_rng(4).normal(0.001, 0.01, 250)
    found = sharpe_interval(returns, 1000, seed=0)
    daily = returns.mean() / returns.std(ddof=1)
    error = math.sqrt((1 + daily**2 / 2) / 250 * 252)  # Lo 2002
    assert found.value == pytest.approx(daily * math.sqrt(252))
    assert (found.high - found.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.15)


def test_the_same_seed_gives_the_same_bits() -> None:
    values = np.random.default_rng(5).normal(0, 1, 30)
    assert mean_interval(values, 100, 7) == mean_interval(values.copy(), 100, 7) != mean_interval(values, 100, 8)


def test_what_has_no_interval() -> None:
    assert mean_interval(np.array([4.0, 6.0]), 100, 0) == Interval(5.0, -math.inf, math.inf)
    assert mean_interval(np.zeros(0), 100, 0) == Interval(0.0, -math.inf, math.inf)
    assert mean_interval(np.zeros(9), 100, 0) == Interval(0.0, 0.0, 0.0)
    assert not mean_interval(np.array([4.0, 6.0]), 100, 0).above_zero
    assert mean_interval(np.array([4.0, 6.0]), 100, 0).text() == "+5.00"


def test_a_figure_that_no_draw_exceeds_gets_percentiles() -> None:
    found = interval(np.array([1.0, 2.0, 3.0, 9.0]), lambda sample: float(sample.max()), 200, 0)
    assert found.value == 9
    assert found.low < found.high <= 9


def test_two_busy_sessions_among_idle_ones() -> None:
    values = np.zeros(12)
    values[[3, 9]] = 40.0, -10.0
    found = mean_interval(values, 500, 0)
    assert found.low < 0 < found.value < found.high
    assert found.text() == f"+2.50 (95 %: {found.low:+,.2f} to {found.high:+,.2f})"
