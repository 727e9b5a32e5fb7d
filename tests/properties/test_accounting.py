"""What must hold whatever the actions: nothing is lost, nothing is gained from nowhere, lanes are alone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from data.layout import SECOND_NS, Market
from envs.episodes import Episode
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import Reason
from tests.support.simulation import NINE_THIRTY, halted_day, lanes_of, walk_day

DAYS = [walk_day(1), halted_day()]
MODES = st.sampled_from([(), ("simulation/shorts=on", "simulation.account.leverage=2.0")])
EPISODES = st.tuples(st.integers(0, 1), st.integers(NINE_THIRTY, NINE_THIRTY + 1200), st.integers(60, 400))


def policy(env: VectorTradingEnvironment, rng: np.random.Generator, eager: float) -> npt.NDArray[np.int64]:
    weights = rng.random(env.action_mask.shape) * env.action_mask
    weights[:, 0] = np.where(rng.random(len(weights)) < eager, 0.0, 2.0)
    weights[:, 0] = np.maximum(weights[:, 0], 1e-9)
    return weights.argmax(1)


@given(EPISODES, st.integers(0, 2**32), st.floats(0.05, 1.0), MODES)
@examples(max_examples=25, deadline=None)
def test_books_balance(episode: tuple[int, int, int], seed: int, eager: float, mode: tuple[str, ...]) -> None:
    """Cash and position are the sum of the fills; log rewards telescope; fills cost at least the touch."""
    env = lanes_of(DAYS, [[Episode(*episode)]], *mode, seed=seed % 1000)
    rng = np.random.default_rng(seed)
    day = DAYS[episode[0]]
    cash, position, logs, realised, fees = 25_000.0, 0.0, 0.0, 0.0, 0.0
    while True:
        env.step(policy(env, rng, eager))
        step = env.steps[0]
        assert not step["invalid"]
        for fill in env.fills[0, : env.fill_counts[0]]:
            cash -= fill["shares"] * fill["price"] + fill["fees"]
            position += fill["shares"]
            realised += fill["realised"]
            fees += fill["fees"]
            assert fill["cash"] == pytest.approx(cash)
            assert fill["position"] == position
            assert fill["shares"] == round(fill["shares"])
            check_fill(day, fill)
        assert step["position_after"] == position
        row = day.market[step["second"]]
        mark = row[Market.BID] if position > 0 else row[Market.ASK]
        assert step["equity_after"] == pytest.approx(cash + position * mark)
        assert step["equity_after"] - 25_000 == pytest.approx(realised + step["unrealised"], abs=1e-6)
        logs += math.log(step["equity_after"] / step["equity_before"])
        if step["ending"]:
            break
    assert position == 0
    assert logs == pytest.approx(math.log(cash / 25_000), abs=1e-12)


def check_fill(day, fill) -> None:
    """Not in a halt, not better than the touch at the arrival."""
    ts = int(fill["ts_ns"])
    if fill["reason"] == Reason.FLATTENED:
        return  # a forced valuation, at or beyond the touch of the last book
    assert not np.any((day.halts["start_ns"] <= ts) & (ts < day.halts["end_ns"]))
    row = np.searchsorted(day.quotes["ts_event"], ts, side="right") - 1
    quote = day.quotes[row]
    assert ts - quote["ts_event"] <= 60 * SECOND_NS
    if fill["shares"] > 0:
        assert fill["price"] >= quote["ask"] / 1e9 - 1e-12
        assert fill["price"] <= quote["ask"] / 1e9 * 1.02 + 1e-9
    else:
        assert fill["price"] <= quote["bid"] / 1e9 + 1e-12
        assert fill["price"] >= quote["bid"] / 1e9 * 0.98 - 1e-9


@given(st.lists(EPISODES, min_size=2, max_size=6), st.integers(0, 2**32))
@examples(max_examples=10, deadline=None)
def test_lanes_do_the_same_in_any_company(episodes: list[tuple[int, int, int]], seed: int) -> None:
    """N lanes together equal N environments of one lane with the same streams, byte for byte."""
    together = lanes_of(DAYS, [[Episode(*e)] for e in episodes], seed=7)
    alone = [lanes_of(DAYS, [[Episode(*e)]], seed=7) for e in episodes]
    for lane, env in enumerate(alone):
        env.lanes["key"] = together.lanes["key"][lane]
    rng = np.random.default_rng(seed)
    for _ in range(120):
        actions = policy(together, rng, 0.5)
        together.step(actions)
        for lane, env in enumerate(alone):
            env.step(actions[lane : lane + 1])
            assert env.steps[0].tobytes() == together.steps[lane].tobytes()
            assert env.portfolio[0].tobytes() == together.portfolio[lane].tobytes()
            assert env.action_mask[0].tobytes() == together.action_mask[lane].tobytes()
            assert env.lanes[0].tobytes() == together.lanes[lane].tobytes()
            assert env.rewards[0] == together.rewards[lane]


def test_holding_costs_nothing() -> None:
    env = lanes_of(DAYS, [[Episode(0, NINE_THIRTY, 300)]])
    for _ in range(300):
        env.step(np.zeros(1, np.int64))
        assert env.steps["equity_after"][0] == 25_000
        assert env.rewards[0] == 0
    assert env.truncated[0]


def test_churning_loses_money() -> None:
    """In and out on a book that does not move: every round trip pays the spread and the fees."""
    env = lanes_of([halted_day()], [[Episode(0, NINE_THIRTY + 10, 500)]])
    rng = np.random.default_rng(0)
    while not env.truncated[0]:
        before = float(env.lanes["equity"][0])
        env.step(policy(env, rng, 1.0))
        assert env.steps["equity_after"][0] <= before + 1e-9
    assert env.steps["equity_after"][0] < 25_000
