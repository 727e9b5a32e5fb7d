"""The lanes of the trading environment as stable-baselines3 wants to see them."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices

from ai.policy import index_space
from simulators.layout import ACTIONS

_NO_INFO: Any = MappingProxyType({})
"""Info of a lane to which nothing special happened: shared, hence read-only."""


class Lanes(Protocol):
    """What `LaneVecEnv` needs of `envs.vector_environment.VectorTradingEnvironment`.

    Arrays are views that every step overwrites; a lane that is done has already been restarted when `step` returns.
    """

    index: npt.NDArray[np.int32]  # [N, 2] day, second
    portfolio: npt.NDArray[np.float32]  # [N, P]
    action_mask: npt.NDArray[np.bool_]  # [N, 12]
    steps: npt.NDArray[np.void]  # STEP [N], of the step itself also where a lane is done
    rewards: npt.NDArray[np.float32]  # [N]
    terminated: npt.NDArray[np.bool_]  # [N]
    truncated: npt.NDArray[np.bool_]  # [N]
    final_index: npt.NDArray[np.int32]  # [N, 2] last observation of the episode, valid where a lane is done
    final_portfolio: npt.NDArray[np.float32]  # [N, P]

    def reset(self) -> None:
        """Start every lane anew."""
        ...

    def step(self, actions: npt.NDArray[np.int64]) -> None:
        """Advance every lane by one decision."""
        ...

    def progress(self, share: float) -> None:
        """Told before a rollout which share of the training is done."""
        ...


class Tape(Protocol):
    """Keeps what the lanes do."""

    def note(self) -> None:
        """A step has been taken: the lanes' arrays tell which."""
        ...


class EpisodeRow(NamedTuple):
    """A finished episode."""

    log_return: float  # ln(equity at the end / at the start)
    pnl: float  # dollars
    reward: float  # sum
    steps: int
    trades: int  # closed round trips
    ending: int  # simulators.layout.Ending


class RolloutRow(NamedTuple):
    """What the lanes did since the last `LaneVecEnv.drain`."""

    reward: float  # mean over steps and lanes
    invalid_share: float  # steps whose action was not possible
    drawdown: float  # mean over lanes, at the end
    episodes: list[EpisodeRow]  # that ended


class LaneVecEnv(VecEnv):
    """N lanes behind SB3's `VecEnv`: observation Dict(index, portfolio), same-step autoreset.

    A lane that was cut off (`truncated`) carries `terminal_observation` and `TimeLimit.truncated`, so that its value
    is bootstrapped; nothing is done in Python for the lanes of an ordinary step.
    """

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        count = len(lanes.index)
        super().__init__(count, index_space(), spaces.Discrete(ACTIONS))
        self._no_infos = [_NO_INFO] * count
        self._actions = np.zeros(count, np.int64)
        self._reward = np.zeros(count)  # of the running episodes
        self._length = np.zeros(count, np.int64)
        self._trades = np.zeros(count, np.int64)
        self._episodes: list[EpisodeRow] = []
        self._rows, self._reward_sum, self._invalid = 0, 0.0, 0
        self._resumed = False
        self.tape: Tape | None = None
        """Told about every step, if there is one."""

    def reset(self) -> dict[str, npt.NDArray[Any]]:
        """Start every lane anew, unless `resume` was called; observations [N, ...], copies."""
        if not self._resumed:
            self.lanes.reset()
            for sums in (self._reward, self._length, self._trades):
                sums.fill(0)
        self._resumed = False
        return self._observation()

    def sums(self) -> npt.NDArray[np.float64]:
        """Reward, steps and trades of the running episodes [3, N], a copy."""
        return np.array([self._reward, self._length, self._trades], np.float64)

    def resume(self, sums: npt.NDArray[np.float64]) -> None:
        """The lanes were put into the middle of episodes, of which `sums` [3, N] tells: the next reset leaves them."""
        self._reward[:], self._length[:], self._trades[:] = sums
        self._resumed = True

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """[N, 12], true where the coming action is possible; the caller's own."""
        return self.lanes.action_mask.copy()

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Keep the actions [N]."""
        self._actions = np.asarray(actions, np.int64)

    def step_wait(self) -> tuple[dict[str, npt.NDArray[Any]], npt.NDArray[Any], npt.NDArray[Any], list[dict[str, Any]]]:
        """Step; everything that is returned is the caller's own (SB3 stores and edits it)."""
        lanes = self.lanes
        lanes.step(self._actions)
        if self.tape is not None:
            self.tape.note()
        done = lanes.terminated | lanes.truncated
        self._reward += lanes.rewards
        self._length += 1
        self._trades += lanes.steps["closed"]
        self._rows += self.num_envs
        self._reward_sum += float(lanes.rewards.sum())
        self._invalid += int(lanes.steps["invalid"].sum())
        infos = self._finish(np.flatnonzero(done)) if done.any() else self._no_infos
        return self._observation(), lanes.rewards.copy(), done, infos

    def drain(self) -> RolloutRow:
        """What happened since the last call."""
        rows = max(self._rows, 1)
        drawdown = float(self.lanes.steps["drawdown"].mean())
        drained = RolloutRow(self._reward_sum / rows, self._invalid / rows, drawdown, self._episodes)
        self._rows, self._reward_sum, self._invalid, self._episodes = 0, 0.0, 0, []
        return drained

    def _observation(self) -> dict[str, npt.NDArray[Any]]:
        return {"index": self.lanes.index.copy(), "portfolio": self.lanes.portfolio.copy()}

    def _finish(self, done: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
        lanes, infos = self.lanes, list(self._no_infos)
        for lane in done.tolist():
            step = lanes.steps[lane]
            start, end = float(step["start_equity"]), float(step["equity_after"])
            row = EpisodeRow(
                log_return=float(np.log(max(end, 1e-9) / start)),
                pnl=end - start,
                reward=float(self._reward[lane]),
                steps=int(self._length[lane]),
                trades=int(self._trades[lane]),
                ending=int(step["ending"]),
            )
            self._episodes.append(row)
            infos[lane] = {
                "terminal_observation": {
                    "index": lanes.final_index[lane].copy(),
                    "portfolio": lanes.final_portfolio[lane].copy(),
                },
                "TimeLimit.truncated": bool(lanes.truncated[lane] and not lanes.terminated[lane]),
                "episode": {"r": row.reward, "l": row.steps, "t": 0.0},
            }
        for sums in (self._reward, self._length, self._trades):
            sums[done] = 0
        return infos

    # ------------------------------------------------------------ rest of the VecEnv interface
    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of the lanes, once per index; AttributeError if there is none."""
        if attr_name == "render_mode":
            value = None
        elif attr_name == "action_masks":  # asked for by sb3-contrib to see whether masking is supported
            value = self.env_method
        else:
            value = getattr(self.lanes, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:  # noqa: ARG002 - SB3's
        """Refused: lanes are one object."""
        raise AttributeError(f"{attr_name} cannot be set per lane")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:  # noqa: ARG002 - SB3's
        """`action_masks`: rows of one array, overwritten by the next step (sb3-contrib stacks, hence copies, them)."""
        if method_name != "action_masks":
            raise AttributeError(f"lanes have no method {method_name}")
        masks = self.lanes.action_mask
        return list(masks) if indices is None else [masks[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:  # noqa: ARG002 - SB3's
        """Never."""
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[None]:
        """Lanes have no picture."""
        return [None] * self.num_envs
