"""Advantages and returns: small cases worked out by hand, and stable-baselines3's own buffer on every boundary."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer

from agent.rollout_buffer import BlockMaskableRolloutBuffer

STEPS, LANES = 12, 5
SPACE = spaces.Dict({"state": spaces.Box(-1, 1, (1,))})
Rows = npt.NDArray[Any]


def buffer(steps: int, lanes: int, gamma: float, gae_lambda: float, *, normalise: bool = False):
    return BlockMaskableRolloutBuffer(
        steps,
        SPACE,
        spaces.Discrete(3),
        "cpu",
        gae_lambda,
        gamma,
        lanes,
        block_rows=1,
        normalise=normalise,
        generator=np.random.default_rng(0),
    )


def fill(rows: MaskableDictRolloutBuffer, rewards: Rows, values: Rows, starts: Rows, last: Rows, dones: Rows) -> None:
    for step, reward in enumerate(rewards):
        lanes = len(reward)
        rows.add(
            {"state": np.zeros((lanes, 1), np.float32)},
            np.zeros(lanes, np.int64),
            reward,
            starts[step],
            torch.from_numpy(values[step]),
            torch.zeros(lanes),
            action_masks=np.ones((lanes, 3), np.bool_),
        )
    rows.compute_returns_and_advantage(torch.from_numpy(last), dones)


@pytest.mark.parametrize(
    ("starts", "done", "advantages"),
    [
        # surprises with gamma 1/2: 1 + 0.2 - 0.5, 2 + 0.15 - 0.4, 3 + 0.1 - 0.3; each step adds a quarter of the next
        ((1, 0, 0), 0, (0.7 + (1.75 + 2.8 / 4) / 4, 1.75 + 2.8 / 4, 2.8)),
        # the second step ended an episode: nothing of the third gets back to it
        ((1, 0, 1), 0, (0.7 + 1.6 / 4, 1.6, 2.8)),
        # the last step ended one: what comes after the rollout is another episode's
        ((1, 0, 0), 1, (0.7 + (1.75 + 2.7 / 4) / 4, 1.75 + 2.7 / 4, 2.7)),
        # every step ended one: reward minus value
        ((1, 1, 1), 1, (0.5, 1.6, 2.7)),
    ],
    ids=["one episode", "ends within", "ends last", "each step ends"],
)
def test_by_hand(starts: tuple[int, ...], done: int, advantages: tuple[float, ...]) -> None:
    rows = buffer(3, 1, gamma=0.5, gae_lambda=0.5)
    values = np.array([[0.5], [0.4], [0.3]], np.float32)
    rewards, last = np.array([[1], [2], [3]], np.float32), np.array([0.2], np.float32)
    begun = np.array(starts, np.bool_)[:, None]
    fill(rows, rewards, values, begun, last, np.array([done], np.bool_))
    np.testing.assert_allclose(rows.advantages[:, 0], advantages, rtol=1e-6)
    np.testing.assert_allclose(rows.returns, rows.advantages + values, rtol=1e-6)


@pytest.mark.parametrize("ends", [0.0, 0.15, 1.0], ids=["none ends", "some end", "all end"])
@pytest.mark.parametrize(("gamma", "gae_lambda"), [(0.99, 0.95), (0.0, 0.9), (1.0, 1.0), (0.9, 0.0)])
def test_same_bits_as_stable_baselines3(gamma: float, gae_lambda: float, ends: float) -> None:
    """Its episode starts are floats, ours a byte; the arithmetic is the same."""
    rng = np.random.default_rng(1)
    rewards, values = rng.standard_normal((2, STEPS, LANES), np.float32)
    over = rng.random((STEPS + 1, LANES)) < ends
    over[-2:, 0] = True, False  # one episode of one step, and one that ends with the rollout
    over[-1, 1] = True
    last = rng.standard_normal(LANES, np.float32)
    ours = buffer(STEPS, LANES, gamma, gae_lambda)
    theirs = MaskableDictRolloutBuffer(STEPS, SPACE, spaces.Discrete(3), "cpu", gae_lambda, gamma, LANES)
    for rows in (ours, theirs):
        fill(rows, rewards, values, over[:-1], last, over[-1])
    np.testing.assert_array_equal(ours.advantages, theirs.advantages)
    np.testing.assert_array_equal(ours.returns, theirs.returns)


def test_normalisation_moves_advantages_only() -> None:
    rng = np.random.default_rng(2)
    rewards, values = rng.standard_normal((2, STEPS, LANES), np.float32)
    rest = rng.random((STEPS, LANES)) < 0.1, np.zeros(LANES, np.float32), np.zeros(LANES, np.bool_)
    plain, normal = (buffer(STEPS, LANES, 0.9, 0.9, normalise=n) for n in (False, True))
    for rows in (plain, normal):
        fill(rows, rewards, values, *rest)
    np.testing.assert_array_equal(plain.returns, normal.returns)
    all_rows = torch.from_numpy(plain.advantages)
    expected = (all_rows - all_rows.mean()) / (all_rows.std() + 1e-8)  # sb3's formula, of the whole rollout at once
    np.testing.assert_allclose(normal.advantages, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_advantages_of_no_spread_stay_finite() -> None:
    rows = buffer(STEPS, LANES, 0.9, 0.9, normalise=True)
    same = np.zeros((STEPS, LANES), np.float32)
    fill(rows, same, same, same > 0, same[0], same[0] > 0)
    assert (rows.advantages == 0).all()
