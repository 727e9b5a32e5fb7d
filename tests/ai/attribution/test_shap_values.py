from __future__ import annotations

import numpy as np

from ai.attribution import Target
from ai.attribution.case import Case, Opinion
from ai.attribution.faithfulness import rank_correlation
from ai.attribution.gradients import integrated
from ai.attribution.shap_values import gradient_shap, others


def test_from_the_same_baseline_shap_is_integrated_gradients(opinion: Opinion, case: Case) -> None:
    rows = np.array([0, 3])
    np.random.seed(7)  # noqa: NPY002 - what shap draws from
    state = np.random.get_state()[1].copy()  # type: ignore[index] # noqa: NPY002
    found, again = (
        gradient_shap(opinion, case, rows, background=case.baseline, samples=100, batch=50, seed=1) for _ in range(2)
    )
    np.testing.assert_array_equal(found, again)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # type: ignore[index] # noqa: NPY002
    mine = integrated(opinion, case.chosen(rows), target=Target.ACTION, steps=16, batch=64)
    np.testing.assert_allclose(found.sum(1), mine.of - mine.base, rtol=0.3, atol=0.1)
    assert rank_correlation(np.abs(found).mean(0), np.abs(mine.by_feature).mean(0)) > 0.95


def test_a_background_is_other_decisions(case: Case) -> None:
    background = others(case, 5, np.random.default_rng(0))
    assert len(background.hf) == 5
    assert len(others(case, 500, np.random.default_rng(0)).hf) == len(case)
