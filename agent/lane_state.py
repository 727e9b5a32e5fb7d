"""The running episodes of all lanes as bytes, so that an interrupted run goes on in the middle of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from envs.episodes import Episode
from envs.vector_environment import Snapshot
from utils.errors import ModelError
from utils.paths import shown

FILE = "lanes.safetensors"
"""Beside the files of a saved model."""


class LaneState(NamedTuple):
    """Between two steps."""

    lanes: Snapshot
    sums: npt.NDArray[np.float64]
    """Of the running episodes, as `LaneVecEnv.sums` tells them."""


def lane_bytes(state: LaneState) -> bytes:
    """`state` as a safetensors file: plain numbers, and the layout of the lanes' records."""
    lanes, episodes, reward = state.lanes
    tensors: dict[str, npt.NDArray[Any]] = {
        "lanes": np.frombuffer(lanes.tobytes(), np.uint8),
        "episodes": np.array(episodes, np.int64),
        "reward": reward,
        "sums": state.sums,
    }
    return save(tensors, metadata={"layout": _layout(lanes)})


def load_lanes(path: Path, here: LaneState) -> LaneState:
    """Read what `lane_bytes` made. Raises ModelError if it is damaged or of other lanes than those of `here`."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            layout: str = (file.metadata() or {}).get("layout", "")
            tensors: dict[str, npt.NDArray[Any]] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError) as why:
        raise ModelError(f"the running episodes cannot be read: {why}", where=shown(path)) from why
    lanes, _, reward = here.lanes
    if layout != _layout(lanes) or tensors["reward"].shape != reward.shape:
        raise ModelError("the saved running episodes are of other lanes or rewards", where=shown(path))
    saved = np.frombuffer(tensors["lanes"].tobytes(), lanes.dtype)
    episodes = tuple(Episode(*map(int, row)) for row in tensors["episodes"])
    return LaneState(Snapshot(saved, episodes, tensors["reward"]), tensors["sums"])


def _layout(lanes: npt.NDArray[np.void]) -> str:
    return json.dumps([len(lanes), str(lanes.dtype.descr)])
