from __future__ import annotations

import numpy as np
import pytest
import torch

from ai.block_cache import CACHE_BYTES
from ai.extractors import BlockExtractor
from ai.feature_store import ResidentStore, TensorStore, open_store
from ai.policy import block_policy, index_space
from feature.feature_day import BRANCHES, FeatureDay
from tests.support.made_features import made_features
from tests.support.moments import moments
from tests.support.toy_agent import MODEL, toy_days
from utils.errors import DataError, ModelError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def days() -> list[FeatureDay]:
    return [made_features(1), made_features(2, known_days=5)]


def test_resident_blocks_are_bit_equal_to_mapped_ones(days: list[FeatureDay]) -> None:
    mapped, resident = TensorStore(days), ResidentStore(days, CPU)
    rng = np.random.default_rng(0)
    day, minute = rng.integers(0, 2, 40), rng.integers(0, 960, 40)
    minute[:6] = [0, 1, 14, 28, 29, 959]
    for contexts in ((58, 28), (29, 14), (0, 0), (59, 29)):
        for ours, theirs in zip(
            resident.minutes(day, minute, *contexts), mapped.minutes(day, minute, *contexts), strict=True
        ):
            assert torch.equal(ours, theirs)
    assert torch.equal(resident.daily(day), mapped.daily(day))


def test_a_policy_learns_and_decides_the_same_from_either_store() -> None:
    _, by_index = moments(toy_days())
    found = []
    for store in (TensorStore(toy_days()), ResidentStore(toy_days(), CPU)):
        torch.manual_seed(0)
        policy = block_policy(MODEL, store, ahead=2)
        extractor = policy.features_extractor
        assert isinstance(extractor, BlockExtractor)
        extractor.fit_inputs()
        with torch.no_grad():
            cached = policy.logits(by_index)
        policy.set_training_mode(True)
        policy.logits(by_index).square().sum().backward()
        gradients = [p.grad for p in policy.parameters() if p.grad is not None]
        found.append([cached, *gradients])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_windows_are_those_of_the_day(days: list[FeatureDay]) -> None:
    windows = TensorStore(days).windows(np.array([0, 1]), np.array([3, 40_000]))
    expected = [days[0].window(3), days[1].window(40_000)]
    for branch in BRANCHES:
        np.testing.assert_array_equal(getattr(windows, branch).numpy(), [window[branch] for window in expected])


def test_what_does_not_fit_and_what_runs_on_the_cpu_stays_mapped(days: list[FeatureDay]) -> None:
    assert type(open_store(days, CPU, 1 << 40)) is TensorStore
    meta = torch.device("meta")  # any device but the CPU; holds nothing
    assert type(open_store(days, meta, 1 << 40)) is ResidentStore
    assert type(open_store(days, meta, 1 << 20)) is TensorStore


@pytest.mark.parametrize(
    ("branch", "row", "name", "second"),
    [("hf", 3_000, "hf[7]", "3000"), ("mf", 49, "mf[7]", "(2999|3000)"), ("lf", 4, "lf[7]", "0")],
)
def test_bad_values_are_named(days: list[FeatureDay], branch: str, row: int, name: str, second: str) -> None:
    bad = made_features(4)
    getattr(bad, branch)[row, 7] = np.nan
    message = rf"{name.replace('[', '.').replace(']', '.')} of MADE 2025-04-05 .* second {second}"
    with pytest.raises(DataError, match=message):
        ResidentStore([days[0], bad], CPU)
    with torch.no_grad(), pytest.raises(DataError, match=message):
        store = TensorStore([days[0], bad])
        block = BlockExtractor(index_space(), store.key, MODEL, ahead=0, cache_bytes=CACHE_BYTES).eval()
        block({"index": torch.tensor([[1, 3_001]]), "portfolio": torch.zeros(1, 10)})


def test_days_of_other_features_are_refused(days: list[FeatureDay]) -> None:
    with pytest.raises(ModelError, match="built by feature definitions"):
        TensorStore([days[0], made_features(2, schema_hash="other")])
