"""What one rollout and its update did: all that collectors see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]


class RewardNumbers(NamedTuple):
    """What the reward's components did, by name; as `rewards.composite.RewardStats`."""

    per_step: Mapping[str, float]
    per_episode: Mapping[str, float]
    correlation: Mapping[str, float]
    shares: Mapping[str, float]


class NetworkNumbers(NamedTuple):
    """What the network looks like after an update."""

    gates: Mapping[str, float]
    """Mean openness by token, (0, 1)."""
    weights: Mapping[str, float]
    """L2 norm of the parameters by part."""
    gradients: Mapping[str, float]
    """L2 norm of their gradients in the last minibatch, after clipping."""


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Between two rollouts. Arrays are valid until the next one begins: copy what is kept."""

    step: int
    """Environment steps in the model's life, summed over lanes."""
    stats: Mapping[str, float]
    """What the agent measured itself, by the names of metrics/registry.py."""
    steps: Records
    """STEP [T, N]"""
    fills: Records
    """FILL [n], step by step, those of a lane in order."""
    trades: Records
    """Rows of `metrics.layout.trade_layout` [n]."""
    episodes: Records
    """EPISODE_ROW [n]"""
    start_ns: npt.NDArray[np.int64]
    """[days of the bank] 04:00 New York of each, UTC."""
    reward: RewardNumbers
    curriculum: Mapping[str, Any]
    """As `agent.curriculum.Curriculum.summary` tells it."""
    network: Callable[[], NetworkNumbers]
    """Asked for only if a collector wants it."""
