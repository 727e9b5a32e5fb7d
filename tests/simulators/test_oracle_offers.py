"""What an order can come to at best, against orders that were really sent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from data.layout import Market
from simulators.execution_simulator import ExecutionSimulator, Rules
from simulators.layout import TICKET
from simulators.oracle_offers import (
    POINTS,
    blunt_nb,
    cash_nb,
    closing_nb,
    net_nb,
    push_nb,
    reach_nb,
    resting_nb,
    widen_nb,
)
from tests.support.made_day import made_day, random_day
from tests.support.simulation import NINE_THIRTY, at, bank_of, both, halted_day, settings, steady_day

MANY = 1e6
Points = list[tuple[float, float]]


def hull_of(points: Points) -> np.ndarray:
    """Plain upper hull: the highest chord over every point."""
    xs = np.array(sorted({x for x, _ in points}))
    best = np.array([max(y for x, y in points if x == at_x) for at_x in xs])
    for i in range(len(xs)):
        for a in range(i):
            for b in range(i + 1, len(xs)):
                chord = best[a] + (xs[i] - xs[a]) / (xs[b] - xs[a]) * (best[b] - best[a])
                best[i] = max(best[i], chord)
    return np.array([xs, best])


POINT = st.tuples(st.integers(1, 30).map(float), st.integers(-50, 50).map(float))


@pytest.mark.parametrize("python", [False, True])
@examples(max_examples=60, deadline=None)
@given(st.lists(POINT, min_size=1, max_size=8), st.lists(POINT, min_size=1, max_size=8))
def test_widening_is_the_hull_of_both(python: bool, first: Points, second: Points) -> None:
    push, widen, cash = (pair[python] for pair in (both(push_nb), both(widen_nb), both(cash_nb)))
    offer, more, spare = np.zeros((2, 64)), np.zeros((2, 64)), np.zeros((2, 64))
    count = 1
    for x, y in sorted(first):
        count = push(offer, count, x, y)
    added = 0
    for x, y in sorted(second):
        more[:, added] = x, y
        added += 1
    count = widen(offer, count, more, added, spare)
    slopes = np.diff(offer[1, :count]) / np.diff(offer[0, :count])
    assert (np.diff(slopes) < 0).all()
    for x, y in hull_of([(0.0, 0.0), *first, *second]).T:
        assert cash(offer, count, x) == pytest.approx(y, abs=1e-9)
    assert cash(offer, count, 31.0) == -np.inf


def test_blunting_only_adds() -> None:
    offer = np.zeros((2, 8))
    count = 1
    for x, y in ((100.0, -500.0), (200.0, -1010.0), (300.0, -1530.0)):
        count = push_nb(offer, count, x, y)
    blunt = offer.copy()
    assert blunt_nb(blunt, count) == 2
    assert blunt[:, 1] == pytest.approx([300, -1500])


class Reach:
    """The offers of one day."""

    def __init__(self, day, *overrides: str) -> None:
        self.config = settings(*overrides)
        self.day, self.bank, self.rules = day, bank_of([day], self.config), Rules(self.config.simulation)
        self.execution = ExecutionSimulator(self.bank, self.config.simulation)
        self.offer, self.spares, self.range = np.zeros((2, POINTS)), np.zeros((2, 2, POINTS)), np.zeros(2)

    def open(self, side: int, first: float, last: float, most: float = MANY) -> int:
        self.range[:] = np.inf, 0.0
        span = (at(self.day, first), at(self.day, last))
        record = (self.bank.table[0], self.rules.table[0], np.zeros(1, TICKET)[0])
        return reach_nb(side, *span, most, *record, self.offer, self.spares, self.range)

    def traded(self, second: float, shares: float, **own: float) -> tuple[float, float]:
        """(shares, cash) of an order that is sent."""
        done = self.execution.execute(0, at(self.day, second), shares, **own)
        return abs(done.shares), -done.shares * done.price - done.fees


FILLS = {
    "l1_walk": (),
    "no impact": ("simulation.fill.params.impact=0",),
    "touch": ("simulation/fill=touch", "simulation.fill.params={}"),
    "mid": ("simulation/fill=mid", "simulation.fill.params={}"),
}


@pytest.mark.parametrize("fill", sorted(FILLS))
def test_no_order_gets_more_than_the_offer(fill: str) -> None:
    reach = Reach(random_day(3, quote_every_s=0.2), *FILLS[fill])
    rng = np.random.default_rng(0)
    traded = 0
    for _ in range(40):
        first = NINE_THIRTY + rng.uniform(0, 20_000)
        last = first + rng.exponential(1.0)
        side = int(rng.choice([-1, 1]))
        count = reach.open(side, first, last)
        for _ in range(25):
            size = float(np.ceil(10 ** rng.uniform(0, 4.5)))
            own = {"used": rng.choice([0.0, 50.0]), "flow": rng.choice([0.0, 500.0])}
            shares, cash = reach.traded(rng.uniform(first, last), side * size, **own)
            if shares:
                traded += 1
                assert cash <= cash_nb(reach.offer, count, shares) + 1e-9 * abs(cash)
    assert traded > 300


def test_one_book_with_a_linear_price_is_exact() -> None:
    reach = Reach(steady_day(), *FILLS["touch"])
    count = reach.open(1, NINE_THIRTY + 1, NINE_THIRTY + 1)
    for size in (400, 5_000, 100_000):  # from 200 shares on, the commission's minimum does not matter
        shares, cash = reach.traded(NINE_THIRTY + 1, size)
        assert cash_nb(reach.offer, count, shares) == pytest.approx(cash, rel=1e-12)
    assert reach.range == pytest.approx([5.03, 5.03])


def test_whole_orders_pay_the_minimum_commission() -> None:
    reach = Reach(steady_day(size=100), "simulation.fill.params.impact=0", "simulation.execution.limit_offset=0")
    count = reach.open(-1, NINE_THIRTY + 1, NINE_THIRTY + 1)
    shares, cash = reach.traded(NINE_THIRTY + 1, -MANY)
    assert shares == 30
    assert cash_nb(reach.offer, count, 30.0) == pytest.approx(cash)
    assert cash < 30 * 5.0 - 1.0


def test_the_best_book_within_reach_counts() -> None:
    quotes = [(NINE_THIRTY + t, 5.0 + 0.1 * t, 5.02 + 0.1 * t, 600, 600) for t in (0.0, 0.4, 0.8, 1.2)]
    reach = Reach(made_day(quotes), *FILLS["touch"])
    reach.open(1, NINE_THIRTY + 0.5, NINE_THIRTY + 1.0)
    assert reach.range == pytest.approx([5.06, 5.10])
    reach.open(-1, NINE_THIRTY + 0.5, NINE_THIRTY + 1.25)
    assert reach.range == pytest.approx([5.04, 5.12])


def test_nothing_trades_in_a_halt_and_everything_after_it() -> None:
    reach = Reach(halted_day())
    assert reach.open(1, NINE_THIRTY + 650, NINE_THIRTY + 652) == 1
    assert reach.open(1, NINE_THIRTY + 590, NINE_THIRTY + 652) > 1
    assert reach.open(1, NINE_THIRTY + 899, NINE_THIRTY + 901) == 1  # no quote yet
    early = reach.open(1, NINE_THIRTY + 925, NINE_THIRTY + 926)
    few = reach.offer[0, early - 1]
    late = reach.open(1, NINE_THIRTY + 925, NINE_THIRTY + 935)  # the book recovers after 30 s
    assert reach.offer[0, late - 1] == 2 * few


def test_resting_orders_count_all_prints_at_their_price() -> None:
    trades = [(NINE_THIRTY + t, p, s, side) for t, p, s, side in ((1, 5.0, 300, -1), (2, 4.99, 100, -1))]
    trades += [(NINE_THIRTY + 3, 5.0, 700, 1), (NINE_THIRTY + 4, 5.01, 900, -1), (NINE_THIRTY + 50, 5.0, 50, -1)]
    day = made_day([(float(t), 5.0, 5.03, 600, 600) for t in range(NINE_THIRTY - 50, NINE_THIRTY + 90, 5)], trades)
    reach = Reach(day, "simulation/orders=limit")
    record = (day.market[NINE_THIRTY], reach.bank.table[0], reach.rules.table[0])
    span = (at(day, NINE_THIRTY + 0.1), at(day, NINE_THIRTY + 0.5))
    reach.offer[:, 0] = 0.0
    count = resting_nb(1, *span, MANY, *record, reach.offer, 1, reach.spares)
    assert count == 2
    assert reach.offer[:, 1] == pytest.approx([400, -400 * 5.0 - 2.0])


def test_closing_is_at_least_what_the_environment_pays() -> None:
    reach = Reach(steady_day(), *FILLS["no impact"])
    second = 20_000
    row, day, rules = reach.day.market[second], reach.bank.table[0], reach.rules.table[0]
    ticket, spare = np.zeros(1, TICKET)[0], reach.spares[0]
    count = closing_nb(-1, 1_000.0, row, day, rules, ticket, reach.offer, spare)
    worst = 5.0 * (1 - reach.config.simulation.execution.limit_offset)
    walked = net_nb(-1.0, 180.0, 5.0, rules, day)  # what the book takes, its fees paid
    assert cash_nb(reach.offer, count, 180.0) == pytest.approx(walked)
    fees = 820 * worst * day["sec_rate"] + min(1_000 * day["taf_per_share"], day["taf_cap"])
    fees -= 180 * day["taf_per_share"]  # no commission: its minimum covers some of the rest
    assert cash_nb(reach.offer, count, 1_000.0) == pytest.approx(walked + 820 * worst - fees)
    stopped = row.copy()
    stopped[Market.TRADABLE] = 0
    count = closing_nb(1, 500.0, stopped, day, rules, ticket, reach.offer, spare)
    assert reach.offer[1, count - 1] == pytest.approx(-500 * 5.03 * 1.02 - 2.5)
    assert closing_nb(1, 0.0, row, day, rules, ticket, reach.offer, spare) == 1
