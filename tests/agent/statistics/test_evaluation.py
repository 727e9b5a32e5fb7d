"""On a real backtest of made days."""

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pytest

from agent.backtest import Backtest, BacktestDay
from agent.baselines.cash import Cash
from agent.ledger import Run
from agent.policy import BUY_ALL, SELL_ALL
from agent.statistics.evaluation import Evaluation, evaluate
from agent.statistics.luck import Tried
from agent.statistics.sessions import Sessions, sessions_of
from simulators.day_bank import DayBank
from tests.support.configs import load_config
from tests.support.made_day import random_day

START, LAST = 20_000, 21_200
DATES = [dt.date(2025, 4, day) for day in (7, 7, 8, 9)]
IDLE = dt.date(2025, 4, 10)


class EveryMinute:
    """Buys at the start of a minute, sells half a minute later."""

    name = "every minute"

    def act(self, index: np.ndarray, portfolio: np.ndarray, mask: np.ndarray) -> np.ndarray:
        second = index[:, 1] % 60
        action = np.where(second == 0, BUY_ALL, np.where(second >= 30, SELL_ALL, 0))
        return np.where(mask[np.arange(len(action)), action], action, 0)


@pytest.fixture(scope="module")
def runs() -> tuple[Run, Run, Sessions]:
    config = load_config("momentum_training", [f"backtest.last_second={LAST}"])
    made = [random_day(seed, symbol=f"S{seed}", date=date, quote_every_s=4.0) for seed, date in enumerate(DATES)]
    days = [BacktestDay(day.symbol, day.date, START) for day in made]
    bank = DayBank(made, config.simulation)
    test = Backtest(bank, days, config.env, config.simulation, config.reward, config.backtest, seed=0)
    traded, cash = test.run(EveryMinute()), test.run(Cash())
    capital = config.simulation.account.capital
    return traded, cash, sessions_of([day.date for day in days], traded.pnl, capital, [IDLE])


@pytest.fixture(scope="module")
def told(runs: tuple[Run, Run, Sessions]) -> Evaluation:
    traded, _, sessions = runs
    baselines = {"cash": np.zeros(4), "half": sessions.pnl / 2}
    return evaluate(traded, sessions, baselines, draws=200, seed=0, tried=Tried(9, 0.5))


def test_the_parts_tell_the_same_money(runs: tuple[Run, Run, Sessions], told: Evaluation) -> None:
    traded = runs[0]
    net = float(traded.pnl.sum())
    assert net < -1  # every minute pays the spread
    assert len(told.sessions.dates) == 4
    assert told.mean.value == pytest.approx(net / 4)
    assert told.days.mean == pytest.approx(net / 4)
    assert told.trades.expectancy * told.trades.round_trips == pytest.approx(net, abs=0.05)
    assert told.activity.gross - sum(told.activity.costs.values()) == pytest.approx(net, abs=0.05)
    assert told.sessions.pnl.sum() == pytest.approx(told.activity.net)
    assert told.drawdowns[0].dollars == pytest.approx(-net)  # it only loses
    assert told.days.idle == 1


def test_activity_by_hand(runs: tuple[Run, Run, Sessions], told: Evaluation) -> None:
    traded, _, sessions = runs
    money = float((traded.fills["shares"].abs() * traded.fills["price"]).sum())
    assert told.activity.turnover == pytest.approx(money / sessions.capital / 4)
    assert told.activity.cost_bp == pytest.approx(1e4 * float(traded.costs.sum()) / money)
    assert 0.4 < told.activity.exposure < 0.7  # half of the time, and the seconds that orders take
    assert told.activity.orders == len(traded.fills)


def test_a_loser_looks_like_one(told: Evaluation) -> None:
    assert told.probabilistic_sharpe < 0.1
    assert told.deflated_sharpe < told.probabilistic_sharpe
    assert told.min_track_record == math.inf
    assert told.power.trials == 9
    by_name = {lead.over: lead for lead in told.leads}
    assert by_name["cash"].dollars == told.mean
    assert by_name["cash"].luck.p > 0.2
    assert told.beaten.p < 0.1  # cash is better


def test_plain_is_json_without_nan(told: Evaluation) -> None:
    plain = json.loads(json.dumps(told.plain(), allow_nan=False))
    assert plain["min_track_record"] is None
    assert plain["sessions"]["dates"] == ["2025-04-07", "2025-04-08", "2025-04-09", "2025-04-10"]
    assert plain["leads"][0]["dollars"]["value"] == pytest.approx(told.mean.value)
    assert plain["overfitting"] is None  # one policy
    assert set(plain["activity"]["costs"]) == {"half_spread", "impact", "latency", "fees"}


def test_a_policy_that_never_trades(runs: tuple[Run, Run, Sessions]) -> None:
    _, cash, sessions = runs
    idle = sessions._replace(pnl=np.zeros(4))
    told = evaluate(cash, idle, {"cash": np.zeros(4)}, draws=100, seed=0)
    assert told.mean == (0, 0, 0)
    assert told.trades.round_trips == told.activity.turnover == told.activity.exposure == 0
    assert told.leads[0].luck.p == told.beaten.p == 1
    assert math.isnan(told.deflated_sharpe)
    json.dumps(told.plain(), allow_nan=False)


def test_the_best_of_several_is_judged_as_such(runs: tuple[Run, Run, Sessions]) -> None:
    traded, _, sessions = runs
    noise = np.random.default_rng(0).normal(0, 1, (4, 3))
    told = evaluate(traded, sessions, {}, draws=100, seed=0, policies=np.column_stack([sessions.pnl, noise]))
    assert told.overfitting is not None
    assert told.overfitting.blocks == 4
    assert set(told.plain()["overfitting"]) == {"probability", "loss", "slope", "blocks"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_sessions_are_told_as_such(runs: tuple[Run, Run, Sessions], count: int) -> None:
    traded, _, sessions = runs
    few = Sessions(sessions.dates[:count], sessions.pnl[:count], sessions.capital)
    told = evaluate(traded, few, {"cash": np.zeros(count)}, draws=100, seed=0)
    assert math.isinf(told.mean.low) == (count < 3)
    assert math.isnan(told.deflated_sharpe) == (count < 3)
    assert told.overfitting is None
    json.dumps(told.plain(), allow_nan=False)
    assert told.power.text
