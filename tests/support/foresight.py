"""A policy that knows the future: it follows the plan behind the oracle's bound through the real environment.

What it earns is a lower bound of what foresight is worth, so it shows how tight the oracle's upper bound is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agent.backtest import Backtest
from agent.policy import HOLD, Actions, Index, Mask, Rows
from data.layout import SECOND_NS, Market
from envs.actions import encode
from simulators.execution_simulator import Rules
from simulators.layout import ActionType, Portfolio, PositionSize
from simulators.oracle_kernels import Desk, end_nb, may_order_nb, new_desk, order_nb, slot_nb
from simulators.oracle_offers import closing_nb

LATENCY_NS = 120_000_000
"""What the plan takes every order to need."""
Curve = tuple[np.ndarray, np.ndarray]
"""Shares, ascending, and cash."""


class Slot(NamedTuple):
    """A decision as the dynamic programme saw it."""

    second: int
    before: Curve
    order: Curve


def _curve(line: np.ndarray, head: np.ndarray) -> Curve:
    shares = head[0] + np.concatenate([[0.0], np.cumsum(line[0])])
    return shares, head[1] + np.concatenate([[0.0], np.cumsum(line[0] * line[1])])


def _split(total: float, first: Curve, second: Curve) -> float:
    """The part of `total` shares that the second curve takes so that both bring most cash; none if it is the same."""
    parts = np.union1d(second[0], total - first[0])
    parts = parts[(parts >= second[0][0] - 1e-9) & (parts <= second[0][-1] + 1e-9)]
    parts = parts[(total - parts >= first[0][0] - 1e-6) & (total - parts <= first[0][-1] + 1e-6)]
    if not len(parts):
        return 0.0
    cash = np.interp(total - parts, *first) + np.interp(parts, *second)
    best = parts[cash >= cash.max() - 1e-9]
    return float(best[np.abs(best).argmin()])


def plan_of(test: Backtest, row: int) -> dict[int, float]:
    """Shares to hold after the decision at each second, on a day of the backtest, long positions only."""
    episode, interval = test.episodes()[row], test.env.decision_interval_s
    day, rules = test.bank.table[row], Rules(test.simulation)
    rule, market, desk = rules.table[0], test.bank.days[row].market, new_desk()
    end = min(episode.start + episode.length, int(day["last_s"]))
    lines, count, head = np.zeros((2, 2, 256)), 0, np.array([0.0, test.simulation.account.capital])
    slots: list[Slot] = []
    for second in range(episode.start, end, interval):
        arrival = int(day["start_ns"]) + (second + 1) * SECOND_NS + LATENCY_NS
        if second + 1 >= end or not may_order_nb(market[second], second, day):
            continue
        before, right = _curve(lines[0, :, :count], head), end_nb(lines[0], count, head)
        points = order_nb(arrival, arrival, True, False, head, right, market[second], day, rule, desk)
        slots.append(Slot(second, before, (desk.trade[0, :points].copy(), desk.trade[1, :points].copy())))
        lines, count = slot_nb(lines, count, head, (arrival, arrival), True, False, market[second], day, rule, desk)
    held = _closed_at(_curve(lines[0, :, :count], head), market[end], day, rule, desk)
    plan: dict[int, float] = {}
    for slot in reversed(slots):
        plan[slot.second] = held
        held -= _split(held, slot.before, slot.order) if len(slot.order[0]) > 1 else 0.0
    return plan


def _closed_at(front: Curve, row: np.ndarray, day: np.void, rule: np.void, desk: Desk) -> float:
    """Shares at the end that are worth most once closed."""
    points = closing_nb(-1, front[0][-1], row, day, rule, desk.ticket[0], desk.sells, desk.spares[0])
    grid = np.union1d(front[0], desk.sells[0, :points])
    grid = grid[grid <= front[0][-1]]
    return float(grid[(np.interp(grid, *front) + np.interp(grid, desk.sells[0], desk.sells[1])).argmax()])


class Foresight:
    """Sends the order whose size is nearest to what the plan lacks, one backtest day a lane."""

    name = "foresight"

    def __init__(self, test: Backtest) -> None:
        self._days = test.bank.days
        self._capital = test.simulation.account.capital
        self._plans = [plan_of(test, row) for row in range(len(test.days))]

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:
        actions = [self._one(int(at[0]), int(at[1]), own) for at, own in zip(index, portfolio, strict=True)]
        return np.array([a if mask[lane, a] else HOLD for lane, a in enumerate(actions)], np.int64)

    def _one(self, row: int, second: int, portfolio: Rows) -> int:
        market = self._days[row].market[second]
        if second not in self._plans[row]:
            return HOLD
        equity = self._capital * np.exp(portfolio[Portfolio.EPISODE_RETURN] / 10.0)
        held = portfolio[Portfolio.EXPOSURE] * equity / market[Market.BID]
        lacking = self._plans[row][second] - held
        side, most = ActionType.BUY, portfolio[Portfolio.CASH_SHARE] * equity / market[Market.ASK]
        if lacking < 0:
            side, most = ActionType.SELL, held
        quarters = round(4.0 * abs(lacking) / max(most, 1.0))
        return encode(side, PositionSize(min(quarters, 4) - 1)) if quarters > 0 else HOLD
