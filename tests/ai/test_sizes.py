from __future__ import annotations

from functools import cache

import pytest
import torch

from ai.docs import model_page, parameters
from ai.feature_store import BranchSizes
from ai.policy import window_policy, window_space
from config.schema import ModelConfig
from config.search import group_options
from simulators.layout import ACTIONS
from tests.support.configs import load_config

SIZES = BranchSizes(43, 46, 7, 87)
OPTIONS = group_options()["model"]


@cache
def sized(name: str) -> ModelConfig:
    return load_config("momentum_training", [f"model={name}"]).model


@pytest.mark.parametrize("name", OPTIONS)
def test_every_size_decides_and_all_its_parameters_learn(name: str) -> None:
    torch.manual_seed(0)
    policy = window_policy(sized(name), SIZES)
    counts = parameters(policy)
    assert sum(counts.values()) == sum(p.numel() for p in policy.parameters())
    assert all(counts.values())
    observation = {key: torch.randn(3, *box.shape) for key, box in window_space(SIZES).items() if box.shape}
    mask = torch.ones(3, ACTIONS, dtype=torch.bool)
    values, log_prob, entropy = policy.evaluate_actions(observation, policy.decide(observation, mask))  # pyright: ignore[reportArgumentType]
    assert entropy is not None
    (values.sum() + log_prob.sum() + entropy.sum()).backward()
    silent = [
        n for n, p in policy.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.isfinite().all())
    ]
    assert not silent


def test_sizes_grow_and_the_base_is_the_default() -> None:
    total = {name: sum(parameters(window_policy(sized(name), SIZES)).values()) for name in OPTIONS}
    assert total["small"] < total["transformer"] < total["large"]
    assert load_config("momentum_training", []).model == sized("transformer")
    page = model_page(SIZES, {name: sized(name) for name in OPTIONS})
    assert all(f"**{count:,}**" in page for count in total.values())
