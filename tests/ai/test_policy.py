from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ai.policy import block_policy
from simulators.layout import ACTIONS, Portfolio
from tests.support.toy_agent import MODEL, toy_store


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
