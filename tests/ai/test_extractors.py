"""Windows, blocks and cached blocks are one network: same features, same gradients, same logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from ai.block_cache import CACHE_BYTES
from ai.extractors import BlockExtractor, WindowExtractor
from ai.feature_store import TensorStore
from ai.policy import MarketPolicy, block_policy, index_space, policy_arguments
from config.schema import ModelConfig
from feature.feature_day import FeatureDay
from simulators.layout import ACTIONS, Portfolio
from tests.support.made_features import SIZES, made_features

MODEL = ModelConfig(
    d_model=32, heads=4, layers=2, ffn=64, hf_band=30, mf_band=15, hidden=[32], hold_bias=0.0, normalise="fitted"
)


@pytest.fixture(scope="module")
def days() -> list[FeatureDay]:
    return [made_features(1), made_features(2, known_days=5), made_features(3, known_days=0)]


@pytest.fixture(scope="module")
def store(days: list[FeatureDay]) -> TensorStore:
    return TensorStore(days)


def window_space() -> spaces.Dict:
    shapes = {"hf": (60, SIZES[0]), "mf": (30, SIZES[1]), "lf": (30, SIZES[2]), "static": (SIZES[3],)}
    boxes = {name: spaces.Box(-np.inf, np.inf, shape, np.float32) for name, shape in shapes.items()}
    return spaces.Dict({**boxes, "portfolio": spaces.Box(-5, 5, (len(Portfolio),), np.float32)})


def observations(days: list[FeatureDay], rows: int = 60, seed: int = 0):
    """The same moments as windows and as indices; the day's first seconds and minutes are among them."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, len(days), rows)
    second = rng.integers(0, 57_600, rows)
    second[:12] = [0, 1, 29, 58, 59, 60, 61, 119, 120, 1_799, 1_800, 57_599]
    second[12:30] = second[12] // 60 * 60 + np.arange(18)
    windows = [days[d].window(int(s)) for d, s in zip(day, second, strict=True)]
    portfolio = torch.from_numpy(rng.standard_normal((rows, len(Portfolio)), np.float32))
    by_window = {k: torch.from_numpy(np.stack([w[k] for w in windows])) for k in windows[0]}
    index = torch.from_numpy(np.stack([day, second], 1).astype(np.int32))
    return {**by_window, "portfolio": portfolio}, {"index": index, "portfolio": portfolio}


def extractors(store: TensorStore, *, every_token: bool = False, cache_bytes: int = CACHE_BYTES):
    torch.manual_seed(0)
    window = WindowExtractor(window_space(), MODEL, every_token)
    window.encoder.fit_inputs(store.sample())
    block = BlockExtractor(index_space(), store.key, MODEL, ahead=3, cache_bytes=cache_bytes)
    block.load_state_dict(window.state_dict())
    return window, block


@pytest.mark.parametrize("every_token", [False, True])
def test_features_and_gradients_agree(days: list[FeatureDay], store: TensorStore, every_token: bool) -> None:
    window, block = extractors(store, every_token=every_token)
    by_window, by_index = observations(days)
    weight = torch.randn(60, MODEL.d_model)
    features, gradients = [], []
    for extractor, observation in ((window, by_window), (block, by_index)):
        out = extractor.train()(observation)
        (out * weight).sum().backward()
        features.append(out.detach())
        gradients.append(torch.cat([p.grad.flatten() for p in extractor.parameters() if p.grad is not None]))
    assert (features[0] - features[1]).abs().max() < 1e-5
    assert len(gradients[0]) == sum(p.numel() for p in window.parameters() if p.requires_grad)
    assert (gradients[0] - gradients[1]).norm() / gradients[0].norm() < 1e-5


def test_cached_path_agrees_in_any_order_and_when_the_cache_is_tiny(days: list[FeatureDay], store: TensorStore) -> None:
    for cache_bytes in (CACHE_BYTES, 40 * 32 * 4 * 60 * 4, 1):
        window, block = extractors(store, cache_bytes=cache_bytes)
        window.eval()
        block.eval()
        with torch.no_grad():
            for seed in range(4):
                by_window, by_index = observations(days, rows=40, seed=seed)
                assert (window(by_window) - block(by_index)).abs().max() < 1e-5


def test_logits_of_the_policies_agree(days: list[FeatureDay], store: TensorStore) -> None:
    torch.manual_seed(0)
    by_index_policy = block_policy(MODEL, store, ahead=2)
    arguments: dict[str, Any] = {
        **policy_arguments(MODEL),
        "features_extractor_class": WindowExtractor,
        "features_extractor_kwargs": {"model": MODEL, "every_token": False},
    }
    by_window_policy = MarketPolicy(window_space(), spaces.Discrete(ACTIONS), lambda _: 0.0, **arguments)
    head = by_index_policy.action_net
    assert isinstance(head, torch.nn.Linear)
    head.weight.data.mul_(100)
    by_window_policy.load_state_dict(by_index_policy.state_dict())
    by_window_policy.set_training_mode(False)
    by_window, by_index = observations(days)
    with torch.no_grad():
        logits = [
            policy.logits(observation)
            for policy, observation in ((by_window_policy, by_window), (by_index_policy, by_index))
        ]
    assert logits[0].std() > 0.1
    assert (logits[0] - logits[1]).abs().max() < 1e-5


def test_cache_is_emptied_by_training_mode_and_by_loading(days: list[FeatureDay], store: TensorStore) -> None:
    _, block = extractors(store)
    _, by_index = observations(days, rows=40)
    block.eval()
    with torch.no_grad():
        before = block(by_index)
        for parameter in block.encoder.hf.parameters():
            parameter.mul_(1.1)
        assert torch.equal(block(by_index), before)  # cached: nothing tells of the change
        block.train()
        block.eval()
        after = block(by_index)
        assert (after - before).abs().max() > 1e-3
        block.load_state_dict({k: v / 1.1 if k.startswith("encoder.hf.") else v for k, v in block.state_dict().items()})
        assert (block(by_index) - before).abs().max() < 1e-4


def test_prefetch_encodes_each_minute_once(store: TensorStore) -> None:
    _, block = extractors(store)
    block.eval()
    with torch.no_grad():
        for second in range(240):
            index = torch.tensor([[0, second], [1, 40_000 + second]])
            block({"index": index, "portfolio": torch.zeros(2, len(Portfolio))})
    # 40,000 is second 40 of its minute: five minutes are touched there, four from 0 on; both are asked for with 3 ahead
    assert block.cache.encoded == 4 + 8


def test_eviction_drops_what_lies_behind(store: TensorStore) -> None:
    _, block = extractors(store, cache_bytes=6 * 4 * (4 * 32 * 60 + 2 * 32))
    block.eval()
    assert block.cache.capacity == 6
    with torch.no_grad():
        for second in range(0, 3_600, 20):
            block({"index": torch.tensor([[0, second]]), "portfolio": torch.zeros(1, len(Portfolio))})
    assert block.cache.encoded == 60  # no minute twice, though only six fit


def test_store_names_a_bad_value(days: list[FeatureDay]) -> None:
    from utils.errors import DataError

    bad = made_features(4)
    bad.hf[3_000, 7] = np.nan
    store = TensorStore([days[0], bad])
    block = BlockExtractor(index_space(), store.key, MODEL, ahead=0, cache_bytes=CACHE_BYTES).eval()
    with torch.no_grad(), pytest.raises(DataError, match=r"hf\[7\] of MADE 2025-04-05 .* second 3000"):
        block({"index": torch.tensor([[1, 3_001]]), "portfolio": torch.zeros(1, len(Portfolio))})


def test_attention_is_a_distribution_over_the_tokens(days: list[FeatureDay], store: TensorStore) -> None:
    window, block = extractors(store)
    by_window, by_index = observations(days)
    with torch.no_grad():
        weights = window.attention(by_window)
        shapes = {name: tuple(w.shape[1:]) for name, w in weights.items()}
        assert shapes == {"fusion": (4, 5), "hf": (4, 30), "mf": (4, 15), "lf": (4, 30)}
        for name, w in weights.items():
            known = by_window["lf"].any(2).any(1) if name == "lf" else torch.ones(60, dtype=torch.bool)
            assert torch.allclose(w.sum(-1)[known], torch.ones(1), atol=1e-5)
        assert (weights["fusion"] - block.attention(by_index)).abs().max() < 1e-5
        unknown = (by_window["lf"] == 0).all(2)
        assert weights["lf"].mean(1)[unknown & by_window["lf"].any(2).any(1)[:, None]].abs().max() < 1e-6
