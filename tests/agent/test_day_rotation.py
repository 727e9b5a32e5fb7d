from __future__ import annotations

import json

import numpy as np
import pytest

from agent.day_rotation import FAST, SLOW, DayRotation
from config.schema import RotationConfig

DAYS = np.arange(4)
QUALITY = np.array([0.9, 0.4, 0.4, 0.0])


def rotation(**changes: float) -> DayRotation:
    values = {"quality_floor": 0.1, "progress": 1.0, "staleness": 0.5, "most": 3.0}
    return DayRotation(RotationConfig(**{**values, **changes}), len(DAYS))


def test_before_the_first_episode_only_quality_counts() -> None:
    assert rotation().weights(DAYS, QUALITY) == pytest.approx((0.1 + QUALITY) * (1 + 3) * (1 + 0.5 * 3))


def test_weights_by_hand() -> None:
    """Every day dealt once; days 1 and 2 played twice, where only the result of day 1 changed."""
    r = rotation()
    for day in (3, 2, 1, 0):
        r.dealt(day)
    for day, log_return in ((1, 0.0), (1, 0.1), (2, 0.05), (2, 0.05)):
        r.remember(day, log_return)
    gap = 0.1 * (FAST - SLOW)
    progress = np.array([3.0, gap / (gap / 2), 0.0, 3.0])  # days 0 and 3 were not played
    staleness = np.array([1, 2, 3, 4]) / 2.5
    assert r.weights(DAYS, QUALITY) == pytest.approx((0.1 + QUALITY) * (1 + progress) * (1 + 0.5 * staleness))


def test_a_day_in_motion_and_a_stale_day_gain_up_to_the_cap() -> None:
    r = rotation(most=2.0)
    for day in DAYS.tolist():
        r.dealt(day)
        r.remember(day, 0.0)
    for _ in range(1_000):
        r.dealt(0)
    r.remember(1, 5.0)
    weights = r.weights(DAYS, np.full(4, 0.4))
    ages = np.array([1, 1_003, 1_002, 1_001])  # day 0 was dealt last
    expected = 0.5 * (1 + np.array([0, 2.0, 0, 0])) * (1 + 0.5 * ages / ages.mean())  # 4 times the average: 2 count
    assert weights == pytest.approx(expected)
    assert weights[0] < weights[2] < weights[1]


def test_switched_off_terms_count_nothing() -> None:
    r = rotation(progress=0.0, staleness=0.0)
    r.dealt(0)
    r.remember(0, 1.0)
    assert r.weights(DAYS, QUALITY) == pytest.approx(0.1 + QUALITY)


def test_state_goes_through_json_exactly() -> None:
    first, again = rotation(), rotation()
    for day in (0, 1, 1, 3):
        first.dealt(day)
        first.remember(day, 0.1 * day + 1 / 3)
    again.load_state(json.loads(json.dumps(first.state())))
    assert again.state() == first.state()
    np.testing.assert_array_equal(again.weights(DAYS, QUALITY), first.weights(DAYS, QUALITY))


@pytest.mark.parametrize("changes", [{"most": 0.0}, {"quality_floor": 0.0}, {"progress": -1.0}, {"staleness": -0.1}])
def test_limits(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=rf"curriculum.rotation.{next(iter(changes))} is .*; use"):
        rotation(**changes)
