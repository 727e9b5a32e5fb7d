from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from agent.lane_ppo import LanePPO
from agent.ppo_agent import PPOAgent
from agent.rollout_buffer import BlockMaskableRolloutBuffer, observation_tensors
from agent.vec_env import LaneVecEnv
from tests.support.toy_agent import LANES, MODEL, SCHEMA, toy_days, toy_store, training
from tests.support.toy_lanes import ToyLanes

N_STEPS = 96


class RememberedLanes(ToyLanes):
    """Keeps what every step gave, before anything is added to its rewards."""

    def __init__(self) -> None:
        super().__init__(toy_days(), LANES, seed=1, length=(20, 60))
        self.given: list[npt.NDArray[np.float32]] = []
        self.ends: list[tuple[int, int, npt.NDArray[np.int32], npt.NDArray[np.float32]]] = []

    def step(self, actions: npt.NDArray[np.int64]) -> None:
        super().step(actions)
        for lane in np.flatnonzero(self.truncated).tolist():
            last = self.final_index[lane].copy(), self.final_portfolio[lane].copy()
            self.ends.append((len(self.given), lane, *last))
        self.given.append(self.rewards.copy())


@pytest.fixture(scope="module")
def rolled() -> tuple[LanePPO, RememberedLanes]:
    """After one rollout, in which every lane was cut off at least once."""
    lanes = RememberedLanes()
    agent = PPOAgent(training(n_steps=N_STEPS), MODEL, LaneVecEnv(lanes), toy_store(), SCHEMA, 0)
    ppo = agent._ppo  # pyright: ignore[reportPrivateUsage]
    ppo.begin()
    ppo.rollout()
    assert {lane for _, lane, *_ in lanes.ends} == set(range(LANES))
    return ppo, lanes


def test_rewards_of_cut_off_episodes_hold_the_value_of_what_was_seen_last(
    rolled: tuple[LanePPO, RememberedLanes],
) -> None:
    ppo, lanes = rolled
    added = ppo.rollout_buffer.rewards - np.array(lanes.given)
    steps, at, index, portfolio = zip(*lanes.ends, strict=True)
    assert set(zip(*np.nonzero(added), strict=True)) == set(zip(steps, at, strict=True))
    rows = observation_tensors({"index": np.array(index), "portfolio": np.array(portfolio)}, "cpu")
    with torch.no_grad():
        values = ppo.policy.predict_values(rows).flatten().numpy()
    np.testing.assert_allclose(added[steps, at], ppo.gamma * values, rtol=1e-4, atol=1e-6)


def test_only_possible_actions_are_taken_and_their_probabilities_are_kept(
    rolled: tuple[LanePPO, RememberedLanes],
) -> None:
    ppo, _ = rolled
    buffer = ppo.rollout_buffer
    assert not buffer.action_masks.all()
    assert np.take_along_axis(buffer.action_masks, buffer.actions.astype(np.int64), 2).all()
    (batch,) = buffer.get(None)
    with torch.no_grad():
        values, log_prob, _ = ppo.policy.evaluate_actions(batch.observations, batch.actions, batch.action_masks)
    torch.testing.assert_close(log_prob, batch.old_log_prob, rtol=0, atol=1e-5)
    torch.testing.assert_close(values.flatten(), batch.old_values, rtol=0, atol=1e-5)


def test_a_step_is_stored_in_few_bytes(rolled: tuple[LanePPO, RememberedLanes]) -> None:
    buffer = rolled[0].rollout_buffer
    assert isinstance(buffer, BlockMaskableRolloutBuffer)
    rows: list[Any] = [*buffer.observations.values(), *(v for v in vars(buffer).values() if isinstance(v, np.ndarray))]
    # index 8, portfolio 40, action 1, mask 12, start 1; reward, value, log probability, advantage, return: 4 each
    assert sum(array.nbytes for array in rows) == N_STEPS * LANES * (8 + 40 + 1 + 12 + 1 + 5 * 4)
