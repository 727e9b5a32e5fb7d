from __future__ import annotations

import numpy as np
import pytest

from agent.statistics.superiority import superiority

RANDOM = np.random.default_rng(0)


def test_one_policy_is_a_one_sided_test_of_its_mean() -> None:
    lead = RANDOM.normal(3, 10, 80)
    t = lead.mean() / lead.std(ddof=1) * np.sqrt(80)
    assert t > 2
    drawn = RANDOM.integers(0, 80, (4000, 80))
    by_hand = np.mean(lead[drawn].mean(axis=1) - lead.mean() > lead.mean())
    assert superiority(np.zeros(80), lead[:, None], 2000, seed=0).p == pytest.approx(by_hand, abs=0.02)


def test_skill_is_seen_and_the_best_of_many_without_it_is_not() -> None:
    random = np.random.default_rng(11)
    baseline, luck = random.normal(0, 5, 60), random.normal(0, 10, (60, 40))
    best = luck[:, luck.mean(axis=0).argmax()]
    alone = superiority(baseline, best[:, None], 500, seed=0)
    told = superiority(baseline, luck, 500, seed=0)
    assert alone.p < 0.1  # looks like skill if the other 39 are kept quiet
    assert told.p > 0.2
    assert told.lower <= told.p <= told.upper
    skilled = np.column_stack([luck, baseline + 8 + random.normal(0, 5, 60)])
    assert superiority(baseline, skilled, 500, seed=0).p < 0.01


def test_the_p_value_is_uniform_without_skill() -> None:
    found = [
        superiority(np.zeros(40), np.random.default_rng(i).normal(0, 1, (40, 3)), 100, seed=i).p for i in range(120)
    ]
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.08)
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_what_never_differs_is_not_better() -> None:
    cash = np.zeros(20)
    assert superiority(cash, np.zeros((20, 2)), 100, seed=0) == (1, 1, 1)
    assert superiority(cash[:2], np.ones((2, 1)), 100, seed=0) == (1, 1, 1)
    assert superiority(cash, np.zeros((20, 0)), 100, seed=0) == (1, 1, 1)
    traded = RANDOM.normal(0, 1, 20)
    with_idle = np.column_stack([cash, traded])
    assert superiority(cash, with_idle, 100, seed=0) == superiority(cash, traded[:, None], 100, seed=0)
