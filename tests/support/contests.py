"""Backtests of made days for the baselines' tests."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from agent.backtest import Backtest, BacktestDay
from agent.baselines.cash import Cash
from agent.baselines.registry import Contest, Parameters
from data.layout import Bar
from data.market_day import MarketDay
from simulators.day_bank import DayBank
from tests.support.made_day import random_day
from tests.support.simulation import settings

START, LAST = 20_000, 21_200


@functools.cache
def backtest(*overrides: str) -> Backtest:
    """Two random days of 20 minutes on which the VWAP is reclaimed, a decision every 10 s."""
    return backtest_of([random_day(seed, symbol=f"S{seed}") for seed in (6, 9)], *overrides)


def backtest_of(days: Sequence[MarketDay], *overrides: str) -> Backtest:
    """The days from START to LAST."""
    config = settings("env.decision_interval_s=10", f"backtest.last_second={LAST}", *overrides)
    bank = DayBank(days, config.simulation)
    starts = [BacktestDay(day.symbol, day.date, START) for day in days]
    return Backtest(bank, starts, config.env, config.simulation, config.reward, config.backtest, seed=0)


def contest(parameters: Parameters | None = None, *overrides: str, trips: int = 0, held: float = 0.0) -> Contest:
    """Against a policy that made `trips` round trips a day and held a position for the share `held` of the time."""
    test = backtest(*overrides)
    cash = test.run(Cash())
    ours = cash._replace(trips=np.full(2, trips), held_s=(held * cash.seconds).astype(np.int64))
    return Contest(test, ours, parameters or {}, None)


def with_bars(day: MarketDay, **columns: np.ndarray) -> MarketDay:
    """The day with other columns of bars."""
    bars = day.bars.copy()
    for name, values in columns.items():
        bars[:, Bar[name]] = values
    return dataclasses.replace(day, bars=bars)
