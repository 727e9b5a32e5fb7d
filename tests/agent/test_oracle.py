"""No policy earns more than the oracle says, and on tiny days the best sequence of actions earns just that."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from agent.oracle import Oracle, capture_ratio
from data.market_day import MarketDay
from envs.episodes import Episode
from envs.vector_environment import VectorTradingEnvironment
from tests.support.contests import backtest_of
from tests.support.foresight import Foresight
from tests.support.made_day import Quote, made_day, random_day
from tests.support.simulation import NINE_THIRTY, bank_of, lanes_of, settings

CHOICES = (0, *range(4, 12))
"""HOLD and the eight orders."""
SPAN = 240
Actor = Callable[[VectorTradingEnvironment, np.random.Generator], np.ndarray]


def bound(days: list[MarketDay], episodes: list[Episode], *overrides: str, seed: int = 0) -> np.ndarray:
    config = settings(*overrides)
    return Oracle(bank_of(days, config), config.env, config.simulation, seed).pnl(episodes)


def earned(actor: Actor, days: list[MarketDay], episodes: list[Episode], *overrides: str, seed: int = 0) -> np.ndarray:
    """Net P&L of the first episode of every lane, dollars."""
    env = lanes_of(days, [[episode] for episode in episodes], *overrides, seed=seed)
    rng, final = np.random.default_rng(seed), np.full(len(episodes), np.nan)
    while np.isnan(final).any():
        env.step(actor(env, rng))
        over = np.isnan(final) & (env.steps["ending"] != 0)
        final[over] = (env.steps["equity_after"] - env.steps["start_equity"])[over]
    return final


# ---------------------------------------------------------------- every policy, every rule
def all_in(env: VectorTradingEnvironment, rng: np.random.Generator) -> np.ndarray:
    return np.where(env.action_mask[:, 7], 7, 0)


def at_random(env: VectorTradingEnvironment, rng: np.random.Generator) -> np.ndarray:
    actions = rng.choice(CHOICES, env.count)
    return np.where(rng.random(env.count) < 0.3, actions, 0)


def any_number(env: VectorTradingEnvironment, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 12, env.count)


def ahead(env: VectorTradingEnvironment, rng: np.random.Generator) -> np.ndarray:
    """Looks ten seconds ahead and buys or sells all."""
    move = []
    for day, second in env.index.tolist():
        market = env.bank.days[day].market
        move.append(market[min(second + 10, 57_599), 0] - market[second, 1])
    return np.select([np.array(move) > 0, np.array(move) < 0], [7, 11], 0)


ACTORS = (all_in, at_random, any_number, ahead)


def in_turn(env: VectorTradingEnvironment, rng: np.random.Generator) -> np.ndarray:
    """Lane i is the i-th actor's."""
    acts = np.array([actor(env, rng) for actor in ACTORS])
    lanes = np.arange(env.count)
    return acts[lanes % len(ACTORS), lanes]


RULES = {
    "default": (),
    "every 10 s": ("env.decision_interval_s=10",),
    "no impact": ("simulation.fill.params.impact=0", "simulation.execution.consumption_halflife_s=0"),
    "touch": ("simulation/fill=touch", "simulation.fill.params={}"),
    "shorts": ("simulation/shorts=on", "simulation.shorts.availability=1"),
    "stops": ("simulation/orders=stop", "simulation.orders.stop_distance=0.004", "env.decision_interval_s=10"),
    "limit orders": ("simulation/orders=limit", "simulation/fees=zero"),
    "leverage": ("simulation.account.leverage=4", "simulation/shorts=on", "simulation.shorts.availability=1"),
    "cash account": ("simulation/account=cash",),
    "ends by itself": ("env.invalid_action=terminate", "env.invalid_limit=20"),
    "small account": ("simulation.account.capital=300",),
}


@pytest.mark.parametrize("rules", sorted(RULES))
def test_nobody_earns_more(rules: str) -> None:
    days = [random_day(seed, quote_every_s=0.5, symbol=f"W{seed}") for seed in (1, 2)]
    episodes = [Episode(row // 4 % 2, NINE_THIRTY + 500 * row, SPAN) for row in range(16)]
    most = bound(days, episodes, *RULES[rules])
    got = earned(in_turn, days, episodes, *RULES[rules])
    assert (most >= 0).all()
    assert (got <= most + 1e-6).all()
    assert (got != 0).mean() > 0.5


# ---------------------------------------------------------------- tiny days, every sequence
def best_of_all(day: MarketDay, start: int, decisions: int, *overrides: str) -> float:
    """Most that any sequence of `decisions` actions earns in the environment, dollars."""
    interval = settings(*overrides).env.decision_interval_s
    sequences = np.array(list(itertools.product(CHOICES, repeat=decisions)), np.int64)
    episode = Episode(0, start, decisions * interval)
    env = lanes_of([day], [[episode]] * len(sequences), *overrides)
    for actions in sequences.T:
        env.step(np.ascontiguousarray(actions))
    assert (env.steps["ending"] != 0).all()
    return float((env.steps["equity_after"] - env.steps["start_equity"]).max())


def path(prices: list[float], *, spread: float = 0.02, size: int = 600) -> list[Quote]:
    """A book every 10 s from 09:30 on."""
    return [(NINE_THIRTY + 10.0 * i, p, round(p + spread, 2), size, size) for i, p in enumerate(prices)]


TINY = ("env.decision_interval_s=10", "simulation/latency=fixed", "simulation.latency.params.ms=200")
DEEP = (*TINY, "simulation/fill=touch", "simulation.fill.params={}")
RICH = "simulation.account.capital=1e9"
"""So that a share is nothing."""
NO_MARGIN_CALLS = (
    'simulation.account.regimes=[{effective_from: "1900-01-01", leverage: 1, maintenance: 0, settle: false, '
    "day_trade_limit: -1, day_trade_equity: 0, small_leverage: 1}]"
)
ONE_LEVEL = (
    *TINY,
    "simulation.fill.params.displayed_share=1",
    "simulation.fill.params.participation=0",
    "simulation.fill.params.impact=0",
    "simulation.execution.limit_offset=0",
    "simulation.execution.consumption_halflife_s=0",
)


def walks(seed: int, count: int) -> list[float]:
    rng = np.random.default_rng(seed)
    return np.round(5.0 + np.cumsum(rng.choice([-0.15, -0.05, 0.05, 0.15], count)), 2).tolist()


@pytest.mark.parametrize("seed", range(6))
def test_a_deep_book_is_exact(seed: int) -> None:
    day = made_day(path(walks(seed, 8)))
    most = bound([day], [Episode(0, NINE_THIRTY, 40)], *DEEP, RICH)
    assert most[0] == pytest.approx(best_of_all(day, NINE_THIRTY, 4, *DEEP, RICH), rel=1e-6, abs=1.0)


def test_shorts_are_bounded_and_near() -> None:
    """In the environment borrowing costs, and turning a position around takes two orders."""
    words = (*DEEP, RICH, "simulation/shorts=on", "simulation.shorts.availability=1", NO_MARGIN_CALLS)
    for prices, share in (([5.0, 4.9, 4.7, 4.4, 4.4, 4.4], 0.85), ([5.0, 4.9, 4.7, 4.9, 5.1, 5.1], 0.5)):
        day = made_day(path(prices))
        most, best = bound([day], [Episode(0, NINE_THIRTY, 40)], *words)[0], best_of_all(day, NINE_THIRTY, 4, *words)
        assert share * most < best < most


@pytest.mark.parametrize("seed", range(6))
def test_one_level_is_exact(seed: int) -> None:
    """600 shares a decision, and the account can pay for all of them."""
    day = made_day(path(walks(seed, 8)))
    most = bound([day], [Episode(0, NINE_THIRTY, 40)], *ONE_LEVEL)
    assert most[0] == pytest.approx(best_of_all(day, NINE_THIRTY, 4, *ONE_LEVEL), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_everything_at_once_is_bounded_and_near(seed: int) -> None:
    """Book, impact, random latency and a small account: above the best sequence, by what is relaxed."""
    words = ("env.decision_interval_s=10", "simulation.account.capital=3000")
    day = made_day(path(walks(seed, 8), size=900))
    most = bound([day], [Episode(0, NINE_THIRTY, 40)], *words)[0]
    assert most >= best_of_all(day, NINE_THIRTY, 4, *words) - 1e-6


def test_nothing_can_be_earned_on_a_dead_day() -> None:
    day = made_day([(float(t), 5.0, 5.03, 600, 600) for t in range(NINE_THIRTY, NINE_THIRTY + 400, 10)])
    assert bound([day], [Episode(0, NINE_THIRTY, 300)])[0] == pytest.approx(0.0, abs=1e-9)


def test_foresight_is_worth_more_where_more_happens() -> None:
    calm, wild = made_day(path([5.0, 5.1, 5.0, 5.1, 5.0, 5.1])), made_day(path([5.0, 6.0, 5.0, 6.0, 5.0, 6.0]))
    both_days = [Episode(row, NINE_THIRTY, 50) for row in (0, 1)]
    less, more = bound([calm, wild], both_days, *DEEP)
    assert 0 < less < more


def test_same_seed_same_bound() -> None:
    day = random_day(4)
    episodes = [Episode(0, NINE_THIRTY, 600)] * 3
    first, again = bound([day], episodes), bound([day], episodes)
    np.testing.assert_array_equal(first, again)
    assert len(set(first.tolist())) > 1  # every lane draws its own latencies


def test_capture_ratio() -> None:
    ratio = capture_ratio(np.array([50.0, -20.0, 0.0]), np.array([200.0, 100.0, 0.0]))
    np.testing.assert_array_equal(ratio, [0.25, -0.2, np.nan])


def waves(seed: int) -> MarketDay:
    """A quote every 2 s; the price swings by 6 % every ten minutes, with noise on top."""
    rng = np.random.default_rng(seed)
    times = np.arange(19_800.0, 21_600.0, 2.0)
    mid = 5.0 * np.exp(0.03 * np.sin(times / 95.0 + seed) + rng.normal(0, 5e-4, len(times)))
    sizes = rng.integers(5, 40, (len(times), 2)) * 100
    quotes = [
        (t, round(m, 2), round(m, 2) + 0.01, int(b), int(a)) for t, m, (b, a) in zip(times, mid, sizes, strict=True)
    ]
    return made_day(quotes, symbol=f"W{seed}")


@pytest.mark.parametrize(("impact", "interval", "share"), [(0.0, 10, 0.9), (0.2, 10, 0.7), (0.2, 60, 0.65)])
def test_the_bound_is_tight(impact: float, interval: int, share: float) -> None:
    """Somebody who knows the future earns most of it in the environment, with quarter sizes and own impact."""
    words = (f"env.decision_interval_s={interval}", f"simulation.fill.params.impact={impact}")
    test = backtest_of([waves(1), waves(2)], *words)
    most = Oracle(test.bank, test.env, test.simulation, test.seed).pnl(test.episodes())
    got = test.run(Foresight(test)).pnl
    assert (got <= most).all()
    assert got.sum() > share * most.sum()
