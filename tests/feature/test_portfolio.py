"""The declared columns of the portfolio are what the environment shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from data.layout import Market
from data.market_day import MarketDay
from envs.episodes import Episode
from envs.step_kernels import PORTFOLIO_BOUND
from envs.vector_environment import VectorTradingEnvironment
from feature.docs import feature_table
from feature.portfolio import PORTFOLIO
from feature.registry import LIMIT, Shape
from simulators.layout import ACTIONS, Portfolio
from tests.support.made_day import made_day
from tests.support.simulation import lanes_of, walk_day

LANES = 4


def test_declared_in_the_order_of_the_layout() -> None:
    assert tuple(f.column for f in PORTFOLIO) == tuple(Portfolio)
    assert PORTFOLIO_BOUND == LIMIT
    assert all(-LIMIT <= f.low < f.high <= LIMIT and f.formula and f.units for f in PORTFOLIO)
    assert {f.normalise.shape for f in PORTFOLIO} == {Shape.IDENTITY}


def test_the_table_shows_every_column() -> None:
    table = feature_table()
    assert all(f"| `{f.name}` | portfolio | {f.formula} |" in table for f in PORTFOLIO)


def account(env: VectorTradingEnvironment, number: int) -> dict[str, float]:
    """The formulas, from the lane's account and the day's book."""
    lane: Any = env.lanes[number]
    position, equity = float(lane["position"]), float(lane["equity"])
    row = env.bank.days[int(lane["day"])].market[int(lane["second"])]
    value = position * float(row[Market.BID if position > 0 else Market.ASK])
    cost = position * float(lane["entry_price"])
    held = position != 0
    return {
        "side": float(np.sign(position)),
        "exposure": value / equity,
        "unrealised": (value - cost) / abs(cost) if held else 0.0,
        "trade_time": float(np.log(1 + lane["second"] - lane["entry_second"])) if held else 0.0,
        "mae": float(lane["mae"]) if held else 0.0,
        "mfe": float(lane["mfe"]) if held else 0.0,
        "cash_share": float(lane["cash"]) / equity,
        "drawdown": 1 - equity / float(lane["peak_equity"]),
        "episode_return": float(np.log(equity / lane["start_equity"])),
        "pending": float(lane["order"] != 0),
    }


def waves() -> MarketDay:
    """A book of 2 cents that goes up and down by 4 % within ten minutes: trades win and lose."""
    mids = [(t, 5 + 0.2 * math.sin(t / 100)) for t in range(19_000, 25_000, 2)]
    return made_day([(t, round(mid - 0.01, 4), round(mid + 0.01, 4), 5_000, 5_000) for t, mid in mids])


@pytest.mark.parametrize("shorts", [False, True])
def test_the_environment_follows_the_declaration(shorts: bool) -> None:
    overrides = ["simulation.latency.params.ms=1500", "simulation/latency=fixed"]
    overrides += ["simulation.shorts.allow=true", "simulation.shorts.availability=1"] if shorts else []
    episodes = [[Episode(lane % 2, 20_000 + 500 * lane, 2_000)] for lane in range(LANES)]
    env = lanes_of([walk_day(3), waves()], episodes, *overrides)
    rng, seen = np.random.default_rng(2), []
    for _ in range(600):
        actions = np.where(rng.random(LANES) < 0.1, rng.integers(0, ACTIONS, LANES), 0)
        env.step(np.where(env.action_mask[np.arange(LANES), actions], actions, 0))
        for lane in range(LANES):
            raw = account(env, lane)
            expected = [np.clip(raw[f.name] / f.normalise.scale, f.low, f.high) for f in PORTFOLIO]
            np.testing.assert_allclose(env.portfolio[lane], expected, rtol=1e-5, atol=1e-6)
        seen.append(env.portfolio.copy())
    spread = np.ptp(np.concatenate(seen), axis=0)
    assert (spread > 0).all()
    assert (np.concatenate(seen)[:, Portfolio.SIDE].min() < 0) == shorts
