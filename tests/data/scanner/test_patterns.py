"""Each pattern on a few seconds made by hand; compiled and as plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from data.scanner import patterns

Floats = npt.NDArray[np.float64]
BOTH = pytest.mark.parametrize("plain", [False, True], ids=["compiled", "plain"])


def marks(kernel: Any, plain: bool, *args: Any) -> list[int]:
    out = np.zeros(len(args[0]), np.bool_)
    run: Callable[..., None] = kernel.py_func if plain else kernel
    run(*args, out)
    return np.flatnonzero(out).tolist()


def always(x: Floats) -> npt.NDArray[np.bool_]:
    return np.ones(len(x), np.bool_)


@BOTH
def test_high_break_needs_a_base(plain: bool) -> None:
    high = np.array([5, 5.1, 5, 5, 5, 5.2, 5.3, 5, 5, 5, 5.3, 5.31])
    assert marks(patterns.high_break_nb, plain, high, always(high), 3) == [5, 11]


@BOTH
def test_high_break_needs_a_trade(plain: bool) -> None:
    high = np.array([5, 5, 5, 5, 6.0, 6.0])
    traded = np.array([1, 0, 0, 0, 0, 1], np.bool_)
    assert marks(patterns.high_break_nb, plain, high, traded, 3) == [5]


@BOTH
def test_cross_after_time_on_the_other_side(plain: bool) -> None:
    price = np.array([4.0, 4, 4, 6, 4, 6, 4, 4, 5, 6])
    level = np.full(10, 5.0)
    assert marks(patterns.cross_nb, plain, price, level, always(price), 1.0, 2, False) == [3, 9]
    assert marks(patterns.cross_nb, plain, price, level, always(price), -1.0, 2, False) == []
    assert marks(patterns.cross_nb, plain, 10 - price, level, always(price), -1.0, 2, False) == [3, 9]


@BOTH
def test_a_level_that_appears_may_be_broken_at_once(plain: bool) -> None:
    price = np.array([4.0, 6, 6, 4, 6])
    level = np.array([0, 0, 5.0, 5, 5])
    assert marks(patterns.cross_nb, plain, price, level, always(price), 1.0, 3, True) == [2]
    assert marks(patterns.cross_nb, plain, price, level, always(price), 1.0, 3, False) == []


@BOTH
def test_flush_once_until_recovered(plain: bool) -> None:
    price = np.array([10, 10, 10, 9.4, 9.3, 9.3, 9.3, 9.3, 8.7, 8.7])
    calm, wild = np.full(10, 0.01), np.full(10, 0.03)
    assert marks(patterns.flush_nb, plain, price, calm, always(price), 2, 0.05, 3.0) == [3, 8]
    assert marks(patterns.flush_nb, plain, price, wild, always(price), 2, 0.05, 3.0) == []


@BOTH
def test_squeeze_once_while_people_trade(plain: bool) -> None:
    wide = np.full(8, 1.0)
    narrow = np.array([0.9, 0.3, 0.3, 0.9, 0.3, 0.3, 0.9, 0.9])
    price = np.full(8, 5.0)
    args = (narrow, wide, price)
    assert marks(patterns.squeeze_nb, plain, *args, always(price), 2, 2, 0.35, 0.02) == [1, 4]
    quiet = np.array([0, 1, 0, 0, 1, 1, 0, 0], np.bool_)
    assert marks(patterns.squeeze_nb, plain, *args, quiet, 2, 2, 0.35, 0.02) == [5]
    assert marks(patterns.squeeze_nb, plain, *args, always(price), 2, 2, 0.35, 0.3) == []


@BOTH
def test_top_after_a_steep_climb(plain: bool) -> None:
    price = np.array([10, 10, 10.5, 11.5, 12, 11.8, 11.5, 11, 12.5, 12.6, 11.9])
    low = np.full(len(price), 10.0)
    run = (price, price, low, always(price))
    assert marks(patterns.top_nb, plain, *run, 20, 0.1, 0.2) == [6, 10]
    assert marks(patterns.top_nb, plain, *run, 20, 0.3, 0.2) == []


@BOTH
def test_first_pullback_of_each_leg(plain: bool) -> None:
    """10 -> 12 loses a third of 2 at 11.3; the next leg of a tenth begins there and tops at 13."""
    price = np.array([10, 11, 12, 11.5, 11.3, 11.2, 12, 13, 12.9, 12.3, 12.2])
    assert marks(patterns.pullback_nb, plain, price, always(price), 0.1, 0.33) == [4, 9]


@BOTH
def test_rolling_max_against_pandas(plain: bool) -> None:
    x = np.random.default_rng(0).normal(size=500).round(1)
    for window in (1, 7, 400):
        out = np.empty(len(x))
        (patterns.rolling_max_nb.py_func if plain else patterns.rolling_max_nb)(x, window, out)  # pyright: ignore[reportFunctionMemberAccess]
        np.testing.assert_array_equal(out, pd.Series(x).rolling(window, min_periods=1).max())
