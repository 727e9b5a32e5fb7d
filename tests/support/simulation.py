"""Environments over made days, for tests of what steps or reads them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from config.schema import Config
from data.layout import SECOND_NS
from data.market_day import MarketDay
from envs.episodes import Episode, FixedEpisodes
from envs.vector_environment import VectorTradingEnvironment
from rewards.composite import CompositeReward
from simulators.day_bank import DayBank
from tests.support.configs import load_config
from tests.support.made_day import made_day, random_day

EXACT = (
    "simulation/latency=fixed",
    "simulation.latency.params.ms=100",
    "simulation.fill.params.impact=0",
    "simulation/fees=zero",
)
"""Overrides: orders arrive 100 ms after the second, no impact, no commission."""
NINE_THIRTY = 19_800


def settings(*overrides: str) -> Config:
    """The quick configuration, a decision a second, with overrides; the caller's own copy."""
    return load_config("quick", ["env.decision_interval_s=1", *overrides])


@functools.cache
def walk_day(seed: int) -> MarketDay:
    """A random walk with a quote every 2 s on average; made once a run."""
    return random_day(seed, quote_every_s=2.0, symbol=f"WALK{seed}")


@functools.cache
def halted_day() -> MarketDay:
    """5.00 x 5.03, 600 shown, refreshed every 5 s; halted from 600 to 900 s after the open."""
    open_, stop, resume = NINE_THIRTY, NINE_THIRTY + 600, NINE_THIRTY + 900
    times = [float(t) for t in range(open_, open_ + 1800, 5) if not stop <= t <= resume + 20]
    return made_day([(t, 5.0, 5.03, 600, 600) for t in times], halts=[(stop, resume)], symbol="HALT")


@functools.cache
def steady_day(bid: float = 5.0, ask: float = 5.03, size: int = 600) -> MarketDay:
    """One book all day, refreshed every 30 s."""
    return made_day([(float(t), bid, ask, size, size) for t in range(10, 57_000, 30)], symbol="FLAT")


def bank_of(days: Sequence[MarketDay], config: Config) -> DayBank:
    """The days under the configuration's rules."""
    return DayBank(days, config.simulation)


def lanes_of(
    days: Sequence[MarketDay], episodes: Sequence[Sequence[Episode]], *overrides: str, seed: int = 0
) -> VectorTradingEnvironment:
    """A vector environment that plays the lists of episodes, one list a lane, already reset."""
    config = settings(*overrides)
    lanes = len(episodes)
    environment = VectorTradingEnvironment(
        bank_of(days, config),
        config.env,
        config.simulation,
        CompositeReward(config.reward, lanes),
        lanes,
        FixedEpisodes(episodes),
        seed,
    )
    environment.reset()
    return environment


def both(kernel: Any) -> tuple[Any, Any]:
    """A kernel as compiled and as plain Python."""
    return kernel, kernel.py_func


def at(day: MarketDay, second: float) -> int:
    """UTC ns of `second` of the day."""
    return day.start_ns + round(second * SECOND_NS)


def act(environment: VectorTradingEnvironment, *actions: int, times: int = 1) -> np.void:
    """Step with one action a lane, `times` over; the first lane's last STEP record, copied."""
    for _ in range(times):
        environment.step(np.array(actions, np.int64))
    return environment.steps[0].copy()


def hold_on(environment: VectorTradingEnvironment) -> np.void:
    """Hold until the first lane's episode ends; its last STEP record, copied."""
    while True:
        step = act(environment, *[0] * environment.count)
        if step["ending"]:
            return step
