from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ai.attribution import Target
from ai.attribution.case import Case, Inputs, Opinion
from ai.attribution.gradients import MOST_STEPS, TOLERANCE, Attributions, integrated
from ai.policy import MarketPolicy


@pytest.fixture(scope="module", params=list(Target))
def target(request: pytest.FixtureRequest) -> Target:
    return request.param


@pytest.fixture(scope="module")
def found(opinion: Opinion, case: Case, target: Target) -> Attributions:
    return integrated(opinion, case, target=target, steps=16, batch=64)


def total(found: Attributions) -> np.ndarray:
    return sum(part.reshape(len(part), -1).sum(1, dtype=np.float64) for part in found[:5])  # type: ignore[return-value]


def test_attributions_add_up_also_where_sessions_are_unknown(found: Attributions) -> None:
    np.testing.assert_allclose(total(found), found.of - found.base, atol=0.01 * np.abs(found.of - found.base).mean())
    assert found.delta.max() <= TOLERANCE
    np.testing.assert_allclose(found.by_feature.sum(1), total(found), rtol=1e-4, atol=1e-5)


def test_it_is_the_integral_of_the_gradient_along_the_straight_path(
    opinion: Opinion, case: Case, target: Target, found: Attributions
) -> None:
    steps, one = 100, case.chosen(np.array([1]))
    expected = [torch.zeros_like(part) for part in one.inputs]
    for step in range(steps):  # midpoint rule
        at = (step + 0.5) / steps
        inputs = [(base + at * (x - base)).requires_grad_() for x, base in zip(one.inputs, one.baseline, strict=True)]
        slopes = torch.autograd.grad(opinion(*inputs, one.known, one.weights(target)).sum(), inputs)
        for part, slope, x, base in zip(expected, slopes, one.inputs, one.baseline, strict=True):
            part.add_(slope * (x - base) / steps)
    for mine, theirs in zip(found[:5], expected, strict=True):
        np.testing.assert_allclose(mine[1], theirs[0], atol=2e-3 * np.abs(found.by_feature[1]).max())


def test_what_is_at_its_baseline_is_no_cause(found: Attributions, case: Case) -> None:
    unknown = ~case.known.numpy()
    assert unknown.any()
    assert not found.lf[unknown].any()


def test_a_batch_is_only_a_bound(opinion: Opinion, case: Case) -> None:
    few = case.chosen(np.arange(3))
    wide, narrow = (integrated(opinion, few, target=Target.ACTION, steps=16, batch=batch) for batch in (64, 5))
    for one, other in zip(wide, narrow, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_steps_double_until_it_adds_up(opinion: Opinion, case: Case) -> None:
    found = integrated(opinion, case, target=Target.ACTION, steps=1, batch=64)
    assert found.delta.max() <= TOLERANCE
    assert set(found.steps) <= {2**k for k in range(10)}
    assert found.steps.min() < found.steps.max() <= MOST_STEPS


class Jump(Opinion):
    """Steps in the account's first column, so that no number of steps is enough."""

    def forward(
        self, hf: Tensor, mf: Tensor, lf: Tensor, static: Tensor, portfolio: Tensor, known: Tensor, weights: Tensor
    ) -> Tensor:
        nothing = 0 * super().forward(hf, mf, lf, static, portfolio, known, weights)
        return torch.sigmoid(1e6 * (portfolio[:, 0] - 0.3)) + nothing


def test_what_does_not_add_up_is_told(policy: MarketPolicy, case: Case) -> None:
    some = case.chosen(np.flatnonzero(case.inputs.portfolio[:, 0].numpy() > 0.4)[:1])
    found = integrated(Jump(policy), some, target=Target.ACTION, steps=8, batch=64)
    assert found.steps.tolist() == [MOST_STEPS]
    assert found.delta[0] == pytest.approx(1.0, abs=0.05)


def test_the_parts_of_inputs_stand_side_by_side(case: Case) -> None:
    inputs: Inputs = case.inputs
    assert len(inputs.columns) == sum(part.shape[-1] for part in inputs)
    without = inputs.without("mf", 3, case.baseline)
    assert not without[..., 3].any()
    torch.testing.assert_close(without[..., :3], inputs.mf[..., :3])
