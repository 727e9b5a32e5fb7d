"""What the lanes are in the middle of, and what comes after: part of every checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agent.checkpoint import Checkpoint
from agent.curriculum import Curriculum
from agent.vec_env import LaneVecEnv
from envs.episodes import Episode
from envs.vector_environment import Snapshot, VectorTradingEnvironment
from rewards.composite import CompositeReward
from utils.errors import ModelError
from utils.logger import get_logger

log = get_logger(__name__)

PREFIX = "lanes."
RECENT = "reward.recent"


class LaneState(NamedTuple):
    """Between two steps."""

    lanes: Snapshot
    sums: npt.NDArray[np.float64]
    """Of the running episodes, as `LaneVecEnv.sums` tells them."""


class RunningEpisodes:
    """The lanes and the curriculum that feeds them, put into checkpoints and taken up from them."""

    def __init__(
        self,
        vec: LaneVecEnv,
        env: VectorTradingEnvironment,
        curriculum: Curriculum,
        reward: CompositeReward,
        days: Mapping[str, str],
    ) -> None:
        """days: hash of the sources by name of the training day."""
        self._vec, self._env, self._curriculum, self._reward = vec, env, curriculum, reward
        self._days = dict(days)

    def add_to(self, checkpoint: Checkpoint) -> Checkpoint:
        """`checkpoint` with them."""
        here = self._here()
        plain = {"layout": _layout(here.lanes.lanes), "days": self._days, "curriculum": self._curriculum.state()}
        tensors = {**lane_tensors(here), RECENT: torch.from_numpy(self._reward.recent())}
        return checkpoint._replace(state={**checkpoint.state, **tensors}, run={**checkpoint.run, "lanes": plain})

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go on exactly where `checkpoint` was made.

        On other days, stages or lanes there is no such place: the lanes begin anew, at the same stage of the
        curriculum if it still has one of that name.
        """
        saved = checkpoint.run["lanes"]
        try:
            if saved["days"] != self._days:
                raise ModelError("the saved model was on other training days")
            lanes = lanes_of(checkpoint.state, saved["layout"], self._here())
            self._curriculum.load_state(saved["curriculum"])
        except ModelError as why:
            self._curriculum.enter_named(saved["curriculum"]["name"])
            log.warning(
                "%s: the lanes begin anew, the curriculum at its stage %s", why.what, self._curriculum.stage_name
            )
            return
        self._env.restore(lanes.lanes)
        self._vec.resume(lanes.sums)
        self._reward.load_recent(checkpoint.state[RECENT].numpy())

    def _here(self) -> LaneState:
        return LaneState(self._env.snapshot(), self._vec.sums())


def lane_tensors(state: LaneState) -> dict[str, Tensor]:
    """`state` as plain numbers; the lanes' records as bytes, of which `layout` tells the rest."""
    lanes, episodes, reward = state.lanes
    arrays: dict[str, npt.NDArray[Any]] = {
        "records": np.frombuffer(lanes.tobytes(), np.uint8).copy(),
        "episodes": np.array(episodes, np.int64),
        "reward": reward,
        "sums": state.sums,
    }
    return {PREFIX + name: torch.from_numpy(array) for name, array in arrays.items()}


def lanes_of(tensors: Mapping[str, Tensor], layout: str, here: LaneState) -> LaneState:
    """Inverse of `lane_tensors`. Raises ModelError if it is of other lanes or rewards than those of `here`."""
    records, episodes, reward, sums = (
        tensors[PREFIX + name].numpy() for name in ("records", "episodes", "reward", "sums")
    )
    lanes, _, reward_here = here.lanes
    if layout != _layout(lanes) or reward.shape != reward_here.shape:
        raise ModelError("the saved running episodes are of other lanes or rewards")
    saved = np.frombuffer(records.tobytes(), lanes.dtype)
    return LaneState(Snapshot(saved, tuple(Episode(*map(int, row)) for row in episodes), reward), sums)


def _layout(lanes: npt.NDArray[np.void]) -> str:
    return json.dumps([len(lanes), str(lanes.dtype.descr)])
