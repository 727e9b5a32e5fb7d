from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from agent.statistics.trades import trade_figures


def table(pnl: list[float]) -> pl.DataFrame:
    columns = {
        "pnl": pl.Series(pnl, dtype=pl.Float64),
        "mae_dollars": pl.Series([-abs(one) - 1 for one in pnl], dtype=pl.Float64),
        "mfe_dollars": pl.Series([abs(one) + 2 for one in pnl], dtype=pl.Float64),
        "held_s": pl.Series(range(10, 10 + len(pnl)), dtype=pl.Int64),
    }
    return pl.DataFrame(columns)


def test_figures_by_hand() -> None:
    found = trade_figures(table([30.0, -10.0, 0.0, 10.0, -5.0]))
    assert (found.round_trips, found.win_rate) == (5, 0.4)
    assert found.profit_factor == pytest.approx(40 / 15)
    assert found.expectancy == 5
    assert (found.average_win, found.average_loss) == (20, -7.5)
    assert found.payoff == pytest.approx(20 / 7.5)
    assert (found.mae, found.mfe, found.held_s) == (-12, 13, 12)
    assert found.captured == pytest.approx(25 / 65)
    rate, loss = found.win_rate, 2 / 5
    assert found.expectancy == pytest.approx(rate * found.average_win + loss * found.average_loss)


def test_profit_factor_and_payoff_are_those_of_quantstats() -> None:
    import pandas as pd
    import quantstats.stats as desk

    stats: Any = desk

    pnl = [0.03, -0.01, 0.02, -0.04, 0.05, 0.01]
    found, series = trade_figures(table(pnl)), pd.Series(pnl)
    assert found.profit_factor == pytest.approx(float(stats.profit_factor(series)))
    assert found.payoff == pytest.approx(float(stats.payoff_ratio(series)))
    assert found.win_rate == pytest.approx(float(stats.win_rate(series)))


def test_none_and_only_winners() -> None:
    none = trade_figures(table([]))
    assert none.round_trips == 0
    assert all(math.isnan(value) for value in none[1:])
    winners = trade_figures(table([1.0, 2.0]))
    assert winners.profit_factor == math.inf
    assert math.isnan(winners.average_loss)
