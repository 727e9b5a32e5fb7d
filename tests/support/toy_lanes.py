"""A small market in which the right action can be read from the features: the lanes of a vector environment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.layout import SECONDS
from feature.feature_day import FeatureDay
from simulators.layout import ACTIONS, SIZES, STEP, ActionType, Ending, Portfolio


class ToyLanes:
    """Column 0 of `hf` at second t is what a long position earns (in percent) until the next second.

    Each lane is long or flat: BUY goes long, SELL goes flat, HOLD keeps. Has the attributes and the autoreset of
    `envs.vector_environment.VectorTradingEnvironment`; episodes are truncated at their length.
    """

    def __init__(self, days: Sequence[FeatureDay], count: int, seed: int, length: tuple[int, int]) -> None:
        self._earn = [0.01 * day.hf[:, 0] for day in days]
        self._rng = np.random.default_rng(seed)
        self._length = length
        self._end = np.zeros(count, np.int64)
        self.index = np.zeros((count, 2), np.int32)
        self.portfolio = np.zeros((count, len(Portfolio)), np.float32)
        self.action_mask = np.ones((count, ACTIONS), np.bool_)
        self.steps = np.zeros(count, STEP)
        self.rewards = np.zeros(count, np.float32)
        self.terminated = np.zeros(count, np.bool_)
        self.truncated = np.zeros(count, np.bool_)
        self.final_index = np.zeros_like(self.index)
        self.final_portfolio = np.zeros_like(self.portfolio)
        self._equity = np.full(count, 1000.0)

    def reset(self) -> None:
        """Start every lane anew."""
        for lane in range(len(self.index)):
            self._open(lane)
        self._show_masks()

    def progress(self, share: float) -> None:
        """The reward is the same throughout."""

    def step(self, actions: np.ndarray) -> None:
        """One second."""
        kind = actions // SIZES
        long = np.where(kind == ActionType.BUY, 1.0, np.where(kind == ActionType.SELL, 0.0, self.portfolio[:, 0]))
        earn = np.array([self._earn[d][s] for d, s in self.index])
        self.rewards = (100 * long * earn).astype(np.float32)
        self.steps["start_equity"] = 1000.0
        self.steps["invalid"] = ~self.action_mask[np.arange(len(actions)), actions]
        self._equity = self._equity * (1 + long * earn * 1e-3)
        self.steps["equity_after"] = self._equity
        self.portfolio[:, Portfolio.SIDE] = long
        self.index[:, 1] += 1
        self.truncated = self.index[:, 1] >= self._end
        self.steps["ending"] = np.where(self.truncated, Ending.LENGTH, Ending.RUNNING)
        for lane in np.flatnonzero(self.truncated).tolist():
            self.final_index[lane], self.final_portfolio[lane] = self.index[lane], self.portfolio[lane]
            self._open(lane)
        self._show_masks()

    def _open(self, lane: int) -> None:
        length = int(self._rng.integers(*self._length))
        start = int(self._rng.integers(0, SECONDS - length - 1))
        self.index[lane] = self._rng.integers(len(self._earn)), start
        self._end[lane] = start + length
        self.portfolio[lane] = 0
        self._equity[lane] = 1000.0

    def _show_masks(self) -> None:
        """No selling while flat."""
        self.action_mask[:, ActionType.SELL * SIZES :] = self.portfolio[:, :1] > 0
