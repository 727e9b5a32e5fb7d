"""Cheats and learners against rewards: what were they paid, and what did they earn?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import Config, RewardConfig
from data.market_day import MarketDay
from envs.episodes import FixedEpisodes
from rewards.composite import CompositeReward
from rewards.registry import COMPONENTS, Effect
from scripts.audit_rewards.adversaries import HOLD, Adversary
from scripts.lanes import open_lanes

PHASES = {"start": 0.0, "end": 1.0}
"""Share of the training whose weights are in force."""


class Outcome(NamedTuple):
    """What one way of trading got from one reward, a value per episode."""

    who: str
    reward_name: str
    phase: str
    """Of the training, for the weights: a key of PHASES."""
    reward: npt.NDArray[np.float64]  # sum over the episode
    pnl: npt.NDArray[np.float64]  # dollars; while costs are handed back, without these

    @property
    def hacked(self) -> bool:
        """Paid on average for losing (or not earning) money on average."""
        return bool(self.reward.mean() > 0.0 and self.pnl.mean() <= 0.0)

    @property
    def paid_losses(self) -> float:
        """Share of the losing episodes that were paid all the same."""
        lost = self.pnl < 0.0
        return float((self.reward[lost] > 0.0).mean()) if lost.any() else 0.0


class _Purse:
    """One reward in one phase, kept beside the environment's own."""

    def __init__(self, name: str, config: RewardConfig, phase: str, lanes: int) -> None:
        self.name, self.phase = name, phase
        self._composite = CompositeReward(config, lanes)
        self._composite.progress(PHASES[phase])
        rebates = [name for name, declared in COMPONENTS.all().items() if declared.effect == Effect.REBATE]
        self._rebates = np.isin(self._composite.names, rebates)
        self.paid = np.zeros(lanes)
        self.handed_back = np.zeros(lanes)

    def take(self, steps: npt.NDArray[np.void], alive: npt.NDArray[np.bool_]) -> None:
        self._composite.compute(steps)
        self.paid += np.where(alive, self._composite.parts.sum(axis=1), 0.0)
        rebated = (self._composite.parts[:, self._rebates] > 0.0).any(axis=1)
        self.handed_back += np.where(alive & rebated, steps["cost"], 0.0)


def hunt(
    adversary: Adversary, days: Sequence[MarketDay], config: Config, rewards: Mapping[str, RewardConfig], lanes: int
) -> list[Outcome]:
    """One episode a lane, judged by every reward at the start and at the end of its schedules.

    config: with the adversary's words. What it does depends on no reward, so that one run serves all of them.
    """
    purses = [_Purse(name, reward, phase, lanes) for name, reward in rewards.items() for phase in PHASES]
    episodes = [[episode] for episode in adversary.episodes(days, lanes, config.seed)]
    plain = replace(config, reward=only(config.reward, "log_equity"))
    env = open_lanes(days, plain, lanes, FixedEpisodes(episodes), config.seed)
    alive, pnl = np.ones(lanes, np.bool_), np.zeros(lanes)
    while alive.any():
        env.step(np.where(env.lanes["order"] != 0, HOLD, adversary.act(env)))
        for purse in purses:
            purse.take(env.steps, alive)
        ended = alive & (env.steps["ending"] != 0)
        pnl[ended] = (env.steps["equity_after"] - env.steps["start_equity"])[ended]
        alive &= ~ended
    return [Outcome(adversary.name, p.name, p.phase, p.paid, pnl + p.handed_back) for p in purses]


def only(reward: RewardConfig, *names: str) -> RewardConfig:
    """`reward` with these components enabled, and no other."""
    components = {name: replace(given, enabled=name in names) for name, given in reward.components.items()}
    return replace(reward, components=components)
