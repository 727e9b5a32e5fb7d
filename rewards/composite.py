"""The reward of a step: a weighted, clipped sum of components, every one of them visible."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import RewardComponentConfig, RewardConfig
from rewards.registry import COMPONENTS, Kernel, RewardComponent
from utils.errors import ConfigError
from utils.jit import njit
from utils.registry import parameters


class _Term(NamedTuple):
    kernel: Kernel
    params: npt.NDArray[np.float64]


class CompositeReward:
    """Sum over components of weight * clip(component), for N lanes at once. Weights are full until `progress` is told.

    `parts` f32 [N, K] and the result f32 [N] belong to this object and are overwritten by the next call.
    """

    def __init__(self, config: RewardConfig, lanes: int) -> None:
        self.names = tuple(config.components)
        if not self.names:
            raise ConfigError("reward.components is empty", fix="name at least log_equity")
        settings = list(config.components.values())
        self._terms = [_bind(COMPONENTS.get(name), given) for name, given in config.components.items()]
        self._full = np.array([s.weight for s in settings], np.float64)
        self._until = np.array([s.until or np.inf for s in settings], np.float64)
        self._weights = self._full.copy()
        self._clips = np.array([s.clip or np.inf for s in settings], np.float64)
        self._memory = np.zeros((len(self.names), lanes))
        self._raw = np.zeros((len(self.names), lanes))
        self.parts = np.zeros((lanes, len(self.names)), np.float32)
        self._total = np.zeros(lanes, np.float32)
        self._sums = np.zeros(len(self.names))
        self._rows = 0

    def compute(self, steps: npt.NDArray[np.void]) -> npt.NDArray[np.float32]:
        """Reward of each lane, f32 [N], from its STEP record. Memory of lanes whose episode ended is cleared."""
        for (kernel, params), memory, raw in zip(self._terms, self._memory, self._raw, strict=True):
            kernel(steps, params, memory, raw)
        _combine_nb(steps, self._raw, self._weights, self._clips, self._memory, self.parts, self._total, self._sums)
        self._rows += len(steps)
        return self._total

    def drain(self) -> dict[str, float]:
        """Mean weighted part per step and lane since the last call, by component."""
        means = self._sums / max(self._rows, 1)
        self._sums[:], self._rows = 0.0, 0
        return dict(zip(self.names, means.tolist(), strict=True))

    def progress(self, share: float) -> None:
        """Fade the weights: `share` of the training, in [0, 1], is done."""
        self._weights[:] = self._full * np.clip(1.0 - share / self._until, 0.0, 1.0)

    def reset(self, lanes: npt.NDArray[np.bool_]) -> None:
        """Forget the running episode of the lanes where `lanes` is true."""
        self._memory[:, lanes] = 0.0

    def state(self) -> npt.NDArray[np.float64]:
        """A copy of the components' memories [K, N], for exact resume."""
        return self._memory.copy()

    def load_state(self, state: npt.NDArray[np.float64]) -> None:
        """Put `state` back."""
        self._memory[:] = state


def _bind(declared: RewardComponent, given: RewardComponentConfig) -> _Term:
    where = f"reward.components.{declared.name}.params"
    values = parameters(f"reward component {declared.name!r}", declared.params, given.params, where)
    return _Term(declared.kernel, np.array(values, np.float64))


@njit
def _combine_nb(steps: Any, raw: Any, weights: Any, clips: Any, memory: Any, parts: Any, total: Any, sums: Any) -> None:
    for i in range(raw.shape[1]):
        reward = 0.0
        for k in range(raw.shape[0]):
            part = weights[k] * min(max(raw[k, i], -clips[k]), clips[k])
            parts[i, k] = part
            sums[k] += part
            reward += part
        total[i] = reward
        if steps[i]["ending"] != 0:
            memory[:, i] = 0.0
