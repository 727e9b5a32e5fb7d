"""By hand, and as quantstats and empyrical have them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agent.statistics.ratios import ratios, sharpe

RETURNS = np.random.default_rng(5).normal(0.001, 0.02, 60) * (np.arange(60) % 4 > 0)


def test_ratios_are_those_of_the_formulas() -> None:
    found = ratios(RETURNS)
    downside = math.sqrt((np.minimum(RETURNS, 0) ** 2).mean())
    assert found.sharpe == pytest.approx(RETURNS.mean() / RETURNS.std(ddof=1) * math.sqrt(252))
    assert found.sortino == pytest.approx(RETURNS.mean() / downside * math.sqrt(252))
    assert found.annual_volatility == pytest.approx(RETURNS.std(ddof=1) * math.sqrt(252))
    wealth = np.concatenate([[1.0], np.cumprod(1 + RETURNS)])
    deepest = min(wealth[j] / wealth[i] - 1 for i in range(61) for j in range(i, 61))
    assert found.max_drawdown == pytest.approx(deepest)
    assert found.annual_return == pytest.approx(wealth[-1] ** (252 / 60) - 1)
    assert found.calmar == pytest.approx(found.annual_return / -deepest)


def test_ratios_are_those_of_quantstats() -> None:
    import quantstats.stats as desk

    stats: Any = desk
    series = pd.Series(RETURNS, index=pd.bdate_range("2025-01-02", periods=60))
    found = ratios(RETURNS)
    assert found.sharpe == pytest.approx(stats.sharpe(series, periods=252))
    assert found.sortino == pytest.approx(stats.sortino(series, periods=252))
    assert found.max_drawdown == pytest.approx(stats.max_drawdown(series))
    assert found.annual_volatility == pytest.approx(stats.volatility(series, periods=252))


def test_zero_days_count() -> None:
    busy = RETURNS[RETURNS != 0]
    assert abs(sharpe(RETURNS)) < abs(sharpe(busy))


@pytest.mark.parametrize("returns", [np.zeros(5), np.full(5, 0.01), np.array([0.3]), np.zeros(0)])
def test_without_spread_there_is_no_ratio(returns: np.ndarray) -> None:
    assert not math.isfinite(ratios(returns).sharpe)
