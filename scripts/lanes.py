"""Lanes of the environment over days at hand, for audits and benchmarks; and random actions for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from config.schema import Config
from data.market_day import MarketDay
from envs.episodes import EpisodeSource
from envs.vector_environment import VectorTradingEnvironment
from rewards.composite import CompositeReward
from simulators.day_bank import DayBank
from simulators.layout import ACTIONS


def open_lanes(
    days: Sequence[MarketDay], config: Config, lanes: int, source: EpisodeSource, seed: int
) -> VectorTradingEnvironment:
    """An environment over `days`, already reset."""
    bank = DayBank(days, config.simulation)
    reward = CompositeReward(config.reward, lanes)
    env = VectorTradingEnvironment(bank, config.env, config.simulation, reward, lanes, source, seed)
    env.reset()
    return env


def random_actions(
    env: VectorTradingEnvironment, rng: np.random.Generator, share: float, masked: float
) -> npt.NDArray[np.int64]:
    """Uniform actions on a `share` of the lanes, HOLD on the rest; a `masked` share of them only possible ones."""
    actions = rng.integers(0, ACTIONS, env.count)
    actions[rng.random(env.count) >= share] = 0
    possible = env.action_mask[np.arange(env.count), actions]
    return np.where(possible | (rng.random(env.count) >= masked), actions, 0)
