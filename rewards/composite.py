"""The reward of a step: a weighted sum of components, guarded, every part of it visible."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import RewardComponentConfig, RewardConfig
from rewards.binding import bound_terms
from rewards.kernels import BOOK, PLAN, PURSE, reward_nb
from rewards.registry import COMPONENTS, Effect, RewardComponent, Safety
from simulators.layout import STEP
from utils.errors import ConfigError
from utils.logger import get_logger

log = get_logger(__name__)

GUARD = "bonus_guard"
"""Name of the part that keeps bonuses within the gain."""
RECENT_EPISODES = 256
"""Episodes over which totals and correlations are taken."""


class RewardStats(NamedTuple):
    """What the components did, by name. `per_step` and `shares` since the last call, the others of recent episodes."""

    per_step: dict[str, float]
    """Mean part per step and lane."""
    per_episode: dict[str, float]
    """Mean total per ended episode; empty before the first."""
    correlation: dict[str, float]
    """Pearson's, of the episode's total with its log return; without those that cannot be told."""
    shares: dict[str, float]
    """Share of |reward| by safety class."""


class CompositeReward:
    """The reward of N lanes at once. Weights are full until `progress` is told.

    `parts` f64 [N, K + 1], in the order of `names`, and the result f32 [N] belong to this object and are overwritten
    by the next call.
    """

    def __init__(self, config: RewardConfig, lanes: int) -> None:
        """Raises ConfigError for an unknown component, a parameter that does not fit or a missing guard."""
        enabled = {name: given for name, given in config.components.items() if given.enabled}
        if not enabled:
            raise ConfigError(
                "no reward component is enabled", where="reward.components", fix="enable at least log_equity"
            )
        self._declared: list[RewardComponent] = [COMPONENTS.get(name) for name in enabled]
        self._given: list[RewardComponentConfig] = list(enabled.values())
        self.names = (*enabled, GUARD)
        self._classes = np.array([*(c.safety for c in self._declared), Safety.SHAPING])  # in the order of names
        self._terms, self._params = bound_terms(self._declared, self._given)
        self._limit, self._warned = config.shaping_limit, False
        width = len(self.names)
        self._memory = np.zeros((lanes, max(1, sum(len(c.memory) for c in self._declared))))
        self._books = np.zeros((lanes, width), BOOK)
        self._purses = np.zeros(lanes, PURSE)
        self._kept = [plain.view(np.float64).reshape(lanes, -1) for plain in (self._memory, self._books, self._purses)]
        self.parts = np.zeros((lanes, width))
        self.total = np.zeros(lanes, np.float32)
        """Reward of each lane in the last step [N]."""
        self._sums = np.zeros((2, width))
        self._recent = np.zeros((RECENT_EPISODES, width + 1))
        self._rows = 0
        self._plan = self._planned(config)
        self._address: int = self._plan.ctypes.data
        self._steps = np.zeros(0, STEP)  # those of the last call: their address is known
        self.progress(0.0)

    def compute(self, steps: npt.NDArray[np.void]) -> npt.NDArray[np.float32]:
        """Reward of each lane, f32 [N], from its STEP record. What is kept of lanes whose episode ended is cleared."""
        reward_nb(self.attach(steps), 0, len(steps))
        self._rows += len(steps)
        return self.total

    def attach(self, steps: npt.NDArray[np.void]) -> int:
        """Read the lanes' steps from `steps` (STEP [N]) from now on; what `reward_nb` is called with."""
        if steps is not self._steps:
            if steps.dtype != STEP or len(steps) != len(self.parts) or not steps.flags.c_contiguous:
                raise ValueError(f"{len(self.parts)} lanes need as many STEP records in a row")
            self._steps, self._plan["steps"] = steps, steps.ctypes.data
        return self._address

    def drain(self) -> RewardStats:
        """What the components did; warns if shaping has more than its share of the reward."""
        means, sizes = self._sums / max(self._rows, 1)
        self._sums[:], self._rows = 0.0, 0
        episodes = self._recent[: min(int(self._plan["ended"][0]), RECENT_EPISODES)]
        stats = RewardStats(
            per_step=self._named(means),
            per_episode=self._named(episodes[:, :-1].mean(axis=0)) if len(episodes) else {},
            correlation=self._correlations(episodes),
            shares=self._shares(sizes),
        )
        self._warn(stats.shares[Safety.SHAPING.name.lower()], sizes)
        return stats

    def progress(self, share: float) -> None:
        """Set the weights to those of `share` of the training, in [0, 1]: half every `halflife`, none from `until`."""
        for term, given in zip(self._terms, self._given, strict=True):
            weight = given.weight
            if given.halflife:
                weight *= 0.5 ** (share / given.halflife)
            if given.until:
                weight *= max(0.0, 1.0 - share / given.until)
            term["weight"] = weight

    def reset(self, lanes: npt.NDArray[np.bool_]) -> None:
        """Forget the running episode of the lanes where `lanes` is true."""
        for kept in self._kept:
            kept[lanes] = 0.0

    def state(self) -> npt.NDArray[np.float64]:
        """What is kept of the running episodes [N, ...], a copy, for exact resume."""
        return np.hstack(self._kept)

    def load_state(self, state: npt.NDArray[np.float64]) -> None:
        """Put `state` back."""
        ends = np.cumsum([kept.shape[1] for kept in self._kept])
        for kept, saved in zip(self._kept, np.split(state, ends[:-1], axis=1), strict=True):
            kept[:] = saved

    def recent(self) -> npt.NDArray[np.float64]:
        """What `drain` goes by of the episodes that ended last, and in the last row how many ever did; a copy."""
        return np.vstack([self._recent, np.full_like(self._recent[:1], self._plan["ended"][0])])

    def load_recent(self, rows: npt.NDArray[np.float64]) -> None:
        """Put `recent` back."""
        self._recent[:] = rows[:-1]
        self._plan["ended"] = rows[-1, 0]

    def _planned(self, config: RewardConfig) -> npt.NDArray[np.void]:
        """Addresses of all arrays, which live as long as this object."""
        plan = np.zeros(1, PLAN)
        for name, array in (
            ("terms", self._terms),
            ("memory", self._memory),
            ("books", self._books),
            ("purses", self._purses),
            ("parts", self.parts),
            ("total", self.total),
            ("sums", self._sums),
            ("recent", self._recent),
        ):
            plan[name] = array.ctypes.data
        plan["lanes"] = len(self.parts)
        plan["count"], plan["width"], plan["rows"] = len(self._terms), self._memory.shape[1], RECENT_EPISODES
        plan["gamma"] = config.gamma
        bonuses = any(component.effect == Effect.BONUS for component in self._declared)
        plan["bonus_share"] = config.bonus_share if bonuses else 0.0  # without any, losses are charged no share
        return plan

    def _named(self, values: npt.NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.names, values.tolist(), strict=True))

    def _correlations(self, episodes: npt.NDArray[np.float64]) -> dict[str, float]:
        moving = episodes.std(axis=0) > 0.0 if len(episodes) > 1 else np.zeros(len(self.names) + 1, np.bool_)
        if not moving[-1]:
            return {}
        return {
            name: float(np.corrcoef(episodes[:, k], episodes[:, -1])[0, 1])
            for k, name in enumerate(self.names)
            if moving[k]
        }

    def _shares(self, sizes: npt.NDArray[np.float64]) -> dict[str, float]:
        whole = sizes.sum()
        return {c.name.lower(): float(sizes[self._classes == c].sum() / whole) if whole else 0.0 for c in Safety}

    def _warn(self, share: float, sizes: npt.NDArray[np.float64]) -> None:
        above = share > self._limit
        if above and not self._warned:
            by_size = sorted(zip(sizes, self.names, self._classes, strict=True), reverse=True)
            most = [name for _, name, kind in by_size if kind == Safety.SHAPING][:3]
            log.warning(
                "shaping makes %.0f %% of the reward, above reward.shaping_limit (%.0f %%); most of it: %s",
                100 * share,
                100 * self._limit,
                ", ".join(most),
            )
        self._warned = above
