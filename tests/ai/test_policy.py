from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution
from torch import Tensor

from ai.fusion import GATE_BIAS, Token
from ai.policy import MarketPolicy, MaskedActions, block_policy, window_policy
from simulators.layout import ACTIONS, SIZES, ActionType, Portfolio
from tests.support.moments import moments
from tests.support.toy_agent import MODEL, toy_days, toy_store


def both_policies() -> tuple[MarketPolicy, MarketPolicy]:
    """One network behind windows and behind indices, with gates and logits that differ."""
    torch.manual_seed(0)
    by_index = block_policy(MODEL, toy_store(), ahead=2)
    with torch.no_grad():
        for name, parameter in by_index.named_parameters():
            if name.endswith(("action_net.weight", "fusion.gate.weight")):
                parameter.normal_()
    by_window = window_policy(MODEL, toy_store().sizes)
    by_window.load_state_dict(by_index.state_dict())
    return by_window, by_index


def masked(seed: int, rows: int = 200) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    allowed = rng.random((rows, ACTIONS)) < 0.5
    allowed[:, 0] = True
    return torch.from_numpy(rng.normal(0, 3, (rows, ACTIONS)).astype(np.float32)), torch.from_numpy(allowed)


def test_a_new_policy_holds_as_often_as_its_bias_says() -> None:
    torch.manual_seed(0)
    policy = block_policy(replace(MODEL, hold_bias=3.0), toy_store(), ahead=1)
    observation = {
        "index": torch.tensor([[0, 30_000], [1, 40_000]]),
        "portfolio": torch.zeros(2, len(Portfolio)),
    }
    with torch.no_grad():
        probabilities = policy.logits(observation).softmax(1).numpy()
    np.testing.assert_allclose(probabilities[:, 0], np.e**3 / (np.e**3 + ACTIONS - 1), atol=0.01)
    np.testing.assert_allclose(probabilities[:, 1:], 1 / (np.e**3 + ACTIONS - 1), atol=0.005)


@pytest.mark.parametrize("with_mask", [True, False])
def test_masked_actions_are_those_of_sb3_contrib(with_mask: bool) -> None:
    logits, allowed = masked(0)
    mask = allowed.numpy() if with_mask else None
    found: list[list[Tensor]] = []
    for kind in (MaskableCategoricalDistribution, MaskedActions):
        leaf = logits.clone().requires_grad_()
        distribution = kind(ACTIONS).proba_distribution(leaf)
        distribution.apply_masking(mask)
        torch.manual_seed(1)
        actions = distribution.sample()
        entropy, log_prob = distribution.entropy(), distribution.log_prob(actions)
        (entropy.sum() + (log_prob * torch.linspace(-1, 1, 200)).sum()).backward()
        assert leaf.grad is not None
        found.append([actions, distribution.mode(), entropy, log_prob, leaf.grad])
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=1e-5, atol=1e-5)
    if with_mask:
        assert allowed[torch.arange(200), found[1][0]].all()


def test_impossible_actions_are_never_drawn_and_get_no_gradient() -> None:
    logits, allowed = masked(2)
    leaf = (logits + 50.0 * ~allowed).requires_grad_()  # what is impossible would be by far the likeliest
    distribution = MaskedActions(ACTIONS).proba_distribution(leaf)
    distribution.apply_masking(allowed)
    for _ in range(20):
        assert allowed[torch.arange(200), distribution.sample()].all()
    assert (distribution.probs[~allowed] == 0).all()
    (distribution.entropy() + distribution.log_prob(distribution.mode())).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()
    assert (leaf.grad[~allowed] == 0).all()


def test_windows_and_indices_give_the_same_logits_values_and_decisions() -> None:
    by_window, by_index = moments(toy_days())
    _, allowed = masked(3, 60)
    logits, values, actions = [], [], []
    with torch.no_grad():
        for policy, observation in zip(both_policies(), (by_window, by_index), strict=True):
            logits.append(policy.logits(observation))
            values.append(policy.predict_values(observation))  # pyright: ignore[reportArgumentType]
            actions.append(policy.decide(observation, allowed))
    assert logits[0].std() > 0.1
    assert (logits[0] - logits[1]).abs().max() < 1e-5
    assert (values[0] - values[1]).abs().max() < 1e-5
    assert torch.equal(*actions)
    of_kind = logits[0].masked_fill(~allowed, -1e8).softmax(1).view(60, len(ActionType), SIZES)
    assert torch.equal(actions[0] // SIZES, of_kind.sum(2).argmax(1))


def test_attention_is_the_same_call_and_result_for_windows_and_indices() -> None:
    by_window, by_index = moments(toy_days())
    of_windows, of_indices = (
        policy.attention(observation)
        for policy, observation in zip(both_policies(), (by_window, by_index), strict=True)
    )
    heads = MODEL.heads
    assert {name: tuple(w.shape[1:]) for name, w in of_windows.items()} == {
        "fusion": (heads, len(Token)),
        "gates": (len(Token) - 1,),
        "hf": (heads, MODEL.hf_band),
        "mf": (heads, MODEL.mf_band),
        "lf": (heads, 30),
    }
    for name, weights in of_windows.items():
        assert not weights.requires_grad
        assert (weights - of_indices[name]).abs().max() < 1e-6
        if name != "gates":
            torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    gates = of_windows["gates"]
    assert gates.min() > 0 and gates.max() < 1 and gates.std() > 0.01


def test_gates_start_near_open() -> None:
    torch.manual_seed(0)
    gates = block_policy(MODEL, toy_store(), ahead=1).attention(moments(toy_days())[1])["gates"]
    torch.testing.assert_close(gates, torch.full((60, 4), GATE_BIAS).sigmoid())
    assert gates.min() > 0.95
