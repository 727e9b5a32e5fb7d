"""Windows, blocks and cached blocks are one network: same features, same gradients, same logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ai.block_cache import CACHE_BYTES, ENCODE_AT_LEAST
from ai.extractors import MOST_WANTED, BlockExtractor, WindowExtractor, distinct_seconds
from ai.feature_store import TensorStore
from ai.policy import index_space, window_space
from config.schema import ModelConfig
from feature.feature_day import FeatureDay
from simulators.layout import Portfolio
from tests.support.made_features import made_features
from tests.support.moments import moments

MODEL = ModelConfig(
    d_model=32, heads=4, layers=2, ffn=64, hf_band=30, mf_band=15, hidden=[32], hold_bias=0.0, normalise="fitted"
)


@pytest.fixture(scope="module")
def days() -> list[FeatureDay]:
    return [made_features(1), made_features(2, known_days=5), made_features(3, known_days=0)]


@pytest.fixture(scope="module")
def store(days: list[FeatureDay]) -> TensorStore:
    return TensorStore(days)


def extractors(store: TensorStore, *, every_token: bool = False, cache_bytes: int = CACHE_BYTES):
    torch.manual_seed(0)
    window = WindowExtractor(window_space(store.sizes), MODEL, every_token)
    window.encoder.fit_inputs(store.sample())
    block = BlockExtractor(index_space(), store.key, MODEL, ahead=3, cache_bytes=cache_bytes)
    block.load_state_dict(window.state_dict())
    return window, block


@pytest.mark.parametrize("every_token", [False, True])
def test_features_and_gradients_agree(days: list[FeatureDay], store: TensorStore, every_token: bool) -> None:
    window, block = extractors(store, every_token=every_token)
    by_window, by_index = moments(days)
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
                by_window, by_index = moments(days, rows=40, seed=seed)
                assert (window(by_window) - block(by_index)).abs().max() < 1e-5


def test_cache_is_emptied_by_training_mode_and_by_loading(days: list[FeatureDay], store: TensorStore) -> None:
    _, block = extractors(store)
    _, by_index = moments(days, rows=40)
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


def test_windows_that_stay_the_same_are_encoded_once(days: list[FeatureDay], store: TensorStore) -> None:
    window, block = extractors(store)
    window.eval()
    block.eval()
    encoded: list[int] = []
    window.encoder.mf.register_forward_hook(lambda *_: encoded.append(1))
    portfolio = torch.zeros(1, len(Portfolio))

    def apart(day: int, second: int) -> float:
        observation = {k: torch.from_numpy(v)[None] for k, v in days[day].window(second).items()}
        index = torch.tensor([[day, second]])
        by_window = window({**observation, "portfolio": portfolio})
        return float((by_window - block({"index": index, "portfolio": portfolio})).abs().max())

    with torch.no_grad():
        walk = [(0, s) for s in range(3_500, 3_700, 20)] + [(1, 3_680), (1, 3_690), (0, 3_690)]
        assert max(apart(*at) for at in walk) < 1e-5
        assert len(encoded) == 4 + 1 + 1  # minutes 58 to 61, another day's, and back
        for extractor in (window, block):
            for parameter in extractor.encoder.mf.parameters():
                parameter.mul_(1.1)
            extractor.train()
            extractor.eval()
        assert apart(0, 3_690) < 1e-5  # the weights have changed
        assert len(encoded) == 7


def test_prefetch_encodes_each_minute_once(store: TensorStore) -> None:
    _, block = extractors(store)
    block.eval()
    with torch.no_grad():
        for second in range(240):
            index = torch.tensor([[0, second], [1, 40_000 + second]])
            block({"index": index, "portfolio": torch.zeros(2, len(Portfolio))})
    # 40,000 is second 40 of its minute: five minutes are touched there, and three more are ready; the other row was in
    # its fourth minute when the encoder was called for the last time
    assert block.cache.encoded == (5 + 3) + (4 + 3)


def test_calls_of_the_encoder_are_filled_up_with_what_is_due_next(store: TensorStore) -> None:
    torch.manual_seed(0)
    block = BlockExtractor(index_space(), store.key, MODEL, ahead=30, cache_bytes=CACHE_BYTES).eval()
    index = torch.tensor([[0, 3_600], [1, 7_259]])
    with torch.no_grad():
        block({"index": index, "portfolio": torch.zeros(2, len(Portfolio))})
        assert block.cache.encoded == ENCODE_AT_LEAST  # the minutes of both rows and seven more of each
        for second in range(7 * 60 + 1):
            block({"index": index + torch.tensor([0, second]), "portfolio": torch.zeros(2, len(Portfolio))})
    assert block.cache.encoded == ENCODE_AT_LEAST


def test_eviction_drops_what_lies_behind(store: TensorStore) -> None:
    _, block = extractors(store, cache_bytes=6 * 4 * 4 * 32 * 61)
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


@pytest.mark.parametrize("every_s", [1, 2, 10])
def test_chosen_seconds_are_those_of_whole_minutes(store: TensorStore, every_s: int) -> None:
    """Learning encodes the seconds of its batch alone where they are few; the cache always whole minutes."""
    _, block = extractors(store)
    day, second = np.divmod(np.arange(0, 3 * 57_600, every_s)[:: 57_600 // 40 // every_s], 57_600)
    second = np.concatenate([second, np.arange(7_203, 7_560, every_s), [7_203, 7_203]])  # and some minutes in a row
    day = np.concatenate([day, np.zeros(len(second) - len(day), np.int64)])
    index = torch.from_numpy(np.stack([day, second], 1).astype(np.int32))[torch.randperm(len(day))]
    observation = {"index": index, "portfolio": torch.zeros(len(index), len(Portfolio))}
    with torch.no_grad():
        whole = block.eval()(observation)
    assert (block.train()(observation) - whole).abs().max() < 1e-5


def test_distinct_seconds_tell_where_every_row_is_found() -> None:
    rng = np.random.default_rng(0)
    for most in (3, 20, 60):
        key, offset = rng.integers(0, 3, 600) * 100, rng.integers(0, most, 600)
        batch = distinct_seconds(key, offset)
        wanted = np.tile(np.arange(60), (len(batch.minutes), 1)) if batch.wanted is None else batch.wanted
        assert (batch.wanted is None) == (most > MOST_WANTED)
        assert np.array_equal(np.repeat(batch.minutes, wanted.shape[1])[batch.at[0]], key)
        assert np.array_equal(wanted.ravel()[batch.at[0]], offset)
        assert np.array_equal(batch.minutes[batch.at[1]], key)
