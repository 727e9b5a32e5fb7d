"""The same orders, accounted twice: by the environment and by vectorbt, another backtester.

Random orders over several days trade at the touch of the books they were decided on: no latency, no impact. vectorbt
gets their sizes and those touches, never a price, a fee or a balance of ours. Cash and equity after every second, the
gain of every partial close over its average cost and the P&L of every round trip have to be ours to the cent.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pytest

from agent.policy import BUY_ALL, HOLD, SELL_ALL
from data.layout import Market
from envs.episodes import Episode
from simulators.layout import Reason
from tests.support.made_day import random_day
from tests.support.simulation import NINE_THIRTY, lanes_of

Array = npt.NDArray[np.float64]
CENT = 0.005
"""Less than this apart, two amounts are equal to the cent."""
CAPITAL = 25_000.0
SECONDS, CLOSING = 500, 10
SALES_FEES = {  # SEC: dollars per million; FINRA: dollars per share, dollars at most
    dt.date(2025, 4, 15): (27.80, 0.000166, 8.30),
    dt.date(2025, 5, 14): (0.0, 0.000166, 8.30),
    dt.date(2026, 1, 2): (0.0, 0.000195, 9.79),
    dt.date(2026, 4, 6): (20.60, 0.000195, 9.79),
}
AT_THE_TOUCH = (
    "simulation/fill=touch",
    "simulation/latency=fixed",
    "simulation.latency.params.ms=0",
    "env.max_loss=0.95",
)
NO_FEES = (
    "simulation/fees=zero",
    "simulation.fees.regulatory=[{effective_from:'2000-01-01',sec_per_million:0.0,taf_per_share:0.0,taf_cap:0.0}]",
)
FREE_SHORTS = (
    "simulation/shorts=on",
    "simulation.shorts.availability=1",
    "simulation.shorts.locate_minimum=0",
    "simulation.shorts.locate_share=0",
)
WAYS = {"long": NO_FEES, "both sides": (*NO_FEES, *FREE_SHORTS), "fees": ("simulation/fees=ibkr_fixed",)}


class Played(NamedTuple):
    """What the environment did: a row a second, a column a day. Money in dollars, NaN where nothing happened."""

    size: Array  # shares that traded, signed
    touch: Array  # of the order's side, in the book it was decided on
    mark: Array  # of the side that would close the position, at the end of the second
    price: Array  # the fill's
    fees: Array
    cash: Array
    equity: Array
    gain: Array  # before fees, of an order that reduced the position
    trip: Array  # net, of the round trip that ended


@functools.cache
def play(way: str) -> Played:
    """Random valid orders in two seconds out of three on every day; in the last ones the position is closed."""
    days = [random_day(seed, quote_every_s=5.0, date=date) for seed, date in enumerate(SALES_FEES)]
    episodes = [[Episode(row, NINE_THIRTY, SECONDS + 1)] for row in range(len(days))]
    env = lanes_of(days, episodes, *AT_THE_TOUCH, *WAYS[way])
    rng = np.random.default_rng(7)
    played = Played(*(np.full((SECONDS, len(days)), np.nan) for _ in Played._fields))
    for t in range(SECONDS):
        weights = rng.random(env.action_mask.shape) * env.action_mask
        weights[:, HOLD] = np.where(rng.random(len(days)) < 1 / 3, 2.0, 1e-9)
        position, actions = env.lanes["position"].copy(), weights.argmax(1)
        if t >= SECONDS - CLOSING:
            actions = np.select([position > 0, position < 0], [SELL_ALL, BUY_ALL], HOLD)
        decided = np.array([day.market[NINE_THIRTY + t] for day in days])
        env.step(actions)
        now = np.array([day.market[NINE_THIRTY + t + 1] for day in days])
        fills, steps, traded = env.fills[:, 0], env.steps, env.fill_counts > 0
        assert not steps["ending"].any()
        assert (env.fill_counts <= 1).all()
        assert (fills["reason"][traded] == Reason.FILLED).all()
        shares = fills["shares"]
        held = steps["position_after"]
        played.size[t] = np.where(traded, shares, np.nan)
        played.touch[t] = np.where(shares > 0, decided[:, Market.ASK], decided[:, Market.BID])
        played.mark[t] = np.where(held >= 0, now[:, Market.BID], now[:, Market.ASK])
        played.price[t] = np.where(traded, fills["price"], np.nan)
        played.fees[t] = np.where(traded, fills["fees"], np.nan)
        played.cash[t] = env.lanes["cash"]
        played.equity[t] = steps["equity_after"]
        reduced = traded & (position * shares < 0)
        played.gain[t] = np.where(reduced, fills["realised"] + fills["fees"], np.nan)
        played.trip[t] = np.where(steps["closed"] == 1, steps["trade_realised"], np.nan)
    return played


def charges(size: Array, price: Array) -> Array:
    """Interactive Brokers' fixed plan and the fees on sales, from their published terms; dollars."""
    shares, value = np.abs(size), np.abs(size) * price
    sec, taf, cap = np.array(list(SALES_FEES.values())).T
    commission = np.minimum(np.maximum(0.005 * shares, 1.00), 0.01 * value)
    on_sales = value * sec / 1_000_000 + np.minimum(shares * taf, cap)
    return commission + np.where(size < 0, on_sales, 0.0)


@functools.cache
def vectorbt() -> Any:
    """Not compiled: that takes twenty seconds, and a few thousand orders are nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", True)
        return importlib.import_module("vectorbt")


def account(played: Played, price: Array, with_fees: bool) -> Any:
    """vectorbt's portfolio of the same orders at `price`, an account of its own for every day."""
    return vectorbt().Portfolio.from_orders(
        played.mark,
        size=played.size,
        price=price,
        fixed_fees=np.nan_to_num(charges(played.size, price)) if with_fees else 0.0,
        init_cash=CAPITAL,
        direction="both",
        allow_partial=False,
        raise_reject=True,
        freq="1s",
    )


def agree(what: str, ours: Array, theirs: Array) -> None:
    """Both to the cent."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=CENT, err_msg=what)


def assert_same(played: Played, theirs: Any) -> None:
    """Balances of every second, gains of closes and P&L of round trips are the same to the cent."""
    agree("cash", played.cash, theirs.cash().to_numpy())
    agree("equity", played.equity, theirs.value().to_numpy())
    agree("final equity", played.equity[-1], theirs.final_value().to_numpy())
    exits = theirs.exit_trades.values
    move = (exits["exit_price"] - exits["entry_price"]) * np.where(exits["direction"] == 0, 1, -1)
    agree("gains", played.gain[exits["exit_idx"], exits["col"]], exits["size"] * move)
    trips = theirs.positions.values
    agree("round trips", played.trip[trips["exit_idx"], trips["col"]], trips["pnl"])
    assert len(exits) == np.isfinite(played.gain).sum()
    assert len(trips) == np.isfinite(played.trip).sum()


@pytest.mark.parametrize("way", WAYS)
def test_equity_is_the_same_to_the_cent(way: str) -> None:
    played = play(way)
    assert (np.isfinite(played.size).sum(0) > 200).all()
    traded = np.isfinite(played.size)
    np.testing.assert_allclose(played.price[traded], played.touch[traded], rtol=0, atol=1e-12)
    assert_same(played, account(played, played.touch, way == "fees"))


@pytest.mark.parametrize("way", WAYS)
def test_orders_are_of_every_kind(way: str) -> None:
    """Positions are added to, reduced in part and closed; where allowed, on both sides; equity moves either way."""
    played = play(way)
    size = np.nan_to_num(played.size)
    position = size.cumsum(0)
    before = position - size
    assert ((size != 0) & (before * size > 0)).sum() > 50
    assert ((before * size < 0) & (position != 0)).sum() > 50
    assert ((before * size < 0) & (position == 0)).sum() > 10
    assert (position.min() < 0) == (way == "both sides")
    assert not position[-1].any()
    commission = np.nansum(played.fees)
    assert (commission > 100) == (way == "fees")


@pytest.mark.parametrize("way", WAYS)
def test_one_cent_in_one_price_is_noticed(way: str) -> None:
    played = play(way)
    for row, column in np.argwhere(np.isfinite(played.size))[::150]:
        price = played.touch.copy()
        price[row, column] -= 0.01 * np.sign(played.size[row, column])  # better: the account can still pay
        with pytest.raises(AssertionError, match="cash"):
            assert_same(played, account(played, price, way == "fees"))
