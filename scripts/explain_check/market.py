"""A market of noise in which exactly three features matter, each so many rows back, and some can't matter at all.

Every second pays the sum of the three: to who bought, its opposite to who sold, nothing to who held. All columns are
independent standard normal rows, so that nothing but what was learnt tells one row of a feature from another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ai.policy import MarketPolicy
from data.layout import MINUTES, SECONDS
from feature.feature_day import BRANCHES, LF_WINDOW, FeatureDay
from feature.registry import FeatureSchema
from simulators.layout import ACTIONS, SIZES, STEP, ActionType, Ending, Portfolio
from utils.seeding import stream

LAGS = {"signal_3_s": 3, "signal_1_s": 1, "signal_2_min": 2}
"""What matters: rows back by feature."""
CONSTANT = {"always_zero": 0.0, "always_one": 1.0, "always_some": -0.7}
UNHEARD = ("unheard_hf", "unheard_static")
"""Noise like all noise, but the network is deaf to it."""
DEAD = frozenset([*CONSTANT, *UNHEARD])
TWINS = ("noise_static_1", "noise_static_2")
"""The second is the first with a little noise on it."""
NAMES = {
    "hf": ("signal_3_s", "signal_1_s", "noise_hf_1", "noise_hf_2", "noise_hf_3", "always_zero", "unheard_hf"),
    "mf": ("noise_mf_1", "signal_2_min", "noise_mf_2", "noise_mf_3"),
    "lf": ("noise_lf_1", "noise_lf_2", "always_one"),
    "static": (*TWINS, "noise_static_3", "always_some", "unheard_static"),
}
SCHEMA = FeatureSchema(NAMES, {name: "toy" for names in NAMES.values() for name in names})
DAYS = 8
LONGEST = max(LAGS.values()) + 1
FIRST_S = 60 * (LONGEST + 1)
"""From here on all that matters is known."""
EPISODE_S = (20, 60)


def toy_day(seed: int, number: int) -> FeatureDay:
    """One day of noise; days of a seed differ by their number."""
    chance = stream(seed, "explain_check", number)
    tables: dict[str, npt.NDArray[np.float32]] = {}
    for branch, rows in zip(BRANCHES, (SECONDS, MINUTES, LF_WINDOW, SECONDS), strict=True):
        names = NAMES[branch]
        table = chance.standard_normal((rows, len(names)), np.float32)
        for name in CONSTANT.keys() & set(names):
            table[:, names.index(name)] = CONSTANT[name]
        tables[branch] = table
    first, second = (NAMES["static"].index(name) for name in TWINS)
    tables["static"][:, second] = 0.99 * tables["static"][:, first] + 0.14 * tables["static"][:, second]
    return FeatureDay(symbol="TOY", date=f"2025-01-{number + 1:02d}", schema_hash=SCHEMA.hash, **tables)


def signal(day: FeatureDay) -> npt.NDArray[np.float64]:
    """[57600]: what a second pays to who bought at its beginning, 0 where not all of it is known."""
    found = np.zeros(SECONDS)
    minute = np.arange(SECONDS) // 60 - 1  # the last that is complete
    for name, lag in LAGS.items():
        branch = next(branch for branch in BRANCHES if name in NAMES[branch])
        column = getattr(day, branch)[:, NAMES[branch].index(name)].astype(np.float64)
        row = (np.arange(SECONDS) if branch == "hf" else minute) - lag
        found += column[row]
    found[:FIRST_S] = 0.0
    return found


def deafen(policy: MarketPolicy) -> None:
    """Cut UNHEARD off from the network, for good: their weights are 0 and get no gradient."""
    encoder = policy.encoder
    for branch, weight in (("hf", encoder.hf.embed.weight), ("static", encoder.static_in.weight)):
        columns = [NAMES[branch].index(name) for name in UNHEARD if name in NAMES[branch]]
        weight.data[:, columns] = 0.0

        def silenced(gradient: Tensor, columns: list[int] = columns) -> Tensor:
            kept = gradient.clone()
            kept[:, columns] = 0.0
            return kept

        weight.register_hook(silenced)


class ToyMarket:
    """Lanes of it, see `agent.vec_env.Lanes`. The account's columns are noise: no position outlives its second."""

    def __init__(self, days: Sequence[FeatureDay], count: int, seed: int) -> None:
        self._pays = np.stack([signal(day) for day in days])
        self._chance = stream(seed, "explain_check", "lanes")
        self._end = np.zeros(count, np.int64)
        self.index = np.zeros((count, 2), np.int32)
        self.portfolio = np.zeros((count, len(Portfolio)), np.float32)
        self.action_mask = np.ones((count, ACTIONS), np.bool_)
        self.action_mask[:, 1:SIZES] = False  # one way to hold
        self.steps = np.zeros(count, STEP)
        self.rewards = np.zeros(count, np.float32)
        self.terminated = np.zeros(count, np.bool_)
        self.truncated = np.zeros(count, np.bool_)
        self.final_index = np.zeros_like(self.index)
        self.final_portfolio = np.zeros_like(self.portfolio)

    def reset(self) -> None:
        """Start every lane anew."""
        self._open(np.arange(len(self.index)))

    def progress(self, share: float) -> None:
        """The market is the same throughout."""

    def step(self, actions: npt.NDArray[np.int64]) -> None:
        """One second."""
        kind = actions // SIZES
        side = (kind == ActionType.BUY).astype(np.float64) - (kind == ActionType.SELL)
        self.rewards = (side * self._pays[self.index[:, 0], self.index[:, 1]]).astype(np.float32)
        self.steps["start_equity"] = self.steps["equity_after"] = 1.0
        self.index[:, 1] += 1
        self.portfolio = self._chance.standard_normal(self.portfolio.shape, np.float32)
        self.truncated = self.index[:, 1] >= self._end
        self.steps["ending"] = np.where(self.truncated, Ending.LENGTH, Ending.RUNNING)
        over = np.flatnonzero(self.truncated)
        self.final_index[over], self.final_portfolio[over] = self.index[over], self.portfolio[over]
        self._open(over)

    def _open(self, lanes: npt.NDArray[np.int64]) -> None:
        count = len(lanes)
        length = self._chance.integers(*EPISODE_S, count)
        self.index[lanes, 0] = self._chance.integers(0, len(self._pays), count)
        self.index[lanes, 1] = self._chance.integers(FIRST_S, SECONDS - EPISODE_S[1] - 1, count)
        self._end[lanes] = self.index[lanes, 1] + length
        self.portfolio[lanes] = self._chance.standard_normal((count, len(Portfolio)), np.float32)
