from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from ai.attribution import Target
from ai.attribution.case import Case, Opinion
from ai.attribution.faithfulness import (
    POINTS,
    curves,
    randomised,
    rank_correlation,
    rank_correlation_within,
)
from ai.attribution.gradients import integrated


def test_taking_away_what_matters_first_is_faster_than_at_random(opinion: Opinion, case: Case) -> None:
    few = case.chosen(np.arange(6))
    signed = integrated(opinion, few, target=Target.ACTION, steps=16, batch=64).by_feature
    found = curves(opinion, few, signed, batch=7, chance=np.random.default_rng(0))
    assert found is not None
    assert found.removed[0] == 0
    assert found.removed[-1] == 1
    assert len(found.removed) == len(POINTS)
    assert found.deletion[0] == found.insertion[-1] == found.random_deletion[0] == pytest.approx(1)
    assert found.deletion[-1] == found.insertion[0] == found.random_insertion[0] == pytest.approx(0, abs=1e-5)
    area = {name: float(np.trapezoid(getattr(found, name), found.removed)) for name in found._fields}
    assert area["deletion"] < area["random_deletion"] - 0.2
    assert area["insertion"] > area["random_insertion"] + 0.2
    again = curves(opinion, few, signed, batch=64, chance=np.random.default_rng(0))
    assert again is not None
    np.testing.assert_allclose(found.random_deletion, again.random_deletion, atol=1e-4)


def test_a_policy_that_nothing_moves_has_no_curve(opinion: Opinion, case: Case) -> None:
    at_rest = replace(case, contrast=torch.zeros_like(case.contrast))
    signed = np.zeros((len(case), len(case.inputs.columns)), np.float32)
    assert curves(opinion, at_rest, signed, batch=64, chance=np.random.default_rng(0)) is None


def test_random_weights_are_another_network_with_the_same_scales(opinion: Opinion) -> None:
    before = {name: value.clone() for name, value in opinion.state_dict().items()}
    state = torch.get_rng_state()
    one, other = randomised(opinion, 1), randomised(opinion, 1)
    assert torch.equal(state, torch.get_rng_state())
    for name, value in opinion.state_dict().items():
        torch.testing.assert_close(value, before[name])
        torch.testing.assert_close(one.state_dict()[name], other.state_dict()[name])
        if "inputs" in name:
            torch.testing.assert_close(one.state_dict()[name], value)
        elif value.ndim > 1:
            assert not torch.equal(one.state_dict()[name], value), name


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(30), rng.integers(0, 5, 30).astype(float)
    assert rank_correlation(a, b) == pytest.approx(float(np.asarray(spearmanr(a, b))[0]))
    assert np.isnan(rank_correlation(a, np.ones(30)))


def test_within_branches_the_loudness_of_branches_does_not_count() -> None:
    rng = np.random.default_rng(0)
    branches = ["hf"] * 300 + ["portfolio"] * 300
    a, b = (rng.random(600) + 10 * (np.arange(600) >= 300) for _ in range(2))
    assert rank_correlation(a, b) > 0.7
    assert abs(rank_correlation_within(a, b, branches)) < 0.15
    assert rank_correlation_within(a, a, branches) == pytest.approx(1)
