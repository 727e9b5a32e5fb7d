"""The same question answered by another library: SHAP's GradientExplainer (expected gradients)."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from ai.attribution.case import Case, Floats, Inputs, Ints, Opinion, Target


class _One(nn.Module):
    """The function of one decision: its sessions and its contrast stay, its inputs are asked about."""

    def __init__(self, opinion: Opinion, known: Tensor, weights: Tensor) -> None:
        super().__init__()
        self._opinion, self._known, self._weights = opinion, known, weights

    def forward(self, *inputs: Tensor) -> Tensor:
        """`Inputs` -> [n, 1]."""
        rows = len(inputs[0])
        return self._opinion(*inputs, self._known.expand(rows, -1), self._weights.expand(rows, -1))[:, None]


def gradient_shap(
    opinion: Opinion, case: Case, rows: Ints, *, background: Inputs, samples: int, batch: int, seed: int
) -> Floats:
    """[rows, features] signed, summed over time: SHAP values of `Target.ACTION` against `background`.

    Differences to integrated gradients: start points are drawn from the background rather than being 0, and points on
    the way are drawn rather than laid out. numpy's global generator, which shap seeds and uses, is put back.
    """
    from shap import GradientExplainer

    before = np.random.get_state()  # noqa: NPY002 - shap draws from it
    found = []
    try:
        for row in rows.tolist():
            one = case.chosen(np.array([row]))
            function = _One(opinion, one.known, one.weights(Target.ACTION))
            explainer = GradientExplainer(function, list(background), batch_size=batch)
            values = explainer.shap_values(list(one.inputs), nsamples=samples, rseed=(seed + row) % 2**32)
            found.append(np.concatenate([_summed(np.asarray(part)[0, ..., 0]) for part in values]))
    finally:
        np.random.set_state(before)  # noqa: NPY002
    return np.stack(found).astype(np.float32)


def others(case: Case, most: int, chance: np.random.Generator) -> Inputs:
    """Up to `most` decisions as a background."""
    drawn = np.sort(chance.choice(len(case), min(most, len(case)), replace=False))
    return case.chosen(drawn).inputs


def _summed(values: Floats) -> Floats:
    """[columns] of [columns] or [rows, columns]."""
    return values.reshape(-1, values.shape[-1]).sum(0)
