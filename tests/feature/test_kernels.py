"""Rolling primitives against pandas, and by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from feature.kernels import (
    cumulative_extreme_nb,
    ema_nb,
    ema_span_nb,
    normalise_nb,
    pack_nb,
    rolling_extreme_nb,
    total_nb,
    transpose_nb,
    window_mean_nb,
    window_sum_nb,
)
from feature.registry import LIMIT, Shape

shares = arrays(np.float64, st.integers(1, 80), elements=st.integers(-(2**31), 2**31).map(float))
prices = arrays(np.float64, st.integers(1, 80), elements=st.one_of(st.floats(0.1, 500), st.just(float("nan"))))


def run(kernel: Any, x: np.ndarray, *params: float, extra: int = 0) -> np.ndarray:
    """The whole output, which must be the same bits when it is computed in pieces."""
    whole, pieces = np.zeros(len(x) + extra), np.zeros(len(x) + extra)
    kernel(x, *params, 0, len(x), whole)
    cuts = [0, *sorted({len(x) // 3, len(x) // 2, max(len(x) - 1, 0)}), len(x)]
    for first, stop in itertools.pairwise(cuts):
        kernel(x, *params, first, stop, pieces)
    assert whole.tobytes() == pieces.tobytes()
    return whole


@given(shares, st.integers(1, 90))
@settings(max_examples=50, deadline=None)
def test_window_sums_of_shares_are_exact(x: np.ndarray, window: int) -> None:
    total = run(total_nb, x, extra=1)
    for t in range(len(x)):
        last = x[max(t + 1 - window, 0) : t + 1]
        assert window_sum_nb(total, t, window) == last.sum()
        assert window_mean_nb(total, t, window) == last.sum() / len(last)


@given(prices, st.integers(1, 90), st.sampled_from([1.0, -1.0]))
@settings(max_examples=100, deadline=None)
def test_rolling_extreme_equals_pandas(x: np.ndarray, window: int, sign: float) -> None:
    rolling = pd.Series(x).rolling(window, min_periods=1)
    expected = rolling.max() if sign > 0 else rolling.min()
    np.testing.assert_array_equal(run(rolling_extreme_nb, x, window, sign), expected)


@given(prices, st.sampled_from([1.0, -1.0]))
@settings(max_examples=50, deadline=None)
def test_cumulative_extreme_equals_pandas(x: np.ndarray, sign: float) -> None:
    s = pd.Series(x)
    expected = (s.cummax() if sign > 0 else s.cummin()).ffill()
    np.testing.assert_array_equal(run(cumulative_extreme_nb, x, sign), expected)


@given(shares, st.floats(0.5, 1000))
@settings(max_examples=50, deadline=None)
def test_ema_equals_pandas(x: np.ndarray, halflife: float) -> None:
    expected = pd.Series(x).ewm(halflife=halflife, adjust=False).mean()
    np.testing.assert_allclose(run(ema_nb, x, halflife), expected, rtol=1e-9, atol=1e-3)


def test_seeded_ema_by_hand() -> None:
    # span 3: alpha 0.5; seeded with 4: 4, 4 + (6 - 4) / 2 = 5, 5 + (1 - 5) / 2 = 3
    np.testing.assert_array_equal(run(ema_span_nb, np.array([np.nan, 4.0, 6.0, 1.0]), 3), [np.nan, 4.0, 5.0, 3.0])


def test_a_long_silence_ends_in_zero_not_in_denormals() -> None:
    x = np.zeros(57_600)
    x[0] = 1.0
    smoothed = run(ema_nb, x, 20.0)
    assert smoothed[-1] == 0.0
    assert not np.any((smoothed != 0) & (np.abs(smoothed) < np.finfo(float).tiny))


@pytest.mark.parametrize("compiled", [True, False])
def test_normalisation_by_hand(compiled: bool) -> None:
    kernel = normalise_nb if compiled else normalise_nb.py_func  # pyright: ignore[reportFunctionMemberAccess]
    x = np.array([0.0, 1.0, -10.0, 1e300, -np.inf, np.nan])
    out = np.empty(6)
    with np.errstate(invalid="ignore"):
        kernel(x, Shape.SOFT, 2.0, out)
        # 0.5 / sqrt(1.01); -5 / sqrt(2); the limit; unknown values are neutral
        np.testing.assert_allclose(out, [0, 0.49751859510499463, -3.5355339059327378, 5, 0, 0], rtol=1e-9)
        kernel(x, Shape.LOG, 2.0, out)
        np.testing.assert_allclose(out, [0, np.log(1.5), -np.log(6), 5, 0, 0], rtol=1e-12)
        kernel(x, Shape.IDENTITY, 1.0, out)
        np.testing.assert_array_equal(out, [0, 1, -5, 5, 0, 0])


@given(arrays(np.float64, (3, 300), elements=st.floats(allow_nan=True, allow_infinity=True)))
@settings(max_examples=30, deadline=None)
def test_packed_values_are_bounded_whatever_comes(raw: np.ndarray) -> None:
    out = np.full((300, 3), np.nan, np.float32)
    ranges = np.array([[-1.0, 2.0], [0.0, LIMIT], [-LIMIT, LIMIT]])
    pack_nb(raw, np.array([0, 1, 2]), np.array([1.0, 0.01, 100.0]), ranges, 0, raw.shape[1], out)
    assert np.all((out >= ranges[:, 0]) & (out <= ranges[:, 1]))
    line = np.empty(300)
    for column in range(3):
        normalise_nb(raw[column], column, [1.0, 0.01, 100.0][column], line)
        np.testing.assert_array_equal(out[:, column], line.clip(*ranges[column]).astype(np.float32))


def test_transposition() -> None:
    table = np.arange(301 * 7, dtype=float).reshape(301, 7)
    np.testing.assert_array_equal(transpose_nb(table), table.T)
