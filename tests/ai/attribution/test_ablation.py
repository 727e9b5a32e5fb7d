from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation

from ai.attribution import Target
from ai.attribution.ablation import ablated, exercised
from ai.attribution.case import Case, Opinion


@pytest.fixture(scope="module")
def few(case: Case) -> Case:
    return case.chosen(np.arange(4))


@pytest.mark.parametrize("target", list(Target))
def test_it_is_captums_feature_ablation_with_a_group_a_feature(opinion: Opinion, few: Case, target: Target) -> None:
    groups, first = [], 0
    for part in few.inputs:
        groups.append(torch.arange(first, first + part.shape[-1]).expand(1, *part.shape[1:]).contiguous())
        first += part.shape[-1]
    with torch.no_grad():
        theirs = FeatureAblation(opinion).attribute(
            tuple(few.inputs),
            tuple(few.baseline),
            additional_forward_args=(few.known, few.weights(target)),
            feature_mask=tuple(groups),
            perturbations_per_eval=16,
        )
    expected = np.concatenate([(part[:, 0] if part.ndim == 3 else part).numpy() for part in theirs], 1)
    np.testing.assert_allclose(ablated(opinion, few, target, batch=3), expected, atol=1e-4)


def test_only_what_leaves_its_baseline_is_exercised(few: Case) -> None:
    inputs = few.inputs._replace(static=few.inputs.static.clone(), portfolio=few.inputs.portfolio.clone())
    inputs.static[:, 2] = 0
    inputs.portfolio[:, 6] = 1  # all cash
    found = exercised(replace(few, inputs=inputs))
    columns = inputs.columns
    assert [columns[at] for at in np.flatnonzero(~found)] == [("static", 2), ("portfolio", 6)]
