from __future__ import annotations

import numpy as np
import pytest

from agent.explaining import Decisions
from ai.attribution.attention import attention, summary
from ai.policy import MarketPolicy


def test_entropy_is_a_share_of_looking_everywhere_alike() -> None:
    weights = np.zeros((3, 3, 4), np.float32)
    weights[:, 0] = 0.25  # everywhere
    weights[:, 1, 1] = 1.0  # two rows back only
    weights[:, 2, 2:] = 0.5  # at both that can be seen
    found = summary(weights, timed=True)
    assert found.entropy == pytest.approx([1, 0, 1])
    assert found.lag == pytest.approx([1.5, 2, 0.5])
    assert found.weights[1] == [0, 1, 0, 0]
    assert summary(weights, timed=False).lag == [0, 0, 0]


def test_a_day_without_sessions_looks_nowhere() -> None:
    assert summary(np.zeros((1, 2, 30), np.float32), timed=True).entropy == [0, 0]


def test_summaries_are_means_over_decisions(policy: MarketPolicy, decisions: Decisions) -> None:
    found, gates = attention(policy, decisions, batch=5)
    assert set(found) == {"fusion", "hf", "mf", "lf"}
    assert list(gates) == ["hf", "static", "mf", "lf"]
    assert all(0 < gate < 1 for gate in gates.values())
    for one in found.values():
        np.testing.assert_allclose(np.sum(one.weights, axis=1), 1, rtol=1e-5)
        assert all(0 < share <= 1 for share in one.entropy)
    again, _ = attention(policy, decisions, batch=64)
    np.testing.assert_allclose(found["hf"].weights, again["hf"].weights, rtol=1e-5)
