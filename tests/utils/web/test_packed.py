"""Packed arrays are small and refuse what they cannot hold; that they are read right is tested in the browser."""

from __future__ import annotations

import json

import numpy as np
import pytest

from utils.web.packed import Series, packed


def test_the_head_tells_names_lengths_and_steps() -> None:
    head = packed({"a": Series(np.arange(3.0), 0.5), "b": Series(np.zeros(0), 1.0)}).splitlines()[0]
    assert json.loads(head) == [["a", 3, 0.5], ["b", 0, 1.0]]


def test_a_day_of_a_quiet_price_is_small() -> None:
    price = 5 + 0.01 * np.cumsum(np.random.default_rng(0).integers(-1, 2, 57_600) * (np.arange(57_600) % 20 == 0))
    assert len(packed({"close": Series(price, 1e-4)})) < 8_000


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e9])
def test_what_does_not_fit_is_refused_by_name(value: float) -> None:
    with pytest.raises(ValueError, match="close is infinite, or too large"):
        packed({"close": Series(np.array([1.0, value]), 1e-4)})


def test_nan_is_unknown_not_refused() -> None:
    assert packed({"value": Series(np.array([1.0, np.nan]), 1e-4)})
