"""The kernels of the synthetic market, compiled and as written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from data.sample_kernels import delayed_nb, luld_nb, pressure_nb


def _both(kernel: Any) -> list[Any]:
    """Compiled and as written."""
    return [kernel, kernel.py_func]


@pytest.mark.parametrize("kernel", _both(pressure_nb))
def test_pressure_has_unit_variance_and_its_half_life(kernel: Callable[..., np.ndarray]) -> None:
    p = kernel(np.random.default_rng(0).standard_normal(100_000), 0.5 ** (1 / 20))
    assert p.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(p[20:], p[:-20])[0, 1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("kernel", _both(delayed_nb))
def test_delay_keeps_the_sum_and_has_its_mean(kernel: Callable[..., np.ndarray]) -> None:
    impulse = np.zeros(2000)
    impulse[0] = 1.0
    out = kernel(impulse, 20.0)
    assert out.sum() == pytest.approx(1)
    assert (out * np.arange(2000)).sum() == pytest.approx(20, abs=0.6)


@pytest.mark.parametrize("kernel", _both(luld_nb))
def test_luld_pause_after_15_seconds_outside_the_band(kernel: Callable[..., int]) -> None:
    price = np.full(2000, 8.0)
    price[1000:] = 9.5  # 10 % above 8.00 is 8.80; the 5-minute mean is still below 8.08 after 15 s
    halted = np.zeros(2000, np.uint8)
    assert kernel(price, 0.10, 0.0, 100, 1900, 300, 15, 300, halted) == 1
    assert np.flatnonzero(halted)[[0, -1]].tolist() == [1014, 1313]
    near = np.full(2000, 8.0)
    near[1000:] = 8.79
    assert kernel(near, 0.10, 0.0, 100, 1900, 300, 15, 300, np.zeros(2000, np.uint8)) == 0
