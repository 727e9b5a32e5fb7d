"""What must hold for every fill, of any book, around halts, in any account; and that the audit sees what is wrong."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from data.layout import SECOND_NS, Market
from envs.episodes import UniformEpisodes
from scripts.audit_fills.checks.books import try_books
from scripts.audit_fills.checks.conservation import LOG_RETURN, MODES, keep_books
from scripts.audit_fills.checks.days import outside_book
from scripts.audit_fills.checks.halts import before_book, in_halt, judged, with_halts
from scripts.audit_fills.orders import ORDER, OrderDesk, books_at, moments
from scripts.lanes import open_lanes
from simulators.execution_kernels import fill_nb, write_ticket_nb
from simulators.execution_simulator import Rules
from simulators.layout import FILL, TICKET
from simulators.models import fill_model
from tests.support.made_day import made_day
from tests.support.simulation import NINE_THIRTY, halted_day, settings, walk_day

SEEDS = st.integers(0, 2**32)
DAYS = [walk_day(3), walk_day(4)]
PARAMS = st.fixed_dictionaries(
    {
        "displayed_share": st.floats(0.01, 1.0),
        "resume_share": st.floats(0.0, 1.0),
        "resume_s": st.floats(0.0, 3_600.0),
        "participation": st.floats(0.0, 1.0),
        "impact": st.floats(0.0, 5.0),
    }
)


def faults(found: np.void) -> dict[str, int]:
    return {name: int(found[name]) for name in ("better", "beyond", "more", "profitable", "cheaper", "kinder", "extra")}


@given(SEEDS, PARAMS, st.sampled_from((0.0, 0.001, 0.02, 0.2)))
@examples(max_examples=40, deadline=None)
def test_no_book_gives_anything_away(seed: int, params: dict[str, float], offset: float) -> None:
    """Whatever the parameters of the default model."""
    simulation = settings().simulation
    simulation.fill.params = params
    simulation.execution.limit_offset = offset
    found = try_books(Rules(simulation), 500, seed)
    assert not any(faults(found).values()), faults(found)
    assert found["gain"] <= 1e-6


def test_the_books_see_a_model_that_gives_the_spread_away() -> None:
    found = try_books(Rules(settings("simulation/fill=mid").simulation), 200, 0)
    assert found["better"] == found["fills"] > 0
    touch = try_books(Rules(settings("simulation/fill=touch").simulation), 200, 0)
    assert not any(faults(touch).values())


@fill_model("forgetful", formula="touch + a tick per 1,000 shares, whatever was traded before; the first 10 are a gift")
def forgetful(ticket, params):
    ticket["shares"] = ticket["wanted"]
    worse = ticket["tick"] * (ticket["wanted"] / 1_000.0 if ticket["wanted"] > 10.0 else -2.0)
    ticket["price"] = (ticket["touch"] + ticket["side"] * worse) / 1e9


def test_the_books_see_a_model_that_forgets() -> None:
    simulation = settings().simulation
    simulation.fill.model, simulation.fill.params = "forgetful", {}
    found = try_books(Rules(simulation), 2_000, 0)
    assert found["gain"] > 1
    assert found["better"] > 0
    assert found["beyond"] > 0
    assert found["profitable"] > 0


Book = tuple[int, int, bool, int, float, int, int]
BOOK = st.tuples(
    st.integers(1, 50_000),  # bid, ticks
    st.integers(1, 200),  # spread, ticks
    st.booleans(),  # below a dollar
    st.integers(100, 50_000),  # displayed
    st.floats(0.05, 3.0),  # sigma
    st.integers(0, 10**9),  # volume
    st.integers(0, 10**7),  # in the last 30 s
)


@functools.cache
def plain_rules() -> Rules:
    return Rules(settings().simulation)


def filled(book: Book, side: int, orders: list[int]) -> Iterator[tuple[float, float]]:
    """(shares, price) of orders that follow each other at once on one side of a book."""
    bid, spread, small, shown, sigma, volume, recent = book
    tick = 100_000 if small else 10_000_000
    low = min(bid, 9_000) if small else bid + 100
    row, ticket = np.zeros(len(Market)), np.zeros(1, TICKET)
    row[Market.LULD_HIGH], row[Market.SIGMA_DAILY] = np.inf, sigma
    row[Market.VOLUME_SCALE], row[Market.VOLUME_30S] = volume, recent
    rules = plain_rules()
    write_ticket_nb(ticket[0], side, low * tick, (low + spread) * tick, float(shown), row, rules.table[0])
    ticket["since_resume_ns"] = 1e18
    for shares in orders:
        got, price = fill_nb(ticket[0], float(shares), rules.table[0])
        ticket["used"] += got
        ticket["flow"] += got
        yield got, price if got else 0.0


@given(BOOK, st.sampled_from((1, -1)), st.lists(st.integers(1, 20_000), min_size=2, max_size=5))
@examples(max_examples=300, deadline=None)
def test_splitting_an_order_gains_nothing(book: Book, side: int, parts: list[int]) -> None:
    """Hypothesis looks for the book and the parts."""
    done = list(filled(book, side, parts))
    shares, money = sum(got for got, _ in done), sum(got * price for got, price in done)
    if not shares:
        return
    ((whole, price),) = filled(book, side, [int(shares)])
    assert whole == shares
    assert side * (whole * price - money) <= 1e-6


@given(BOOK, st.sampled_from((1, -1)), st.integers(1, 50_000))
@examples(max_examples=300, deadline=None)
def test_a_round_trip_at_once_loses(book: Book, side: int, shares: int) -> None:
    ((got, price),) = filled(book, side, [shares])
    if got:
        ((back, out),) = filled(book, -side, [int(got)])
        assert not back or side * (out - price) < 0


@given(SEEDS)
@examples(max_examples=15, deadline=None)
def test_marketable_orders_meet_the_book_of_their_moment(seed: int) -> None:
    config = settings()
    desk = OrderDesk(DAYS, config.simulation, seed)
    orders = moments(DAYS, desk.bank, 400, seed)
    orders["dollars"] = 10_000.0
    desk.send(orders)
    assert (orders["shares"] > 0).sum() > 200
    assert outside_book(DAYS, config.simulation, orders) == (0, 0, 0)
    orders["price"] -= orders["side"]  # a dollar better than it was
    assert outside_book(DAYS, config.simulation, orders)[1] == (orders["shares"] > 0).sum()


@given(SEEDS)
@examples(max_examples=30, deadline=None)
def test_books_are_looked_up_as_they_happened(seed: int) -> None:
    """Also where quotes arrive in another order than they happened in."""
    rng = np.random.default_rng(seed)
    day = made_day([(float(t), 5.0, 5.01, 1, 1) for t in range(100, 130)])
    quotes = day.quotes.copy()
    quotes["ts_event"] -= rng.integers(0, 3 * SECOND_NS, len(quotes))
    times = rng.integers(quotes["ts_event"][0] - SECOND_NS, quotes["ts_event"][-1] + SECOND_NS, 50)
    found = books_at(dataclasses.replace(day, quotes=quotes), times)
    for row, time in zip(found, times, strict=True):
        happened = np.flatnonzero(quotes["ts_event"] <= time)
        assert row == (happened[-1] if len(happened) else -1)


@given(SEEDS, st.lists(st.tuples(st.sampled_from(("start_ns", "end_ns")), st.integers(-3, 3)), min_size=1))
@examples(max_examples=30, deadline=None)
def test_nothing_trades_in_a_halt(seed: int, arrivals: list[tuple[str, int]]) -> None:
    """To the ns: the start of a halt belongs to it, its end does not."""
    day = with_halts(walk_day(3), seed)
    orders = np.zeros(len(arrivals), ORDER)
    orders["side"], orders["wanted"] = 1, 100
    for order, (edge, off) in zip(orders, arrivals, strict=True):
        order["arrival_ns"] = day.halts[edge][seed % len(day.halts)] + off
    OrderDesk([day], settings().simulation, seed).arrive(orders)
    inside = in_halt(day, orders["arrival_ns"])
    assert not (orders["shares"][inside] > 0).any()
    filled_at = orders["arrival_ns"][orders["shares"] > 0]
    assert not before_book(day, filled_at).any()


def test_halts_are_seen() -> None:
    """Fills of a market that knows of no halt are found guilty by one that does."""
    day = halted_day()
    blind = dataclasses.replace(day, halts=day.halts[:0])
    halt = day.halts[0]
    orders = np.zeros(3, ORDER)
    orders["side"], orders["wanted"] = 1, 100
    orders["arrival_ns"] = halt["start_ns"] - 1, halt["start_ns"], halt["end_ns"]
    fills = np.zeros(3, FILL)
    fills["ts_ns"] = orders["arrival_ns"]
    OrderDesk([blind], settings().simulation, 0).arrive(orders)
    assert orders["shares"][:2].all()
    found = judged([day], 3, fills[:2])
    assert (found.inside, found.early) == (1, 0)
    assert judged([day], 3, fills[2:]).early == 1


@pytest.mark.parametrize("mode", MODES)
def test_accounts_balance(mode: str) -> None:
    """1,500 random steps of 16 lanes; a second set of books is kept from the fills alone."""
    config = settings(*LOG_RETURN, *MODES[mode])
    source = UniformEpisodes(5, len(DAYS), first=NINE_THIRTY - 60, last=43_000, length=(30, 300))
    found = keep_books(open_lanes(DAYS, config, 16, source, seed=5), 1_500, seed=5)
    assert found["episodes"] > 50
    assert found["fills"].sum() > 500
    assert max(found["equity"], found["cash"], found["step"]) <= 1e-6
    assert found["position"] == found["open"] == 0
    assert found["rewards"] <= 1e-9
    assert found["costs"] <= 1e-6


def test_a_cent_that_is_lost_is_found() -> None:
    source = UniformEpisodes(5, len(DAYS), first=NINE_THIRTY, last=43_000, length=(30, 300))
    env = open_lanes(DAYS, settings(), 4, source, seed=5)
    env.lanes["cash"] += 0.01
    assert keep_books(env, 50, seed=5)["cash"] == pytest.approx(0.01)
