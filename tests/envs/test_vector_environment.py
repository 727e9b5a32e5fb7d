"""Steps, endings and restarts of the lanes, on books that can be worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from data.layout import SECONDS, Market
from envs.actions import encode
from envs.episodes import Episode, FixedEpisodes, UniformEpisodes
from envs.vector_environment import VectorTradingEnvironment
from rewards.composite import CompositeReward
from simulators.layout import ActionType, Ending, Portfolio, PositionSize, Reason
from tests.support.made_day import made_day
from tests.support.simulation import (
    EXACT,
    NINE_THIRTY,
    act,
    at,
    bank_of,
    halted_day,
    hold_on,
    lanes_of,
    settings,
    steady_day,
    walk_day,
)
from utils.errors import ConfigError

HOLD = 0
BUY_25 = encode(ActionType.BUY, PositionSize.PCT_25)
BUY_ALL = encode(ActionType.BUY, PositionSize.PCT_100)
SELL_50 = encode(ActionType.SELL, PositionSize.PCT_50)
SELL_ALL = encode(ActionType.SELL, PositionSize.PCT_100)
DEEP = 10**6
S = NINE_THIRTY + 100


def test_a_round_trip_to_the_cent() -> None:
    """Buy 25 % at 5.03 (1,242 shares), see it at the bid of 5.00, sell it all: 1,242 * 3 cents lost."""
    reward = ["reward.components.cost_rebate.enabled=false", "reward.gamma=1"]
    env = lanes_of([steady_day(5.0, 5.03, DEEP)], [[Episode(0, S, 600)]], *EXACT, *reward)
    assert env.index[0].tolist() == [0, S]
    step = act(env, BUY_25)
    assert Reason(step["reason"]) is Reason.FILLED
    assert (step["second"], step["seconds"], step["filled"], step["price"]) == (S + 1, 1, 1_242, 5.03)
    assert step["equity_after"] == pytest.approx(25_000 - 1_242 * 0.03)
    assert step["cost"] == pytest.approx(1_242 * 0.015)
    assert env.rewards[0] == pytest.approx(100 * math.log(step["equity_after"] / 25_000) - step["drawdown"], rel=1e-4)
    fill = env.fills[0, 0]
    assert env.fill_counts[0] == 1
    assert (fill["lane"], fill["second"], fill["ts_ns"]) == (0, S + 1, at(env.bank.days[0], S + 1.1))
    assert (fill["mid"], fill["position"], fill["cash"]) == (5.015, 1_242, 25_000 - 1_242 * 5.03)
    portfolio = env.portfolio[0]
    assert portfolio[Portfolio.SIDE] == 1
    assert portfolio[Portfolio.EXPOSURE] == pytest.approx(1_242 * 5 / step["equity_after"])
    assert portfolio[Portfolio.UNREALISED] == pytest.approx(20 * (5 / 5.03 - 1), rel=1e-5)
    act(env, HOLD)
    assert env.portfolio[0, Portfolio.TRADE_TIME] == pytest.approx(math.log1p(1) / 8)
    step = act(env, SELL_ALL)
    assert (step["filled"], step["price"], step["closed"], step["held_s"]) == (-1_242, 5.0, 1, 2)
    assert step["trade_realised"] == pytest.approx(-37.26 - min(1_242 * 0.000166, 8.3) - 1_242 * 5 * 27.8e-6)
    assert step["equity_after"] == pytest.approx(25_000 + step["trade_realised"])
    assert env.lanes["trades"][0] == 1
    assert env.portfolio[0, Portfolio.MAE] == 0  # flat: nothing is open


def test_the_mask_says_what_is_possible() -> None:
    env = lanes_of([steady_day(5.0, 5.03, DEEP)], [[Episode(0, S, 600)]], *EXACT)
    flat = [True] + [False] * 3 + [True] * 4 + [False] * 4
    assert env.action_mask[0].tolist() == flat
    act(env, BUY_ALL)
    assert env.lanes["position"][0] == math.floor(25_000 / 5.03)
    assert env.action_mask[0].tolist() == [True] + [False] * 7 + [True] * 4
    step = act(env, BUY_25)
    assert (step["invalid"], Reason(step["reason"]), step["filled"]) == (1, Reason.INVALID, 0)
    act(env, SELL_ALL)
    assert env.action_mask[0].tolist() == flat
    for harmless in (1, 2, 3):
        assert act(env, harmless)["invalid"] == 0
    for odd in (SELL_ALL, 12, -1):
        assert act(env, odd)["invalid"] == 1
    assert env.lanes["invalid"][0] == 4
    assert env.lanes["ending"][0] == Ending.RUNNING


def test_no_orders_before_a_book_in_halts_and_while_one_is_on_its_way() -> None:
    early = lanes_of([steady_day()], [[Episode(0, 5, 60)]], *EXACT)
    assert early.action_mask[0].sum() == 1
    env = lanes_of([halted_day()], [[Episode(0, NINE_THIRTY + 598, 600)]], *EXACT)
    assert env.action_mask[0].sum() == 5
    act(env, HOLD)
    act(env, HOLD)
    assert env.index[0, 1] == NINE_THIRTY + 600
    assert env.action_mask[0].sum() == 1
    slow = lanes_of([steady_day()], [[Episode(0, S, 600)]], *EXACT, "simulation.latency.params.ms=2500")
    step = act(slow, BUY_25)
    assert Reason(step["reason"]) is Reason.WAITING
    assert slow.action_mask[0].sum() == 1
    assert slow.portfolio[0, Portfolio.PENDING] == 1
    assert act(slow, BUY_25)["invalid"] == 1
    step = act(slow, HOLD)  # arrives 2.5 s after the end of second S: in second S + 3
    assert (Reason(step["reason"]), step["second"], step["filled"]) == (Reason.PARTIAL, S + 3, 180)


def test_a_price_change_before_the_arrival_is_paid() -> None:
    """Decided on 5.03, filled at 5.10: the book moves 50 ms after the second ends, the order arrives after 100 ms."""
    day = made_day([(S - 1.0, 5.0, 5.03, DEEP, DEEP), (S + 1.05, 5.07, 5.10, DEEP, DEEP)])
    env = lanes_of([day], [[Episode(0, S, 600)]], *EXACT)
    assert act(env, BUY_25)["price"] == 5.10
    day = made_day([(S - 1.0, 5.0, 5.03, DEEP, DEEP), (S + 1.15, 5.07, 5.10, DEEP, DEEP)])
    env = lanes_of([day], [[Episode(0, S, 600)]], *EXACT)
    step = act(env, BUY_25)
    assert step["price"] == 5.03
    assert step["equity_after"] == pytest.approx(25_000 + step["filled"] * 0.04)


def test_all_the_money_is_never_more_than_the_money() -> None:
    """Sized at 5.03, filled at 5.10 with commission: cut to what cash pays for."""
    day = made_day([(S - 1.0, 5.0, 5.03, DEEP, DEEP), (S + 1.05, 5.07, 5.10, DEEP, DEEP)])
    env = lanes_of([day], [[Episode(0, S, 600)]], *EXACT[:-1])
    step = act(env, BUY_ALL)
    assert Reason(step["reason"]) is Reason.PARTIAL
    assert step["filled"] == math.floor((25_000 - 4_901 * 0.005) / 5.10)
    assert 0 <= env.lanes["cash"][0] < 5.2


def test_length_ends_with_a_flatten_at_cost() -> None:
    """600 shown at the end: 180 of 1,242 shares go at 5.00, 1,062 at 4.90; commission and fees on sells are paid."""
    day = made_day([(S - 1.0, 5.0, 5.03, DEEP, DEEP), (S + 5.0, 5.0, 5.03, 600, 600)])
    env = lanes_of([day], [[Episode(0, S, 20), Episode(0, S + 50, 20)]], *EXACT)
    act(env, BUY_25)
    before = act(env, HOLD, times=18)["equity_after"]
    step = hold_on(env)
    assert (Ending(step["ending"]), Reason(step["reason"])) == (Ending.LENGTH, Reason.FLATTENED)
    assert step["price"] == pytest.approx((180 * 5.0 + 1_062 * 4.9) / 1_242)
    assert (step["position_after"], step["closed"], step["second"], step["held_s"]) == (0, 1, S + 20, 19)
    assert step["fees"] == pytest.approx(1_242 * 0.000166 + 1_242 * step["price"] * 27.8e-6)
    assert step["equity_after"] == pytest.approx(before - 1_062 * 0.1 - step["fees"])
    fill = env.fills[0, env.fill_counts[0] - 1]
    assert (Reason(fill["reason"]), fill["shares"]) == (Reason.FLATTENED, -1_242)
    assert env.final_index[0].tolist() == [0, S + 20]
    assert env.final_portfolio[0, Portfolio.SIDE] == 0
    assert env.index[0].tolist() == [0, S + 50]  # the next episode has begun
    assert env.lanes["cash"][0] == 25_000
    assert env.portfolio[0, Portfolio.CASH_SHARE] == 1


def test_a_flatten_in_a_halt_pays_the_limit() -> None:
    env = lanes_of([halted_day()], [[Episode(0, NINE_THIRTY + 590, 60)]], *EXACT)
    act(env, BUY_25)
    assert hold_on(env)["price"] == pytest.approx(5.0 * 0.98)


def test_the_day_ends_every_episode() -> None:
    env = lanes_of([steady_day()], [[Episode(0, SECONDS - 10, 900)]], *EXACT)
    step = act(env, HOLD, times=9)
    assert (Ending(step["ending"]), step["second"]) == (Ending.DATA_END, SECONDS - 1)
    assert env.truncated[0]
    assert not env.terminated[0]


def crash(price: float):
    return made_day([(S - 1.0, 5.0, 5.03, DEEP, DEEP), (S + 3.0, price, price + 0.03, DEEP, DEEP)])


@pytest.mark.parametrize(("price", "ending"), [(2.4, Ending.MAX_LOSS), (0.2, Ending.BANKRUPT), (2.6, Ending.RUNNING)])
def test_losses_terminate(price: float, ending: Ending) -> None:
    env = lanes_of([crash(price)], [[Episode(0, S, 900)]], *EXACT)
    act(env, BUY_ALL)
    act(env, HOLD)
    step = act(env, HOLD)
    assert Ending(step["ending"]) is ending
    assert env.terminated[0] == (ending is not Ending.RUNNING)
    assert not env.truncated[0]
    assert (step["position_after"] == 0) == (ending is not Ending.RUNNING)


def test_invalid_actions_terminate_only_where_told_to() -> None:
    for mode, ends in (("mask", False), ("penalise", False), ("terminate", True)):
        env = lanes_of(
            [steady_day()], [[Episode(0, S, 900)]], *EXACT, f"env.invalid_action={mode}", "env.invalid_limit=3"
        )
        assert env.action_mask[0].all() == (mode != "mask")
        step = act(env, SELL_ALL, times=3)
        rest_of_caps = -2.0 - 0.48 if ends else 0.0  # terminal, invalid_action
        assert env.rewards[0] == pytest.approx(rest_of_caps or -0.01)
        assert (Ending(step["ending"]) is Ending.INVALID_LIMIT) == ends
        assert env.terminated[0] == ends


def test_longer_decisions_are_the_same_seconds() -> None:
    """Four seconds a decision: the market and the account do what they did second by second."""
    day = walk_day(1)
    one = lanes_of([day], [[Episode(0, S, 402)]], *EXACT)
    four = lanes_of([day], [[Episode(0, S, 402)]], *EXACT, "env.decision_interval_s=4")
    rng = np.random.default_rng(0)
    total = 0.0
    while True:
        action = int(rng.choice(np.flatnonzero(four.action_mask[0])))
        step = act(four, action)
        total += float(np.log(step["equity_after"] / step["equity_before"]))
        single = act(one, action)
        if step["seconds"] > 1:
            single = act(one, HOLD, times=int(step["seconds"]) - 1)
        assert single["equity_after"] == step["equity_after"]
        assert single["second"] == step["second"]
        if four.truncated[0]:
            break
    assert step["seconds"] == 2  # what was left
    assert one.truncated[0]
    assert total == pytest.approx(math.log(step["equity_after"] / 25_000))


def busy(lanes: int, seed: int) -> VectorTradingEnvironment:
    config = settings()
    env = VectorTradingEnvironment(
        bank_of([walk_day(1), walk_day(2)], config),
        config.env,
        config.simulation,
        CompositeReward(config.reward, lanes),
        lanes,
        UniformEpisodes(seed, 2, first=100, last=50_000, length=(20, 90)),
        seed,
    )
    env.reset()
    return env


def drive(env: VectorTradingEnvironment, steps: int, seed: int) -> list[bytes]:
    rng = np.random.default_rng(seed)
    seen: list[bytes] = []
    for _ in range(steps):
        env.step((rng.random(env.action_mask.shape) * env.action_mask).argmax(1))
        seen.append(env.steps.tobytes() + env.rewards.tobytes() + env.portfolio.tobytes() + env.index.tobytes())
    return seen


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert drive(busy(8, 0), 300, 1) == drive(busy(8, 0), 300, 1)
    assert drive(busy(8, 0), 300, 1) != drive(busy(8, 1), 300, 1)


def test_a_snapshot_goes_back() -> None:
    env = busy(8, 0)
    drive(env, 15, 1)  # shorter than any episode: the source has no say
    kept = env.snapshot()
    mask = env.action_mask.copy()
    first = drive(env, 4, 2)
    env.restore(kept)
    assert np.array_equal(env.action_mask, mask)
    assert drive(env, 4, 2) == first


def test_masked_actions_are_never_invalid() -> None:
    env = busy(16, 3)
    rng = np.random.default_rng(0)
    orders = 0
    for _ in range(500):
        env.step((rng.random(env.action_mask.shape) * env.action_mask).argmax(1))
        assert not env.steps["invalid"].any()
        orders += int((env.steps["filled"] != 0).sum())
    assert orders > 500


def test_outcomes_are_reported() -> None:
    config = settings(*EXACT)
    source = FixedEpisodes([[Episode(0, S, 30)], [Episode(0, S, 7), Episode(0, S, 8)]])
    bank, reward = bank_of([steady_day()], config), CompositeReward(config.reward, 2)
    env = VectorTradingEnvironment(bank, config.env, config.simulation, reward, 2, source, seed=0)
    env.reset()
    act(env, BUY_25, BUY_25)
    while not source.finished:
        act(env, HOLD, HOLD)
    assert [(o.lane, o.episode.length, o.steps, o.trades) for o in source.outcomes] == [
        (1, 7, 7, 1),
        (1, 8, 8, 0),
        (0, 30, 30, 1),
    ]
    assert source.outcomes[1].pnl == 0
    last = source.outcomes[2]
    assert last.pnl < 0
    assert last.log_return == pytest.approx(math.log(1 + last.pnl / 25_000))
    assert last.ending is Ending.LENGTH


@pytest.mark.parametrize(
    "episode", [Episode(1, S, 10), Episode(0, SECONDS - 1, 10), Episode(0, -1, 10), Episode(0, S, 0)]
)
def test_episodes_that_do_not_fit_are_refused(episode: Episode) -> None:
    with pytest.raises(ConfigError, match="episode"):
        lanes_of([steady_day()], [[episode]], *EXACT)


def test_wrong_number_of_actions() -> None:
    env = lanes_of([steady_day()], [[Episode(0, S, 10)]], *EXACT)
    with pytest.raises(ValueError, match="1 lanes"):
        env.step(np.zeros(2, np.int64))


def test_a_reward_for_other_lanes_is_refused() -> None:
    config = settings(*EXACT)
    source = FixedEpisodes([[Episode(0, S, 30)]])
    bank, reward = bank_of([steady_day()], config), CompositeReward(config.reward, 2)
    with pytest.raises(ValueError, match="made for 2 lanes"):
        VectorTradingEnvironment(bank, config.env, config.simulation, reward, 1, source, seed=0)
    with pytest.raises(ConfigError, match="no day"):
        VectorTradingEnvironment(bank_of([], config), config.env, config.simulation, reward, 2, source, seed=0)


@pytest.mark.parametrize(
    "word",
    [
        "env.decision_interval_s=0",
        "env.max_loss=0",
        "env.bankrupt_equity=1",
        "simulation.execution.limit_offset=1",
        "simulation.orders.kind=market",
        "simulation.session.first=9:30",
        "simulation.shorts.availability=2",
        "simulation.account.capital=0",
        "simulation.fees.minimum=-1",
        "simulation.fees.regulatory=[]",
    ],
)
def test_impossible_settings_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match=word.partition("=")[0]):
        settings(word)


def test_the_future_changes_nothing_that_was_seen() -> None:
    """Garbage in all rows after second S + 30: observations, masks and steps up to there are the same bytes."""
    day = walk_day(1)
    market, quotes = day.market.copy(), day.quotes.copy()
    cut = S + 30
    market[cut + 1 :, Market.BID : Market.CLOSE + 1] *= 7
    row = day.quote_rows[cut + 1]
    for side in ("bid", "ask"):
        quotes[side][row:] *= 7
    seen: list[list[bytes]] = []
    for made in (day, dataclasses.replace(day, market=market, quotes=quotes)):
        env = lanes_of([made], [[Episode(0, S, 600)]])
        seen.append(drive(env, 30, 5))
        assert env.index[0, 1] == cut
    assert seen[0] == seen[1]
