"""Random trading is matched to the policy, and does what the environment would do with the same actions."""

from __future__ import annotations

import numpy as np
import pytest

from agent.baselines.random import random, wandered
from agent.episode_kernels import TOTAL, wander_all_nb
from agent.policy import HOLD, SELL_ALL, Actions, Index, Mask, Rows
from envs.vector_environment import terms_of
from simulators.execution_simulator import Rules
from simulators.layout import ACTIONS, FILL, STEP, TICKET, Portfolio
from simulators.portfolio_simulator import PortfolioSimulator
from tests.support.contests import contest
from tests.support.simulation import both
from utils.seeding import key, substream_nb, uniform_nb

ENTRY, LEAVE = 0.05, 0.2


def test_it_turns_over_as_often_and_holds_as_long() -> None:
    against = contest(None, "backtest.random_draws=150", trips=10, held=0.3)
    run = random(against)
    assert len(run.pnl) == 300
    assert run.trips.mean() == pytest.approx(10, rel=0.2)
    assert run.held_s.sum() / run.seconds.sum() == pytest.approx(0.3, rel=0.25)
    np.testing.assert_array_equal(run.seconds, against.ours.seconds[0])
    np.testing.assert_allclose(run.gross - run.costs, run.pnl, atol=0.005)
    assert (run.filled >= 2 * run.trips).all()
    assert run.trades.is_empty()


def test_idle_policies_are_matched_by_idleness() -> None:
    run = random(contest(None, "backtest.random_draws=3"))
    assert not run.filled.any()
    assert not run.pnl.any()
    assert (run.seconds > 0).all()


def test_draws_differ_and_come_again() -> None:
    against = contest(None, "backtest.random_draws=20", trips=5, held=0.3)
    first, again = random(against), random(against)
    np.testing.assert_array_equal(first.pnl, again.pnl)
    assert len(np.unique(first.pnl)) > 35


class Wanderer:
    """The same draws, decision by decision: what the kernel does without being asked while it waits."""

    name = "wanderer"

    def __init__(self, lanes: int, seed: int) -> None:
        base = np.uint64(key(seed, "backtest", "random"))
        self._streams = [substream_nb(base, np.uint64(lane)) for lane in range(lanes)]
        self._draws = [0] * lanes
        self._wait = [-1] * lanes
        self._leaving = [False] * lanes

    def _chance(self, lane: int) -> float:
        self._draws[lane] += 1
        return uniform_nb(np.uint64(self._streams[lane]), np.uint64(self._draws[lane] - 1))

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:
        return np.array([self._one(lane, portfolio[lane], mask[lane]) for lane in range(len(index))], np.int64)

    def _one(self, lane: int, portfolio: Rows, mask: Mask) -> int:
        invested, pending = portfolio[Portfolio.SIDE] != 0, portfolio[Portfolio.PENDING] != 0
        if not invested and not pending:
            if self._wait[lane] < 0:
                self._wait[lane] = int(np.log(self._chance(lane)) / np.log1p(-ENTRY))
            self._wait[lane] -= 1
            if self._wait[lane] >= 0:
                return HOLD
            self._leaving[lane] = False
            action = 4 + int(self._chance(lane) * 4)
        else:
            chance = self._chance(lane)
            self._leaving[lane] = invested and (self._leaving[lane] or chance < LEAVE)
            if pending or not self._leaving[lane]:
                return HOLD
            action = SELL_ALL
        return action if mask[action] else HOLD


def test_passing_over_idle_seconds_changes_nothing() -> None:
    against = contest()
    slow = against.backtest.run(Wanderer(6, 0), copies=3)
    fast = wandered(against, 3, ENTRY, LEAVE)
    assert fast.trips.sum() > 15
    for name in TOTAL.names or ():
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=0, atol=1e-9, err_msg=name)


def test_plain_python_does_the_same() -> None:
    test = contest().backtest
    rules, terms = Rules(test.simulation), terms_of(test.env)
    results = []
    for kernel in both(wander_all_nb):
        accounts = PortfolioSimulator(rules.table, 1, 0)
        accounts.open(0, 0, 20_000, 20_400)
        totals, mask = np.zeros(1, TOTAL), np.zeros(ACTIONS, np.bool_)
        work = (np.zeros(1, STEP), np.zeros(21, FILL), np.zeros(1, TICKET), mask)
        market = (test.bank.table, rules.table, terms)
        kernel(accounts.lanes, totals, *work, *market, 0.2, 0.3, np.uint64(5), np.uint64(0))
        results.append(totals)
    assert results[0] == results[1]
    assert results[0]["filled"][0] > 0
