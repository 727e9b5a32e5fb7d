from __future__ import annotations

import numpy as np
import pytest

from agent.statistics.intervals import Interval
from agent.statistics.seeds import iqm, iqm_interval, overlap


def test_the_middle_half_by_hand() -> None:
    assert iqm(np.array([[1.0, -100.0], [2.0, 3.0]])) == 1.5
    assert iqm(np.array([[5.0], [1.0], [2.0], [100.0], [3.0]])) == pytest.approx(10 / 3)  # one of five at each end


def test_tasks_are_not_mixed() -> None:
    """Trainings that agree on every task leave nothing to chance, however far the tasks lie apart."""
    scores = np.tile([0.0, 10.0, 20.0, 1_000.0], (5, 1))
    assert iqm_interval(scores, 200, seed=0) == Interval(15.0, 15.0, 15.0)


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    found = [iqm_interval(rng.normal(0, 1, (10, 4)), 400, seed=i) for i in range(200)]
    assert 0.87 < np.mean([low <= 0 <= high for _, low, high in found]) < 0.99
    assert all(interval.low < interval.value < interval.high for interval in found)


def test_same_seed_same_interval_and_more_trainings_narrow_it() -> None:
    scores = np.random.default_rng(0).normal(0, 1, (40, 3))
    few, many = (iqm_interval(scores[:count], 500, seed=1) for count in (5, 40))
    assert few == iqm_interval(scores[:5], 500, seed=1)
    assert many.high - many.low < few.high - few.low


def test_overlap() -> None:
    one = Interval(1.0, 0.0, 2.0)
    assert overlap(one, Interval(3.0, 2.0, 4.0))
    assert overlap(one, Interval(1.0, 0.5, 1.5))
    assert not overlap(one, Interval(3.0, 2.1, 4.0))
