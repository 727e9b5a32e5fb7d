"""Limit orders in the queue, protective stops and margin calls, worked out by hand and stepped by the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from data.layout import Market
from data.market_day import MarketDay
from envs.episodes import Episode
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import OrderKind, Reason
from tests.support.made_day import Quote, Trade, made_day
from tests.support.simulation import EXACT, NINE_THIRTY, act, at, lanes_of

S = NINE_THIRTY + 100
"""Second of the decision; the order arrives 100 ms after its end."""
BUY_ALL, SELL_ALL, HOLD = 7, 11, 0
LIMIT = (*EXACT, "simulation/orders=limit")
SHORTS = ("simulation/shorts=on", "simulation.shorts.availability=1", "simulation.shorts.locate_minimum=0")
BUYER, SELLER = 1, -1


def quiet(*changes: Quote, every: float = 20.0) -> list[Quote]:
    """5.00 x 5.03 with 600 shown, refreshed until the first change, if there is one; then the changes."""
    end = changes[0][0] if changes else S + 200.0
    return [(float(t), 5.0, 5.03, 600, 600) for t in np.arange(S - 50.0, end, every)] + list(changes)


def traded(
    trades: Sequence[Trade], *overrides: str, quotes: Sequence[Quote] = (), **day: object
) -> tuple[VectorTradingEnvironment, list[np.void]]:
    """All the money bought at S, then 60 s held; the environment and its fills."""
    made = made_day(quotes or quiet(), trades, **day)  # pyright: ignore[reportArgumentType]
    env = lanes_of([made], [[Episode(0, S, 600)]], *(overrides or LIMIT))
    return env, played(env, BUY_ALL)


def played(env: VectorTradingEnvironment, *actions: int, seconds: int = 60) -> list[np.void]:
    fills: list[np.void] = []
    for action in (*actions, *[HOLD] * (seconds - len(actions))):
        act(env, action)
        fills += list(env.fills[0, : env.fill_counts[0]].copy())
    return fills


# ---------------------------------------------------------------- the queue
def test_the_queue_trades_away_first() -> None:
    """600 before us: 500 sold at our price, 300 more: the last 200 are ours. Prints at the ask tell nothing."""
    prints: list[Trade] = [
        (S + 2.0, 5.00, 500, SELLER),
        (S + 3.0, 5.03, 5_000, BUYER),
        (S + 4.0, 5.00, 300, SELLER),
        (S + 5.0, 5.00, 70, 0),  # nobody knows who began it
    ]
    env, fills = traded(prints)
    assert [(f["second"], f["shares"], f["price"]) for f in fills] == [(S + 4, 200, 5.0), (S + 5, 70, 5.0)]
    assert all(f["kind"] == OrderKind.LIMIT and f["reason"] == Reason.PARTIAL for f in fills)
    assert fills[0]["ts_ns"] == at(env.bank.days[0], S + 4.0)
    assert fills[0]["half_spread"] == pytest.approx(-200 * 0.015)  # earned
    assert fills[0]["impact"] == 0
    assert Reason(act(env, HOLD)["reason"]) is Reason.NONE


def test_a_print_through_the_price_needs_no_queue() -> None:
    _, fills = traded([(S + 2.0, 4.99, 150, SELLER), (S + 3.0, 5.0, 50, SELLER)])
    assert [f["shares"] for f in fills] == [150, 50]


def test_nothing_before_the_arrival_and_nothing_after_the_end() -> None:
    prints: list[Trade] = [(S + 1.05, 4.9, 900, SELLER), (S + 31.2, 4.9, 900, SELLER)]
    env, fills = traded(prints)
    assert not fills
    env = lanes_of([env.bank.days[0]], [[Episode(0, S, 600)]], *LIMIT)
    reasons = [Reason(act(env, a)["reason"]) for a in (BUY_ALL, *[HOLD] * 40)]
    assert reasons[0] is Reason.RESTED
    assert reasons.index(Reason.EXPIRED) == 30  # in second S + 31: it arrived at S + 1.1
    assert not env.lanes["order"][0]
    assert env.action_mask[0, BUY_ALL]


def test_behind_the_best_price_nobody_knows_the_queue() -> None:
    """The bid rises to 5.01 before the order at 5.00 arrives; when it is back, we stand behind what is shown then."""
    quotes = quiet((S + 1.05, 5.01, 5.03, 200, 600), (S + 4.5, 5.00, 5.03, 900, 600))
    prints: list[Trade] = [
        (S + 2.0, 5.00, 400, SELLER),  # through a better bid: an odd print, which tells nothing
        (S + 6.0, 5.00, 850, SELLER),
        (S + 7.0, 5.00, 100, SELLER),
    ]
    _, fills = traded(prints, quotes=quotes)
    assert [(f["second"], f["shares"]) for f in fills] == [(S + 7, 50)]


def test_a_marketable_limit_trades_at_once_and_never_beyond_it() -> None:
    """The ask falls onto our bid before the arrival: phi of 600 at 5.00, the rest is cancelled."""
    _, fills = traded([], quotes=quiet((S + 1.05, 4.97, 5.00, 600, 600)))
    assert [(f["shares"], f["price"], f["reason"]) for f in fills] == [(180, 5.0, Reason.PARTIAL)]


def test_no_fill_in_a_halt() -> None:
    prints: list[Trade] = [(S + 5.0, 4.9, 900, SELLER), (S + 25.0, 4.9, 40, SELLER)]
    _, fills = traded(prints, halts=[(S + 3, S + 20)])
    assert [(f["second"], f["shares"]) for f in fills] == [(S + 25, 40)]


def test_a_resting_sale_mirrors_it() -> None:
    made = made_day(quiet(), [(S + 3.0, 5.03, 700, BUYER), (S + 4.0, 5.04, 999_999, BUYER)])
    env = lanes_of([made], [[Episode(0, S, 600)]], *LIMIT, *SHORTS)
    fills = played(env, SELL_ALL)
    assert (fills[0]["shares"], fills[0]["price"]) == (-100, 5.03)
    assert [f["reason"] for f in fills] == [Reason.PARTIAL, Reason.FILLED]
    assert env.lanes["position"][0] == sum(f["shares"] for f in fills)


def test_outside_regular_hours_orders_are_marketable() -> None:
    early = 15_000
    made = made_day([(early - 10.0, 5.0, 5.03, 600, 600)], [])
    env = lanes_of([made], [[Episode(0, early, 600)]], *LIMIT)
    step = act(env, BUY_ALL)
    assert (Reason(step["reason"]), OrderKind(step["kind"]), step["price"]) == (Reason.PARTIAL, OrderKind.IOC, 5.03)


def test_commission_is_by_order() -> None:
    """Three fills of 40 shares of one order cost the minimum once; each alone would have paid it."""
    prints: list[Trade] = [(S + t, 4.99, 40, SELLER) for t in (2.0, 3.0, 4.0)]
    _, fills = traded(prints, *LIMIT, "simulation/fees=ibkr_fixed")
    assert [f["fees"] for f in fills] == pytest.approx([1.0, 0.0, 0.0])


# ---------------------------------------------------------------- stops
STOP = (*EXACT, "simulation/orders=stop", "simulation.orders.stop_distance=0.02")


def falling(*, to: float, size: int = 100_000) -> list[Quote]:
    return quiet((S + 10.0, to, to + 0.02, size, size))


def test_a_stop_sells_the_position_after_the_print() -> None:
    """Bought at 5.03: the stop is at 4.93. A print at 4.94 leaves it, one at 4.93 sends it; 100 ms later it trades."""
    prints: list[Trade] = [(S + 11.0, 4.94, 100, SELLER), (S + 12.4, 4.93, 100, SELLER)]
    env, fills = traded(prints, *STOP, quotes=falling(to=4.90))
    bought, sold = fills
    assert (bought["kind"], sold["kind"]) == (OrderKind.IOC, OrderKind.STOP)
    assert sold["ts_ns"] == at(env.bank.days[0], S + 12.5)
    assert (sold["price"], sold["position"], sold["second"]) == (4.90, 0, S + 12)
    assert env.lanes["stop"][0] == 0


def test_a_stop_that_trades_in_part_is_sent_again() -> None:
    prints: list[Trade] = [(S + t, 4.8, 100, SELLER) for t in (12.0, 20.0, 30.0)]
    _, fills = traded(prints, *STOP, quotes=falling(to=4.80, size=200))
    sold = [f for f in fills if f["kind"] == OrderKind.STOP]
    assert [f["second"] for f in sold] == [S + 12, S + 20, S + 30]
    assert all(f["reason"] == Reason.PARTIAL for f in sold[:2])


def test_no_stop_before_its_own_fill_nor_outside_regular_hours() -> None:
    _, fills = traded([(S + 1.05, 4.0, 100, SELLER)], *STOP)
    assert len(fills) == 1
    early = 15_000
    quotes: list[Quote] = [(early - 10.0, 5.0, 5.03, 600, 600)]
    env = lanes_of([made_day(quotes, [(early + 5.0, 4.0, 100, SELLER)])], [[Episode(0, early, 600)]], *STOP)
    assert len(played(env, BUY_ALL)) == 1


def test_a_stop_takes_the_place_of_what_rests() -> None:
    words = (*LIMIT, "simulation.orders.stop_distance=0.02")
    prints: list[Trade] = [(S + 2.0, 4.99, 300, SELLER), (S + 12.0, 4.80, 100, SELLER)]
    env = lanes_of([made_day(falling(to=4.80), prints)], [[Episode(0, S, 600)]], *words)
    fills = played(env, BUY_ALL)  # 300 bought, the rest waits when the stop is hit
    assert [f["kind"] for f in fills] == [OrderKind.LIMIT, OrderKind.LIMIT, OrderKind.STOP]
    assert env.lanes["position"][0] == 0


# ---------------------------------------------------------------- margin and short sales
def rising(day: MarketDay, *, ssr: bool = False) -> MarketDay:
    market = day.market.copy()
    market[:, Market.SSR] = float(ssr)
    return dataclasses.replace(day, market=market)


def test_the_broker_covers_a_short_that_ran_away() -> None:
    """Short with all the money at 5.00: at 7.53 half of it is gone, at 9.03 it is below 25 % of the exposure."""
    exact = [word for word in EXACT if "simulation.fill" not in word]
    words = (*exact, *SHORTS, "simulation/fill=touch", "env.max_loss=1", "env.bankrupt_equity=0")
    quotes = quiet((S + 5.0, 7.50, 7.53, 600, 600), (S + 10.0, 9.0, 9.03, 600, 600))
    env = lanes_of([made_day(quotes)], [[Episode(0, S, 600)]], *words)
    fills = played(env, SELL_ALL)
    assert [f["kind"] for f in fills] == [OrderKind.IOC, OrderKind.MARGIN]
    assert (fills[1]["second"], fills[1]["price"], fills[1]["position"]) == (S + 11, 9.03, 0)


def test_short_sale_restriction_at_the_decision_and_at_the_arrival() -> None:
    day = made_day(quiet())
    env = lanes_of([rising(day, ssr=True)], [[Episode(0, S, 600)]], *EXACT, *SHORTS)
    assert not env.action_mask[0, SELL_ALL]
    assert Reason(act(env, SELL_ALL)["reason"]) is Reason.SSR
    late = rising(day)
    late.market[S + 2 :, Market.SSR] = 1
    slow = (*EXACT, *SHORTS, "simulation.latency.params.ms=2500")
    env = lanes_of([late], [[Episode(0, S, 600)]], *slow)
    assert Reason(act(env, SELL_ALL)["reason"]) is Reason.WAITING
    act(env, HOLD)
    assert Reason(act(env, HOLD)["reason"]) is Reason.SSR
    resting = lanes_of([rising(day, ssr=True)], [[Episode(0, S, 600)]], *LIMIT, *SHORTS)
    assert Reason(act(resting, SELL_ALL)["reason"]) is Reason.RESTED  # above the bid


def test_a_session_ends_with_a_flatten() -> None:
    words = (*EXACT, "simulation.session.first='09:31'", "simulation.session.last='09:35'")
    env = lanes_of([made_day(quiet())], [[Episode(0, NINE_THIRTY, 3_000)]], *words)
    assert not env.action_mask[0, BUY_ALL]
    played(env, seconds=100)
    assert env.action_mask[0, BUY_ALL]
    fills = played(env, BUY_ALL, seconds=199)
    assert [f["kind"] for f in fills] == [OrderKind.IOC, OrderKind.FLATTEN]
    assert fills[1]["second"] == NINE_THIRTY + 299
