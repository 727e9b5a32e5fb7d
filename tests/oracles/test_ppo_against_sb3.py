"""Our loops against sb3-contrib's own, on CartPole: the same rollouts, advantages and parameters."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from agent.lane_ppo import LanePPO
from agent.rollout_buffer import BlockMaskableRolloutBuffer
from agent.threads import Threads

LANES, N_STEPS, ROLLOUTS = 4, 128, 8
ROWS = ("actions", "rewards", "values", "log_probs", "advantages", "returns", "episode_starts", "action_masks")


class MaskedCartPole(gym.Wrapper[Any, Any, Any, Any]):
    """CartPole with its state in a dict, cut off after `longest` steps; no third push in a row to the same side."""

    def __init__(self, longest: int) -> None:
        super().__init__(gym.wrappers.TimeLimit(gym.make("CartPole-v1").unwrapped, longest))
        self.observation_space = spaces.Dict({"state": self.env.observation_space})
        self._last = [-1, -1]

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        state, info = self.env.reset(**kwargs)
        self._last = [-1, -1]
        return {"state": state}, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        state, reward, fell, cut, info = self.env.step(action)
        self._last = [self._last[1], int(action)]
        return {"state": state}, reward, fell, cut, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        mask = np.ones(2, np.bool_)
        if self._last[0] == self._last[1] >= 0:
            mask[self._last[0]] = False
        return mask


class CartPoles(DummyVecEnv):
    """Lanes of it."""

    def __init__(self, longest: int) -> None:
        super().__init__([partial(MaskedCartPole, longest)] * LANES)

    def action_masks(self) -> npt.NDArray[np.bool_]:
        return np.stack(self.env_method("action_masks"))


@pytest.fixture(autouse=True)
def one_thread() -> Generator[None]:
    """So small a network gains nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learnt(kind: type[MaskablePPO], rollouts: int, longest: int = 10_000, **changes: Any) -> MaskablePPO:
    """After so many rollouts, each with its update."""
    arguments: dict[str, Any] = {"n_steps": N_STEPS, "batch_size": 96, "n_epochs": 3, "ent_coef": 0.01, "device": "cpu"}
    arguments |= changes
    if kind is LanePPO:
        # sb3-contrib shuffles by numpy's global generator, so ours is given it, too
        buffer = {"block_rows": 1, "normalise": False, "generator": np.random}
        arguments |= {"rollout_buffer_class": BlockMaskableRolloutBuffer, "rollout_buffer_kwargs": buffer}
        arguments |= {"threads": Threads(1, most=1)}
    ppo = kind("MultiInputPolicy", CartPoles(longest), seed=3, **arguments)
    ppo.set_logger(Logger(folder=None, output_formats=[]))
    if isinstance(ppo, LanePPO):
        ppo.begin()
        for _ in range(rollouts):
            ppo.rollout()
            ppo.train()
    else:
        ppo.learn(rollouts * LANES * N_STEPS, log_interval=10**9)
    return ppo


@pytest.mark.parametrize(
    "changes", [{}, {"normalize_advantage": False}, {"target_kl": 0.005, "learning_rate": 3e-3}], ids=str
)
def test_same_parameters_bit_by_bit(changes: dict[str, Any]) -> None:
    """4,096 steps in 8 rollouts with masks and falls; 3 passes over each, fewer where target_kl stops them."""
    ours, theirs = learnt(LanePPO, ROLLOUTS, **changes), learnt(MaskablePPO, ROLLOUTS, **changes)
    for (name, parameter), other in zip(ours.policy.named_parameters(), theirs.policy.parameters(), strict=True):
        assert torch.equal(parameter, other), name
    assert [ppo.num_timesteps for ppo in (ours, theirs)] == 2 * [ROLLOUTS * LANES * N_STEPS]
    logged, expected = ours.logger.name_to_value, theirs.logger.name_to_value
    values = {name: float(value) for name, value in expected.items() if name.startswith("train/")}
    assert len(values) == 10
    assert {name: logged[name] for name in values} == pytest.approx(values, rel=1e-4, abs=1e-7)
    assert ("target_kl" in changes) == (ours._n_updates < ROLLOUTS * 3)  # pyright: ignore[reportPrivateUsage]


def test_same_rollouts_where_episodes_are_cut_off() -> None:
    """Their last rewards hold the value of what was seen last; ours come from one call, hence not the same bits."""
    ours, theirs = (learnt(kind, 1, longest=17, n_epochs=1, batch_size=512) for kind in (LanePPO, MaskablePPO))
    cut = flat(theirs, "rewards") != 1.0
    assert 20 < cut.sum() < LANES * N_STEPS / 10
    for rows in ROWS:
        near = 3e-6 if rows in ("rewards", "advantages", "returns") else 0
        np.testing.assert_allclose(flat(ours, rows), flat(theirs, rows), rtol=0, atol=near, err_msg=rows)
    for parameter, other in zip(ours.policy.parameters(), theirs.policy.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=0, atol=1e-6)


def flat(ppo: MaskablePPO, rows: str) -> npt.NDArray[np.float64]:
    """A column of the last rollout, lane after lane; most of sb3-contrib's are so after the first minibatch."""
    values = np.asarray(getattr(ppo.rollout_buffer, rows), np.float64)
    if len(values) == N_STEPS:
        values = ppo.rollout_buffer.swap_and_flatten(values)
    return values.reshape(LANES * N_STEPS, -1)
