from __future__ import annotations

import pytest
import torch

from ai.device import open_device
from ai.feature_store import ResidentStore, TensorStore
from ai.policy import block_policy
from simulators.layout import ACTIONS, Portfolio
from tests.support.moments import moments
from tests.support.toy_agent import MODEL, toy_days, toy_store
from utils.errors import ConfigError

META = torch.device("meta")


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    assert open_device("cpu").type == "cpu"
    assert open_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_gpu_that_is_not_there_is_refused() -> None:
    """stable-baselines3 would go on with the CPU and say nothing."""
    with pytest.raises(ConfigError, match=r"training\.device is cuda:64"):
        open_device("cuda:64")


@pytest.mark.parametrize(
    "store", [ResidentStore(toy_days(), META), TensorStore(toy_days())], ids=["resident", "mapped"]
)
def test_everything_but_the_index_is_on_the_networks_device(store: TensorStore) -> None:
    """torch's `meta` device computes shapes only, and refuses tensors of another device as a GPU does."""
    policy = block_policy(MODEL, store, ahead=2).to(META)
    rows = 60
    observation = {
        "index": moments(toy_days(), rows)[1]["index"],
        "portfolio": torch.zeros(rows, len(Portfolio), device=META),
    }
    mask = torch.ones(rows, ACTIONS, dtype=torch.bool, device=META)
    for learning in (True, False):
        policy.set_training_mode(learning)
        with torch.set_grad_enabled(learning):
            actions, values, log_prob = policy(observation, action_masks=mask)
            found = policy.evaluate_actions(observation, actions, mask)  # pyright: ignore[reportArgumentType]
            decided = policy.decide(observation, mask)
        weights = policy.attention(observation)
        assert actions.shape == decided.shape == log_prob.shape == (rows,)
        assert values.shape == (rows, 1)
        assert {t.device for t in (actions, values, log_prob, decided, *found, *weights.values()) if t is not None} == {
            META
        }
        if learning:
            sum(t.sum() for t in found if t is not None).backward()  # pyright: ignore[reportAttributeAccessIssue]
            assert all(p.grad is not None for p in policy.parameters() if p.requires_grad)


def test_another_device_would_be_noticed() -> None:
    policy = block_policy(MODEL, toy_store(), ahead=2).to(META)
    with pytest.raises(RuntimeError, match="device"):
        policy.logits({"index": torch.zeros(2, 2, dtype=torch.int32), "portfolio": torch.zeros(2, len(Portfolio))})
