"""A small policy with opinions, and decisions of it on two days of noise; one of them knows five sessions only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from agent.explaining import Decisions
from ai.attribution.case import Case, Opinion, open_case
from ai.extractors import BlockExtractor
from ai.feature_store import TensorStore
from ai.policy import MarketPolicy, block_policy
from simulators.layout import ACTIONS, Portfolio
from tests.support.made_features import made_features
from tests.support.toy_agent import MODEL

COUNT = 12


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """So small a network crawls on two threads while another worker of the tests wants them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def store() -> TensorStore:
    return TensorStore([made_features(1), made_features(2, known_days=5)])


@pytest.fixture(scope="session")
def policy(store: TensorStore) -> MarketPolicy:
    torch.manual_seed(0)
    made = block_policy(MODEL, store, ahead=1)
    with torch.no_grad():
        for layer, gain in ((made.action_net, 100), (made.value_net, 10)):
            assert isinstance(layer, nn.Linear)
            layer.weight.mul_(gain)
    assert isinstance(made.features_extractor, BlockExtractor)
    made.features_extractor.fit_inputs()
    return made


@pytest.fixture(scope="session")
def decisions() -> Decisions:
    rng = np.random.default_rng(0)
    mask = rng.random((COUNT, ACTIONS)) < 0.5
    action = rng.integers(0, ACTIONS, COUNT)
    mask[np.arange(COUNT), action] = True
    return Decisions(
        index=np.stack([np.arange(COUNT) % 2, rng.integers(0, 57_600, COUNT)], 1),
        portfolio=rng.standard_normal((COUNT, len(Portfolio))).astype(np.float32),
        mask=mask,
        action=action,
        lane=np.arange(COUNT),
    )


@pytest.fixture(scope="session")
def opinion(policy: MarketPolicy) -> Opinion:
    return Opinion(policy)


@pytest.fixture(scope="session")
def case(policy: MarketPolicy, store: TensorStore, decisions: Decisions) -> Case:
    return open_case(policy, store, decisions)
