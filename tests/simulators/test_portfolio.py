"""Accounts by hand, long and short; and the identity that ties cash, position and profit together."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from data.layout import Market
from simulators.account import account_on, can_borrow
from simulators.execution_simulator import Rules
from simulators.fees import commission_nb, locate_rate_nb
from simulators.layout import OrderKind, Reason
from simulators.portfolio_kernels import (
    affordable_nb,
    apply_fill_nb,
    buying_power_nb,
    locate_nb,
    margin_call_nb,
    mark_nb,
    mark_price_nb,
    opening_nb,
    order_shares_nb,
    unrealised_nb,
)
from simulators.portfolio_simulator import PortfolioSimulator
from tests.support.simulation import bank_of, both, settings, steady_day

FREE = ("simulation/fees=zero",)
SHORT = (*FREE, "simulation/shorts=on")


def rules_with(*overrides: str) -> Any:
    return Rules(settings(*overrides).simulation).table


def day_with(*overrides: str) -> np.void:
    row = bank_of([steady_day()], settings(*overrides)).table[0].copy()
    row["locate"] = 1
    return row


def account(rules: Any = None) -> np.void:
    accounts = PortfolioSimulator(rules_with() if rules is None else rules, 1, seed=0)
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
    lane = account(rules_with(*SHORT))
    apply_fill_nb(lane, -1000.0, 5.0, 0.0, 101)
    mark_nb(lane, book(5.1, 5.2))
    assert mark_price_nb(lane, book(5.1, 5.2)) == 5.2
    assert lane["equity"] == pytest.approx(24_800)
    assert lane["mae"] == pytest.approx(-0.04)
    assert unrealised_nb(lane, book(5.1, 5.2)) == pytest.approx(-200)
    assert apply_fill_nb(lane, 1000.0, 4.5, 0.0, 120) == pytest.approx(500)
    assert (lane["cash"], lane["trades"]) == (pytest.approx(25_500), 1)


def test_orders_by_size() -> None:
    free, short = rules_with(*FREE), rules_with(*SHORT)
    lane, row, day = account(free), book(4.99, 5.0), day_with()
    for kernel in both(order_shares_nb):
        assert [kernel(1.0, f, lane, row, day, free[0]) for f in (0.25, 0.5, 0.75, 1.0)] == [1250, 2500, 3750, 5000]
        assert kernel(-1.0, 0.5, lane, row, day, short[0]) == -np.floor(12_500 / (4.99 * 1.01))  # the locate is paid
    apply_fill_nb(lane, 7.0, 5.0, 0.0, 101)
    sells = [order_shares_nb(-1.0, f, lane, row, day, free[0]) for f in (0.25, 0.5, 0.75, 1.0)]
    assert sells == [-2, -4, -6, -7]  # rounded up: the last share always goes
    lane = account(short)
    apply_fill_nb(lane, -8.0, 5.0, 0.0, 101)
    assert order_shares_nb(1.0, 0.25, lane, row, day, short[0]) == 2


def test_leverage_and_used_power() -> None:
    lane, day = account(rules_with(*FREE)), day_with("simulation.account.leverage=2.0")
    assert buying_power_nb(lane, 0.0, day) == 50_000
    apply_fill_nb(lane, 6000.0, 5.0, 0.0, 101)
    assert lane["cash"] == -5_000
    assert buying_power_nb(lane, 5.0, day) == 20_000
    assert buying_power_nb(lane, 2.0, day) == 2 * 7_000 - 12_000
    assert buying_power_nb(lane, 1.0, day) == 0


def test_a_cash_account_spends_settled_cash_only() -> None:
    """Bought for 10,000, sold for 11,000: the 15,000 that were never spent are left today."""
    lane, day = account(rules_with(*FREE)), day_with("simulation/account=cash")
    apply_fill_nb(lane, 2000.0, 5.0, 0.0, 101)
    assert buying_power_nb(lane, 5.0, day) == 15_000
    apply_fill_nb(lane, -2000.0, 5.5, 0.0, 105)
    assert (lane["cash"], lane["unsettled"]) == (26_000, 11_000)
    assert buying_power_nb(lane, 0.0, day) == 15_000
    assert buying_power_nb(lane, 0.0, day_with()) == 26_000


@pytest.mark.parametrize(
    ("regime", "capital", "used", "date", "leverage", "left"),
    [
        ("intraday", 5_000, 0, "2026-06-04", 4.0, -1),
        ("pdt", 24_999, 0, "2025-04-15", 2.0, 3),
        ("pdt", 24_999, 2, "2025-04-15", 2.0, 1),
        ("pdt", 24_999, 5, "2025-04-15", 2.0, 0),
        ("pdt", 25_000, 5, "2025-04-15", 4.0, -1),
        ("by_date", 5_000, 0, "2026-06-03", 2.0, 3),
        ("by_date", 5_000, 0, "2026-06-04", 4.0, -1),
        ("cash", 5_000, 0, "2025-04-15", 1.0, -1),
    ],
)
def test_regimes(regime: str, capital: float, used: int, date: str, leverage: float, left: int) -> None:
    words = (f"simulation.account.capital={capital}", f"simulation.account.day_trades_used={used}")
    account_ = settings(f"simulation/account={regime}", "simulation.account.leverage=9", *words).simulation.account
    on = account_on(dt.date.fromisoformat(date), account_)
    assert (on.leverage, on.day_trades_left, on.settle) == (leverage, left, regime == "cash")


def test_what_may_not_be_opened() -> None:
    """In this order: day trades, permission, locate, and the short-sale restriction for what is marketable."""
    rules, row = rules_with(*SHORT), book(4.99, 5.0)
    restricted = row.copy()
    restricted[Market.SSR] = 1
    for kernel in both(opening_nb):
        lane, day = account(rules), day_with()
        assert kernel(-1.0, OrderKind.IOC, lane, row, day, rules[0]) == Reason.NONE
        assert kernel(-1.0, OrderKind.IOC, lane, restricted, day, rules[0]) == Reason.SSR
        assert kernel(-1.0, OrderKind.LIMIT, lane, restricted, day, rules[0]) == Reason.NONE  # above the bid
        assert kernel(1.0, OrderKind.IOC, lane, restricted, day, rules[0]) == Reason.NONE
        assert kernel(-1.0, OrderKind.IOC, lane, row, day, rules_with()[0]) == Reason.INVALID
        assert kernel(-1.0, OrderKind.IOC, lane, row, day_with("simulation/account=cash"), rules[0]) == Reason.INVALID
        day["locate"] = 0
        assert kernel(-1.0, OrderKind.IOC, lane, row, day, rules[0]) == Reason.NO_LOCATE
        small = day_with("simulation/account=pdt", "simulation.account.capital=20000")
        lane["trades"] = 2
        assert kernel(1.0, OrderKind.IOC, lane, row, small, rules[0]) == Reason.NONE
        lane["trades"] = 3
        assert kernel(1.0, OrderKind.IOC, lane, row, small, rules[0]) == Reason.DAY_TRADES


def test_a_share_is_located_once() -> None:
    rules = rules_with(*SHORT)
    lane = account(rules)
    assert locate_nb(lane, -300.0, 5.0, rules[0]) == pytest.approx(300 * 0.05)
    apply_fill_nb(lane, -300.0, 5.0, 0.0, 101)
    assert locate_nb(lane, -200.0, 0.5, rules[0]) == pytest.approx(200 * 0.01)
    apply_fill_nb(lane, -200.0, 0.5, 0.0, 102)
    apply_fill_nb(lane, 500.0, 0.5, 0.0, 103)
    assert locate_nb(lane, -500.0, 5.0, rules[0]) == 0
    assert lane["locate_fees"] == pytest.approx(17)


def test_locates_are_seeded_by_symbol_and_date() -> None:
    shorts = settings().simulation.shorts
    days = [dt.date(2025, 1, 1) + dt.timedelta(days=n) for n in range(2_000)]
    found = [can_borrow("MLGO", day, shorts) for day in days]
    assert found == [can_borrow("MLGO", day, shorts) for day in days]
    assert found != [can_borrow("NVDA", day, shorts) for day in days]
    assert np.mean(found) == pytest.approx(0.30, abs=0.03)


def test_the_broker_closes_what_equity_no_longer_carries() -> None:
    """Short 4,000 at 10 on 25,000: 65,000 cash. At 13, equity 13,000 carries 52,000; at 13.01 no longer."""
    lane, day = account(rules_with(*SHORT)), day_with()
    apply_fill_nb(lane, -4000.0, 10.0, 0.0, 101)
    for price, called in ((13.0, False), (13.01, True)):
        row = book(price - 0.01, price)
        mark_nb(lane, row)
        for kernel in both(margin_call_nb):
            assert kernel(lane, row, day) == called


@given(budget=st.floats(0.5, 1e6), price=st.floats(0.05, 500), side=st.sampled_from([1.0, -1.0]))
@examples(max_examples=80, deadline=None)
def test_what_is_affordable_is_paid_for_fees_included(budget: float, price: float, side: float) -> None:
    rules = rules_with()[0]
    each = price + (locate_rate_nb(price, rules) if side < 0 else 0.0)

    def cost(shares: float) -> float:
        return shares * each + commission_nb(shares, shares * price, rules)

    shares = affordable_nb(budget, price, side, rules)
    assert cost(shares) <= budget + 1e-9
    assert cost(shares + 2) > budget - max(0.02 * budget, 1.0) * 0.01


fills = st.lists(st.tuples(st.integers(-400, 400).filter(bool), st.floats(0.5, 50), st.floats(0, 10)), max_size=25)


@given(fills)
@examples(max_examples=60, deadline=None)
def test_equity_is_start_plus_realised_plus_unrealised(given_fills: list[tuple[int, float, float]]) -> None:
    lane = account(rules_with(*SHORT))
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
