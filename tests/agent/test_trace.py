"""Orders, traces and labels of a run against its steps."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay
from agent.ledger import Run
from agent.policy import BUY_ALL, HOLD, SELL_ALL, Judgement
from agent.trace import ENDED
from data.scanner.recent_pattern import NO_PATTERN, PATTERN_S
from simulators.day_bank import DayBank
from simulators.layout import ACTIONS, ActionType, Portfolio
from tests.support.configs import load_config
from tests.support.made_day import random_day

START, LAST, INTERVAL_S = 20_000, 21_500, 5
PATTERN = (START + 30, "flush")


class Opinionated:
    """Buys and sells in turns whatever is possible; sure of it."""

    name = "opinionated"

    def __init__(self):
        self.asked = []

    def act(self, index, portfolio, mask):
        wish = np.where(index[:, 1] % 100 < 50, BUY_ALL, SELL_ALL)
        return np.where(index[:, 1] % 25 == 0, wish, HOLD)  # what is not possible, too

    def judge(self, index, portfolio, mask):
        self.asked.append(len(index))
        chances = np.zeros((len(index), ACTIONS), np.float32)
        chances[:, HOLD], chances[:, BUY_ALL], chances[:, SELL_ALL] = 0.5, 0.25, 0.25
        values = (index[:, 1] * 1e-3).astype(np.float32)
        return Judgement(self.act(index, portfolio, mask), chances, values)


def _test(*words: str) -> Backtest:
    config = load_config(
        "momentum_training",
        [
            f"backtest.last_second={LAST}",
            f"env.decision_interval_s={INTERVAL_S}",
            "env.invalid_action=penalise",
            *words,
        ],
    )
    made = [random_day(seed, symbol=symbol) for seed, symbol in enumerate(("AAA", "BBB"))]
    days = [
        BacktestDay(day.symbol, day.date, START + 10 * i, quality=0.5 + i, patterns=(PATTERN,))
        for i, day in enumerate(made)
    ]
    bank = DayBank(made, config.simulation)
    return Backtest(bank, days, config.env, config.simulation, config.reward, config.backtest, seed=0)


@pytest.fixture(scope="module")
def run() -> Run:
    return _test("simulation.orders.stop_distance=0.01").run(Opinionated(), traced=True)


def test_a_trace_has_a_row_for_every_decision(run: Run) -> None:
    trace = run.trace
    assert trace is not None
    decisions = [-(-int(s) // INTERVAL_S) for s in run.seconds]
    assert [trace.length(lane) for lane in range(2)] == decisions
    for lane, length in enumerate(decisions):
        assert not np.isnan(trace.equity[:length, lane]).any()
        assert np.isnan(trace.equity[length:, lane]).all()
        assert (trace.action[length:, lane] == ENDED).all()
        assert not trace.position[length - 1, lane]  # flat at the end
        observed = START + 10 * lane + INTERVAL_S * np.arange(length)
        np.testing.assert_allclose(trace.value[:length, lane], observed * 1e-3, rtol=1e-6)
        np.testing.assert_allclose(trace.probabilities[:length, lane], [[0.5, 0.25, 0.25]] * length)
        assert np.isnan(trace.value[length:, lane]).all()


def test_the_rewards_of_a_trip_are_those_of_its_steps(run: Run) -> None:
    trace = run.trace
    assert trace is not None
    assert len(run.trades) > 4
    for row in run.trades.iter_rows(named=True):
        start = START + 10 * row["lane"]
        first, last = ((row[name] - start - 1) // INTERVAL_S for name in ("entry_second", "exit_second"))
        assert trace.position[last, row["lane"]] == 0 or row["held_s"] < INTERVAL_S
        assert row["reward"] == pytest.approx(float(trace.reward[first : last + 1, row["lane"]].sum()), abs=1e-6)


def test_trips_are_filed_by_hour_pattern_and_quality(run: Run) -> None:
    for row in run.trades.iter_rows(named=True):
        assert row["hour"] == row["entry"].hour
        near = PATTERN[0] <= row["entry_second"] <= PATTERN[0] + PATTERN_S
        assert row["pattern"] == (PATTERN[1] if near else NO_PATTERN)
        assert row["quality"] == 0.5 + row["lane"]
    assert set(run.trades["pattern"]) == {PATTERN[1], NO_PATTERN}


def test_every_order_is_told_with_what_became_of_it(run: Run) -> None:
    orders, trace = run.orders, run.trace
    assert trace is not None
    own = orders.filter(pl.col("by") == "agent")
    asked = {(lane, int(k)) for lane in range(2) for k in np.flatnonzero(trace.action[:, lane] >= 4 * ActionType.BUY)}
    rows = {(r["lane"], (r["second"] - START - 10 * r["lane"]) // INTERVAL_S) for r in own.iter_rows(named=True)}
    assert rows == asked  # one row a decision, possible or not
    assert len(own) == len(asked)
    assert {"partial", "invalid"} <= set(own["reason"])
    by_fill = run.fills.group_by("by").agg(pl.col("shares").sum(), pl.len()).sort("by")
    by_order = orders.filter(pl.col("filled") != 0).group_by("by").agg(pl.col("filled").sum(), pl.len()).sort("by")
    assert by_order.rows() == by_fill.rows()  # IOC orders: one fill each
    assert "stop" in by_order["by"].to_list()
    filled = orders.filter(pl.col("filled") != 0)
    assert (filled["filled"].abs() <= filled["wanted"].abs() + 1e-9).all()
    assert filled["price"].null_count() == 0
    matched = run.fills.join(own.filter(pl.col("order") > 0), on=["lane", "order"], suffix="_order")
    matched = matched.filter(pl.col("by") == "agent")
    assert (matched["time"] > matched["time_order"]).all()  # filled after it was decided
    np.testing.assert_allclose(matched["price"], matched["price_order"])
    assert set(own.filter(pl.col("order") == 0)["filled"]) == {0.0}


def test_a_trace_changes_nothing(run: Run) -> None:
    plain = _test("simulation.orders.stop_distance=0.01").run(Opinionated())
    assert plain.trace is None
    np.testing.assert_array_equal(plain.pnl, run.pnl)
    assert plain.fills.equals(run.fills)
    assert plain.trades.drop("reward").equals(run.trades.drop("reward"))
    assert plain.trades["reward"].null_count() == len(plain.trades)


class Wordless:
    """The decisions of another, without opinions: its lanes go side by side."""

    name = "opinionated"

    def __init__(self, policy):
        self.act = policy.act


class Moody(Opinionated):
    """Decides by its account too."""

    def act(self, index, portfolio, mask):
        wish = np.where(portfolio[:, Portfolio.SIDE] == 0, BUY_ALL, SELL_ALL)
        mood = np.sin(index[:, 1] * 0.37 + 3.0 * portfolio[:, Portfolio.UNREALISED])
        action = np.where(mood > 0.97, wish, HOLD)
        return np.where(mask[np.arange(len(action)), action], action, HOLD)


@pytest.mark.parametrize("kind", [Opinionated, Moody])
@pytest.mark.parametrize("orders", ["ioc", "limit"])
def test_looking_ahead_changes_no_bit(kind: type[Opinionated], orders: str) -> None:
    words = ("simulation.orders.stop_distance=0.01", f"simulation/orders={orders}")
    ours, plain = _test(*words).run(kind(), traced=True), _test(*words).run(Wordless(kind()), traced=True)
    assert ours.trace is not None
    assert plain.trace is not None
    for name in ("pnl", "gross", "fees", "latency", "max_drawdown", "held_s", "seconds"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(plain, name))
    for name in ("fills", "orders", "trades"):
        assert getattr(ours, name).equals(getattr(plain, name))
    for mine, theirs in zip(ours.trace.steps, plain.trace.steps, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert plain.trace.probabilities.shape == (0, 2, 3)


def test_a_policy_is_asked_about_many_seconds_at_once() -> None:
    policy = Opinionated()
    run = _test().run(policy)
    decisions = int((run.seconds // INTERVAL_S).sum())
    assert len(policy.asked) < decisions / 8
    assert sum(policy.asked) < 3 * decisions
