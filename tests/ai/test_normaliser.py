from __future__ import annotations

import numpy as np
import pytest
import torch

from ai.feature_store import SAMPLE_S, TensorStore
from ai.normaliser import LEAST_GAIN, MOST_GAIN, Normaliser
from feature.registry import LIMIT
from tests.support.made_features import made_features


def fitted(rows: np.ndarray) -> Normaliser:
    made = Normaliser(rows.shape[1])
    made.fit(rows.astype(np.float32))
    return made


def test_median_and_interquartile_range_of_what_is_known() -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(2.0, 0.5, 40_000), rng.normal(0, 1, 40_000), rng.normal(-1, 2, 40_000)], 1)
    rows[::3] = 0.0  # unknown
    out = fitted(rows)(torch.from_numpy(rows[1::3].astype(np.float32))).numpy()
    np.testing.assert_allclose(np.median(out, axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(out.std(axis=0), 1.0, atol=0.02)


def test_unknown_stays_unknown_and_nothing_leaves_the_bounds() -> None:
    made = fitted(np.linspace(1, 3, 1_001)[:, None])
    out = made(torch.tensor([[0.0], [2.0], [1e9], [-1e9]]))
    assert out[:, 0].tolist() == [0.0, pytest.approx(0.0, abs=1e-6), LIMIT, -LIMIT]


def test_masks_and_empty_columns_are_left_alone_and_gains_are_limited() -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, 2, 999), np.zeros(999), rng.choice([-1, 0, 1], 999)], 1)
    made = fitted(rows)
    assert made.gain.tolist() == [1.0] * 3
    assert made.shift.tolist() == [0.0] * 3
    still = fitted(np.stack([1 + 1e-6 * rng.random(999), rng.choice([-5.0, 5.0, 1.0, 2.0, 3.0], 999)], 1))
    assert still.gain[0].item() == pytest.approx(MOST_GAIN)
    assert still.gain[1].item() >= LEAST_GAIN


def test_scales_travel_with_the_weights_and_take_no_gradient() -> None:
    made = fitted(np.random.default_rng(0).normal(3, 1, (500, 2)))
    assert dict(made.named_parameters()).keys() == {"shift", "gain"}
    copy = Normaliser(2)
    copy.load_state_dict(made.state_dict())
    assert torch.equal(copy.shift, made.shift)
    x = torch.ones(1, 2, requires_grad=True)
    made(x).sum().backward()
    assert made.gain.grad is None and made.shift.grad is None


def test_sample_holds_rows_of_every_day() -> None:
    days = [made_features(1), made_features(2)]
    sample = TensorStore(days).sample()
    rows = -(-57_600 // SAMPLE_S)
    assert sample["hf"].shape[0] == sample["static"].shape[0] == 2 * rows
    np.testing.assert_array_equal(sample["hf"][rows:], days[1].hf[::SAMPLE_S])
    assert sample["lf"].shape[0] == 60
