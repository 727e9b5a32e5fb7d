from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agent.policy_runner import PolicyRunner
from simulators.layout import ACTIONS, SIZES, ActionType, Portfolio
from tests.support.toy_agent import MODEL, SCHEMA, toy_agent, toy_store


def moments(count: int, seed: int):
    rng = np.random.default_rng(seed)
    index = np.column_stack([rng.integers(0, 2, count), rng.integers(0, 57_600, count)]).astype(np.int32)
    mask = rng.random((count, ACTIONS)) < 0.4
    mask[:, 0] = True
    return index, rng.standard_normal((count, len(Portfolio)), np.float32), mask


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    agent = toy_agent()
    agent.train()
    folder: Path = tmp_path_factory.mktemp("saved") / "model"
    agent.save(folder)
    return agent, folder


def test_agrees_with_the_agents_own_distribution(saved) -> None:
    """SB3's distribution is the oracle: the likeliest kind of action, then the likeliest size of it."""
    agent, folder = saved
    loaded = PolicyRunner.load(folder, toy_store(), SCHEMA, device="cpu")
    taken = PolicyRunner.of(agent, toy_store())
    index, portfolio, mask = moments(50, 0)
    observation, _ = agent.policy.obs_to_tensor({"index": index, "portfolio": portfolio})
    with torch.no_grad():
        theirs = agent.policy.get_distribution(observation, action_masks=mask).probs.numpy()
    of_kind = theirs.reshape(50, len(ActionType), SIZES)
    kind = of_kind.sum(2).argmax(1)
    expected = kind * SIZES + of_kind[np.arange(50), kind].argmax(1)
    for runner in (loaded, taken):
        actions = runner.act(index, portfolio, mask)
        assert actions.dtype == np.int64
        assert np.array_equal(actions, expected)
        assert mask[np.arange(50), actions].all()
        probabilities = runner.distribution(index, portfolio, mask)
        np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
        assert (probabilities[~mask] == 0).all()
        np.testing.assert_allclose(probabilities, theirs, atol=1e-6)
    judged = runner.judge(index, portfolio, mask)
    assert np.array_equal(judged.probabilities, runner.distribution(index, portfolio, mask))
    assert np.array_equal(judged.actions, runner.act(index, portfolio, mask))
    assert judged.values.shape == (50,)
    np.testing.assert_allclose(runner.attention(index, portfolio)["fusion"].sum(2), 1, rtol=1e-5)


def test_a_kind_that_is_likelier_in_all_its_sizes_beats_hold(saved) -> None:
    agent, _ = saved
    runner = PolicyRunner.of(agent, toy_store())
    head = runner.policy.action_net
    assert isinstance(head, torch.nn.Linear)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias[0] = 1.0  # HOLD e against SELL 4: no single sale is as likely as holding
        head.bias[SIZES * ActionType.SELL + 2] = 0.1
    index, portfolio, _ = moments(5, 3)
    mask = np.zeros((5, ACTIONS), np.bool_)
    mask[:, 0] = mask[:, SIZES * ActionType.SELL :] = True
    assert (runner.act(index, portfolio, mask) == SIZES * ActionType.SELL + 2).all()


def test_own_copy_of_the_weights(saved) -> None:
    agent, _ = saved
    runner = PolicyRunner.of(agent, toy_store())
    before = runner.distribution(*moments(10, 1))
    for parameter in agent.policy.parameters():
        parameter.data.add_(0.1)
    assert np.array_equal(before, runner.distribution(*moments(10, 1)))
    for parameter in agent.policy.parameters():
        parameter.data.sub_(0.1)


def test_bounded_cache_gives_the_same_actions_over_a_session(saved) -> None:
    """32 lanes over ten minutes with room for 40 minutes of the market, against unbounded room."""
    agent, _ = saved
    small = PolicyRunner.of(agent, toy_store(), cache_bytes=40 * 4 * 4 * MODEL.d_model * 61)
    large = PolicyRunner.of(agent, toy_store())
    assert small.policy.features_extractor.cache.capacity == 40  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
    index, portfolio, mask = moments(32, 2)
    index[:, 1] = np.minimum(index[:, 1], 56_000)
    for _ in range(40):
        pair = [runner.distribution(index, portfolio, mask) for runner in (small, large)]
        np.testing.assert_allclose(pair[0], pair[1], atol=1e-6)
        index[:, 1] += 15
