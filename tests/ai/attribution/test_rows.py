from __future__ import annotations

import numpy as np
import pytest

from ai.attribution.rows import drawn, drift, latest_rows, redundant, spread, stability
from ai.feature_store import TensorStore
from ai.policy import MarketPolicy

RNG = np.random.default_rng(0)


def test_stability_index_by_hand() -> None:
    """Bins are tenths of what is known; the unknown have their own."""
    expected = np.arange(1, 101, dtype=np.float32)
    seen = np.concatenate([np.arange(1, 51), np.zeros(50)]).astype(np.float32)
    p = np.array([*[0.1] * 10, 1e-4])
    q = np.array([*[0.1] * 5, *[1e-4] * 5, 0.5])
    assert stability(expected, seen) == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.02)


def test_the_same_population_does_not_drift_and_another_does() -> None:
    expected = RNG.standard_normal((4_000, 3)).astype(np.float32)
    seen = RNG.standard_normal((2_000, 3)).astype(np.float32)
    seen[:, 1] += 1.0
    seen[:, 2] *= 3.0
    found = drift(expected, seen)
    assert found[0] < 0.02
    assert (found[1:] > 0.25).all()
    assert np.isnan(drift(expected, seen[:50])).all()


def test_a_constant_does_not_drift_from_itself() -> None:
    assert stability(np.ones(500, np.float32), np.ones(300, np.float32)) == pytest.approx(0)
    assert stability(np.zeros(500, np.float32), np.zeros(300, np.float32)) == pytest.approx(0)


def test_redundant_pairs_are_those_of_numpy() -> None:
    rows = RNG.standard_normal((1_000, 6)).astype(np.float32)
    rows[:, 3] = -rows[:, 0] + 0.1 * rows[:, 3]
    rows[:, 2] = 7.0  # never varies
    rows[:, 5] = rows[:, 1]  # in lf, and hence not compared with hf
    columns = [("hf", 0), ("hf", 1), ("hf", 2), ("static", 0), ("lf", 0), ("lf", 1)]
    found = redundant(rows, columns, list("abcdef"), 0.9)
    assert [(pair.first, pair.second) for pair in found] == [("a", "d")]
    assert found[0].correlation == pytest.approx(np.corrcoef(rows[:, 0], rows[:, 3])[0, 1], abs=1e-6)
    everything = redundant(rows, columns, list("abcdef"), 0.0)
    assert ("e", "f") in [(pair.first, pair.second) for pair in everything]
    sizes = [abs(pair.correlation) for pair in everything]
    assert sizes == sorted(sizes, reverse=True)


def test_rows_are_those_of_the_days_after_the_fitted_scales(policy: MarketPolicy, store: TensorStore) -> None:
    index = drawn(store, 100, np.random.default_rng(1))
    found = latest_rows(policy, store, index)
    day, second = index[70]
    windows = store.windows(index[70:71, 0], index[70:71, 1])
    static = policy.encoder.inputs["static"](windows.static).detach().numpy()[0]
    np.testing.assert_array_equal(found[70, -store.sizes.static :], static)
    lf = policy.encoder.inputs["lf"](windows.lf[:, 70 % 30]).detach().numpy()[0]
    at = store.sizes.hf + store.sizes.mf
    np.testing.assert_array_equal(found[70, at : at + store.sizes.lf], lf)
    np.testing.assert_allclose(spread(found)[: store.sizes.hf], 1, atol=0.35)
    assert 0 <= day < 2
    assert 0 <= second < 57_600
