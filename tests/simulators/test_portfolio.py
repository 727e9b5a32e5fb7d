"""Accounts by hand, long and short; and the identity that ties cash, position and profit together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from data.layout import Market
from simulators.execution_simulator import rules_of
from simulators.fees import commission_nb
from simulators.portfolio_kernels import (
    affordable_nb,
    apply_fill_nb,
    buying_power_nb,
    mark_nb,
    mark_price_nb,
    order_shares_nb,
    unrealised_nb,
)
from simulators.portfolio_simulator import PortfolioSimulator
from tests.support.simulation import both, settings

RULES = rules_of(settings().simulation)
FREE = rules_of(settings("simulation/fees=zero").simulation)
SHORT = rules_of(settings("simulation/fees=zero", "simulation.account.allow_short=true").simulation)


def account(rules: Any = RULES) -> np.void:
    accounts = PortfolioSimulator(rules, 1, seed=0)
    accounts.open(0, day=0, start=100, end=200)
    return accounts.lanes[0]


def book(bid: float, ask: float) -> npt.NDArray[np.float64]:
    row = np.zeros(len(Market))
    row[[Market.BID, Market.ASK]] = bid, ask
    return row


def test_a_long_round_trip_by_hand() -> None:
    lane = account()
    assert apply_fill_nb(lane, 1000.0, 5.0, 5.0, 101) == -5.0
    assert apply_fill_nb(lane, 500.0, 5.3, 2.5, 105) == -2.5
    assert lane["entry_price"] == pytest.approx(5.1)
    assert (lane["cash"], lane["position"], lane["entry_second"]) == (25_000 - 5_000 - 2_650 - 7.5, 1_500, 101)
    mark_nb(lane, book(4.9, 4.92))
    assert lane["equity"] == pytest.approx(25_000 - 7.5 - 0.2 * 1_500)
    assert lane["mae"] == pytest.approx(4.9 / 5.1 - 1)
    assert apply_fill_nb(lane, -600.0, 5.6, 3.0, 110) == pytest.approx(0.5 * 600 - 3)
    assert lane["mfe"] == pytest.approx(5.6 / 5.1 - 1)  # the exit counts as seen
    assert (lane["trades"], lane["position"], lane["entry_price"]) == (0, 900, pytest.approx(5.1))
    assert apply_fill_nb(lane, -900.0, 5.0, 4.5, 111) == pytest.approx(-0.1 * 900 - 4.5)
    assert (lane["trades"], lane["position"], lane["entry_price"], lane["entry_second"]) == (1, 0, 0, -1)
    assert lane["trade_realised"] == lane["realised"] == pytest.approx(300 - 90 - 15)
    assert lane["cash"] == pytest.approx(25_195)
    assert (lane["fees"], lane["traded"]) == (15, pytest.approx(5_000 + 2_650 + 3_360 + 4_500))


def test_a_short_round_trip_by_hand() -> None:
    lane = account(SHORT)
    apply_fill_nb(lane, -1000.0, 5.0, 0.0, 101)
    mark_nb(lane, book(5.1, 5.2))
    assert mark_price_nb(lane, book(5.1, 5.2)) == 5.2
    assert lane["equity"] == pytest.approx(24_800)
    assert lane["mae"] == pytest.approx(-0.04)
    assert unrealised_nb(lane, book(5.1, 5.2)) == pytest.approx(-200)
    assert apply_fill_nb(lane, 1000.0, 4.5, 0.0, 120) == pytest.approx(500)
    assert (lane["cash"], lane["trades"]) == (pytest.approx(25_500), 1)


def test_orders_by_size() -> None:
    lane, row = account(FREE), book(4.99, 5.0)
    rules = FREE[0]
    for kernel in both(order_shares_nb):
        assert [kernel(1.0, f, lane, row, rules) for f in (0.25, 0.5, 0.75, 1.0)] == [1250, 2500, 3750, 5000]
        assert kernel(-1.0, 1.0, lane, row, rules) == 0
        assert kernel(-1.0, 0.5, lane, row, SHORT[0]) == -np.floor(12_500 / 4.99)
    apply_fill_nb(lane, 7.0, 5.0, 0.0, 101)
    sells = [order_shares_nb(-1.0, f, lane, row, rules) for f in (0.25, 0.5, 0.75, 1.0)]
    assert sells == [-2, -4, -6, -7]  # rounded up: the last share always goes
    lane = account(SHORT)
    apply_fill_nb(lane, -8.0, 5.0, 0.0, 101)
    assert order_shares_nb(1.0, 0.25, lane, row, SHORT[0]) == 2


def test_leverage_and_used_power() -> None:
    rules = rules_of(settings("simulation/fees=zero", "simulation.account.leverage=2.0").simulation)
    lane = account(rules)
    assert buying_power_nb(lane, 0.0, rules[0]) == 50_000
    apply_fill_nb(lane, 6000.0, 5.0, 0.0, 101)
    assert lane["cash"] == -5_000
    assert buying_power_nb(lane, 5.0, rules[0]) == 20_000
    assert buying_power_nb(lane, 2.0, rules[0]) == 2 * 7_000 - 12_000
    assert buying_power_nb(lane, 1.0, rules[0]) == 0


@given(budget=st.floats(0.5, 1e6), price=st.floats(0.05, 500))
@examples(max_examples=80, deadline=None)
def test_what_is_affordable_is_paid_for_commission_included(budget: float, price: float) -> None:
    shares = affordable_nb(budget, price, RULES[0])
    assert shares * price + commission_nb(shares, price, RULES[0]) <= budget + 1e-9
    more = shares + 2
    assert more * price + commission_nb(more, price, RULES[0]) > budget - max(0.02 * budget, 1.0) * 0.01


fills = st.lists(st.tuples(st.integers(-400, 400).filter(bool), st.floats(0.5, 50), st.floats(0, 10)), max_size=25)


@given(fills)
@examples(max_examples=60, deadline=None)
def test_equity_is_start_plus_realised_plus_unrealised(given_fills: list[tuple[int, float, float]]) -> None:
    lane = account(SHORT)
    cash, position = 25_000.0, 0.0
    for second, (wanted, price, fees) in enumerate(given_fills):
        shares = float(wanted)
        if position * shares < 0 and abs(shares) > abs(position):
            shares = -position  # orders never cross zero
        apply_fill_nb(lane, shares, price, fees, 101 + second)
        cash, position = cash - shares * price - fees, position + shares
        row = book(price * 0.99, price * 1.01)
        mark_nb(lane, row)
        assert lane["cash"] == pytest.approx(cash)
        assert lane["position"] == position
        assert lane["equity"] == pytest.approx(cash + position * (row[Market.BID if position > 0 else Market.ASK]))
        assert lane["equity"] - 25_000 == pytest.approx(lane["realised"] + unrealised_nb(lane, row), abs=1e-6)
        assert lane["mae"] <= 0 <= lane["mfe"]
