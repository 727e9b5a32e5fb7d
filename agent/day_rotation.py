"""Which day comes next: better ones more often, those in motion, and those that were not dealt for long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from config.schema import RotationConfig

FAST, SLOW = 0.3, 0.05
"""Rates of the two running means of a day's log return; where they part, something is being learnt (or lost)."""
Floats = npt.NDArray[np.float64]


class DayRotation:
    """Remembers of every day of the bank when it was dealt and how its episodes went."""

    def __init__(self, config: RotationConfig, days: int) -> None:
        self._config = config
        self._fast = np.zeros(days)
        self._slow = np.zeros(days)
        self._played = np.zeros(days, np.int64)  # finished episodes
        self._dealt_at = np.full(days, -1, np.int64)  # number of the episode; -1: never
        self._episodes = 0  # dealt, on whatever day

    def dealt(self, day: int) -> None:
        """An episode begins on `day`."""
        self._dealt_at[day] = self._episodes
        self._episodes += 1

    def remember(self, day: int, log_return: float) -> None:
        """An episode on `day` ended."""
        if self._played[day] == 0:
            self._fast[day] = self._slow[day] = log_return
        else:
            self._fast[day] += FAST * (log_return - self._fast[day])
            self._slow[day] += SLOW * (log_return - self._slow[day])
        self._played[day] += 1

    def weights(self, days: npt.NDArray[np.int64], quality: Floats) -> Floats:
        """Weight of each of `days` (rows of the bank) in the next draw; see RotationConfig."""
        c = self._config
        progress = self._multiples(np.abs(self._fast - self._slow)[days], self._played[days] > 0)
        age = (self._episodes - self._dealt_at[days]).astype(np.float64)
        staleness = self._multiples(age, self._dealt_at[days] >= 0)
        return (c.quality_floor + quality) * (1 + c.progress * progress) * (1 + c.staleness * staleness)

    def losing_share(self, days: npt.NDArray[np.int64]) -> float:
        """Share of those of `days` that were played whose last episodes lost on average; 0 before the first."""
        played = days[self._played[days] > 0]
        return float((self._slow[played] < 0.0).mean()) if len(played) else 0.0

    def _multiples(self, values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
        """`values` over the average of the known ones, `most` at most and where nothing is known."""
        usual = values[known].mean() if known.any() else 0.0
        relative = values / usual if usual > 0 else np.zeros(len(values))
        return np.where(known, np.minimum(relative, self._config.most), self._config.most)

    # ------------------------------------------------------------ resuming
    def state(self) -> dict[str, Any]:
        """Everything that `weights` depends on, as plain JSON data; floats keep every bit."""
        return {
            "fast": self._fast.tolist(),
            "slow": self._slow.tolist(),
            "played": self._played.tolist(),
            "dealt_at": self._dealt_at.tolist(),
            "episodes": self._episodes,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state`."""
        self._fast, self._slow = (np.array(state[name], np.float64) for name in ("fast", "slow"))
        self._played, self._dealt_at = (np.array(state[name], np.int64) for name in ("played", "dealt_at"))
        self._episodes = int(state["episodes"])
