from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported

from agent.vec_env import LaneVecEnv
from envs.episodes import Episode
from simulators.layout import ACTIONS, ActionType, Ending, PositionSize
from tests.support.simulation import NINE_THIRTY, lanes_of, steady_day
from tests.support.toy_agent import toy_agent, toy_days
from tests.support.toy_lanes import ToyLanes


@pytest.fixture
def env() -> LaneVecEnv:
    env = LaneVecEnv(ToyLanes(toy_days(), 4, seed=0, length=(5, 9)))
    env.reset()
    return env


def test_everything_returned_is_a_copy(env: LaneVecEnv) -> None:
    before = env.reset()
    kept = {name: rows.copy() for name, rows in before.items()}
    masks = get_action_masks(env)
    kept_masks = masks.copy()
    first = env.step(np.full(4, 4))
    second = env.step(np.full(4, 8))
    for name, rows in kept.items():
        assert np.array_equal(before[name], rows)
    assert np.array_equal(masks, kept_masks)
    assert first[1] is not second[1]
    first[1][:] = 7  # SB3 adds bootstrapped values in place
    assert not np.any(env.lanes.rewards == 7)


def test_masks_are_found_and_are_the_lanes(env: LaneVecEnv) -> None:
    assert is_masking_supported(env)
    masks = get_action_masks(env)
    assert masks.shape == (4, ACTIONS)
    assert np.array_equal(masks, env.lanes.action_mask)
    assert np.array_equal(env.env_method("action_masks", indices=[2])[0], masks[2])


def test_cut_off_episode_carries_its_last_observation(env: LaneVecEnv) -> None:
    index = env.lanes.index.copy()
    for _ in range(12):
        observation: Any
        observation, _, done, infos = env.step(np.zeros(4, np.int64))
        for lane in range(4):
            if done[lane]:
                last = infos[lane]["terminal_observation"]["index"]
                assert last.tolist() == [index[lane, 0], index[lane, 1] + 1]
                assert infos[lane]["TimeLimit.truncated"] is True
                assert infos[lane]["episode"]["l"] in range(5, 9)
                assert observation["index"][lane].tolist() != last.tolist()
            else:
                assert not infos[lane]
        index = env.lanes.index.copy()
    drained = env.drain()
    assert len(drained.episodes) >= 4
    assert env.drain().episodes == []


def test_truncations_are_bootstrapped_and_terminations_are_not() -> None:
    """The reward of a cut-off step grows by gamma * V(last observation), SB3's contract; independent of our buffer."""

    class Ends(ToyLanes):
        """Every other lane's episode ends for good instead of being cut off."""

        def step(self, actions: np.ndarray) -> None:
            super().step(actions)
            self.terminated = self.truncated & (np.arange(len(actions)) % 2 == 1)
            self.truncated = self.truncated & ~self.terminated

    agent = toy_agent(n_steps=64, total_steps=64 * 8, batch_size=512)
    with torch.no_grad():
        agent.policy.value_net.bias.fill_(10.0)  # values of about 10 everywhere
    ppo = agent._ppo  # pyright: ignore[reportPrivateUsage]
    env = LaneVecEnv(Ends(toy_days(), 8, seed=3, length=(10, 20)))
    ppo.set_env(env)
    ppo.begin()
    ppo.rollout()
    rewards, starts = ppo.rollout_buffer.rewards, ppo.rollout_buffer.episode_starts
    ended = starts[1:] == 1  # row t + 1 starts an episode: row t ended one
    cut_off, for_good = ended[:, ::2], ended[:, 1::2]
    assert cut_off.sum() > 10
    assert for_good.sum() > 10
    # toy rewards are at most about 5; gamma is 0.9
    assert (rewards[:-1, ::2][cut_off] > 3.5).all()
    assert abs(rewards[:-1, ::2][cut_off].mean() - 9) < 0.5
    assert abs(rewards[:-1, 1::2][for_good].mean()) < 1


def test_the_real_lanes_as_sb3_sees_them() -> None:
    """Buy all on one of two lanes and hold: the cut-off episode pays the forced flatten; the other stays flat."""
    start = NINE_THIRTY
    early, late = Episode(0, start, 30), Episode(0, start + 600, 30)
    env = LaneVecEnv(lanes_of([steady_day()], [[late, early, late], [late, Episode(0, start, 40)]]))
    observation: Any = env.reset()
    assert observation["index"].tolist() == [[0, start], [0, start]]
    buy_all, hold = 4 * ActionType.BUY + PositionSize.PCT_100, 0
    assert get_action_masks(env)[0, buy_all]
    total = np.zeros(2)
    infos: list[dict[str, Any]] = []
    for step in range(30):
        observation, reward, done, infos = env.step(np.array([buy_all if step == 0 else hold, hold]))
        total += reward
        assert done.tolist() == [step == 29, False]
    assert infos[0]["TimeLimit.truncated"] is True
    assert infos[0]["terminal_observation"]["index"].tolist() == [0, start + 30]
    assert observation["index"].tolist() == [[0, start + 600], [0, start + 30]]
    (episode,) = env.drain().episodes
    assert (episode.steps, episode.ending, episode.trades) == (30, Ending.LENGTH, 1)
    assert episode.pnl < 0
    assert episode.log_return == pytest.approx(np.log1p(episode.pnl / 25_000))
    assert episode.reward == pytest.approx(total[0], rel=1e-5)
    assert total[1] == 0
