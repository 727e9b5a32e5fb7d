"""Which decisions are explained: kinds are what they say, and what orders were decided on is what was seen then."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay
from agent.explaining import (
    ENTRY,
    EXIT,
    Decisions,
    OrdersNoted,
    draw,
    rollout_decisions,
    telling_trades,
)
from agent.ledger import Run
from agent.policy import BUY_ALL, HOLD, SELL_ALL
from agent.tables import AGENT, FIRST_ORDER
from metrics.explanation import Stratum
from simulators.day_bank import DayBank
from simulators.layout import ACTIONS, Portfolio
from tests.support.configs import load_config
from tests.support.made_day import random_day
from tests.support.reports import Swings
from tests.support.toy_agent import toy_agent
from utils.errors import ModelError
from utils.seeding import stream

START, LAST = 20_000, 22_400


def test_a_decision_is_what_it_does_to_the_position() -> None:
    cases = {
        (BUY_ALL, 0.0): Stratum.ENTRY,
        (BUY_ALL, 1.0): Stratum.ENTRY,  # adds to it
        (BUY_ALL, -1.0): Stratum.EXIT,  # covers a short
        (SELL_ALL, 1.0): Stratum.EXIT,
        (SELL_ALL, 0.0): Stratum.ENTRY,  # opens a short
        (SELL_ALL, -1.0): Stratum.ENTRY,
        (HOLD, 1.0): Stratum.HOLD,
        (HOLD, -1.0): Stratum.HOLD,
        (HOLD, 0.0): Stratum.FLAT,
        (HOLD + 3, 0.0): Stratum.FLAT,  # all HOLDs are alike
    }
    portfolio = np.zeros((len(cases), len(Portfolio)), np.float32)
    portfolio[:, Portfolio.SIDE] = [side for _, side in cases]
    nothing = np.zeros((len(cases), 2), np.int64)
    decided = Decisions(
        index=nothing,
        portfolio=portfolio,
        mask=np.ones((len(cases), ACTIONS), np.bool_),
        action=np.array([action for action, _ in cases]),
        lane=nothing[:, 0],
    )
    assert decided.strata == list(cases.values())


def test_a_rollouts_decisions_are_drawn_by_kind_and_the_same_for_a_seed(tmp_path: Path) -> None:
    agent = toy_agent(total_steps=8 * 32)
    agent.train()
    decided = rollout_decisions(agent.algorithm)
    buffer = agent.algorithm.rollout_buffer
    rows = {}  # by lane, day and second: what the buffer holds
    for step, lane in np.ndindex(buffer.actions.shape[:2]):
        key = lane, *buffer.observations["index"][step, lane].tolist()
        rows[key] = buffer.actions[step, lane, 0], buffer.observations["portfolio"][step, lane]
    assert len(decided.action) == len(rows)
    for lane, index, action, portfolio in zip(
        decided.lane, decided.index, decided.action, decided.portfolio, strict=True
    ):
        known = rows[int(lane), *index.tolist()]
        assert known[0] == action
        assert np.array_equal(known[1], portfolio)

    drawn = draw(decided, 5, stream(3, "explain", 1))
    assert Counter(drawn.strata) == dict.fromkeys(Stratum, 5)
    again, other = draw(decided, 5, stream(3, "explain", 1)), draw(decided, 5, stream(3, "explain", 2))
    assert np.array_equal(drawn.index, again.index)
    assert not np.array_equal(drawn.index, other.index)
    every = draw(decided, 10_000, stream(3, "explain", 1))
    assert Counter(every.strata) == Counter(decided.strata), "of a rare kind all there are"

    path = tmp_path / "decisions.npz"
    drawn.save(path)
    read = Decisions.load(path)
    assert read.strata == drawn.strata
    for mine, theirs in zip(vars(read).values(), vars(drawn).values(), strict=True):
        assert np.array_equal(mine, theirs)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match="holds no decisions"):
        Decisions.load(path)


class StepByStep:
    """Decides as another policy does, but cannot be asked ahead: every observation that it is shown comes true."""

    name = "agent"

    def __init__(self, policy: Swings) -> None:
        self.policy, self.seen = policy, {}

    def act(self, index: np.ndarray, portfolio: np.ndarray, mask: np.ndarray) -> np.ndarray:
        actions = self.policy.act(index, portfolio, mask)
        for row in np.flatnonzero(actions >= FIRST_ORDER):
            self.seen[tuple(index[row].tolist())] = portfolio[row].copy(), mask[row].copy(), int(actions[row])
        return actions


@pytest.fixture(scope="module")
def played() -> tuple[Run, OrdersNoted, StepByStep]:
    """The same policy, asked ahead and asked step by step."""
    config = load_config("momentum_training", [f"backtest.last_second={LAST}", "env.decision_interval_s=1"])
    made = [random_day(seed, symbol=symbol) for seed, symbol in enumerate(("AAA", "BBB"))]
    days = [BacktestDay(day.symbol, day.date, START) for day in made]
    test = Backtest.of(config, DayBank(made, config.simulation), days)
    noted, steps = OrdersNoted(Swings(200)), StepByStep(Swings(200))
    run = test.run(noted)
    assert test.run(steps).pnl.tolist() == run.pnl.tolist()
    return run, noted, steps


def test_what_an_order_was_decided_on_is_what_was_seen_at_that_second(
    played: tuple[Run, OrdersNoted, StepByStep],
) -> None:
    run, noted, steps = played
    sent = run.orders.filter((pl.col("by") == AGENT) & (pl.col("order") > 0))
    lane, second = sent["lane"].to_numpy(), sent["second"].to_numpy()
    decided = noted.decisions(lane, second)
    assert len(lane) > 20
    for row, key in enumerate(zip(lane.tolist(), second.tolist(), strict=True)):
        portfolio, mask, action = steps.seen[key]
        assert np.array_equal(decided.portfolio[row], portfolio)
        assert np.array_equal(decided.mask[row], mask)
        assert decided.action[row] == action


def test_trades_know_when_their_ends_were_decided(played: tuple[Run, OrdersNoted, StepByStep]) -> None:
    run, noted, _ = played
    trades = telling_trades(run, 1_000)
    assert trades.height == run.trades.height
    for end, stratum in ((ENTRY, Stratum.ENTRY), (EXIT, Stratum.EXIT)):
        known = trades.drop_nulls(end)
        late = known[end.replace("decided", "second")] - known[end]
        assert set(late.to_list()) <= set(range(61)), "orders fill soon after they were decided"
        kinds = noted.decisions(known["lane"].to_numpy(), known[end].to_numpy()).strata
        assert set(kinds) == {stratum}
    by_agent = trades["closed_by"] == AGENT
    assert trades[EXIT].is_not_null().to_list() == by_agent.to_list()
    assert trades[ENTRY].null_count() == 0
    few = telling_trades(run, 3)
    assert few.height == 3
    assert few["pnl"].abs().min() >= trades["pnl"].abs().sort(descending=True)[2]
