"""What becomes of decisions when whole features are at their baseline, in all their rows at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from ai.attribution.case import PORTFOLIO, Case, Floats, Opinion, Target
from ai.feature_store import Windows
from ai.fusion import MARKET_TOKENS, Token

_AT = {token.name.lower(): int(token) for token in list(Token)[:MARKET_TOKENS]}


@torch.no_grad()
def ablated(opinion: Opinion, case: Case, target: Target, batch: int) -> Floats:
    """[n, features]: target of the decisions minus target without each feature, in the order of `Inputs.columns`.

    As Captum's FeatureAblation with a group a feature; but only the branch of the feature is encoded again.
    """
    columns = case.inputs.columns
    found = np.zeros((len(case), len(columns)), np.float32)
    for first in range(0, len(case), batch):
        rows = np.arange(first, min(first + batch, len(case)))
        some = case.chosen(rows)
        inputs, baseline, weights = some.inputs, some.baseline, some.weights(target)
        vectors = opinion.encoder.of_scaled(Windows(*inputs[:4]), some.known)
        whole = opinion.of_vectors(vectors, inputs.portfolio, weights)
        for at, (branch, column) in enumerate(columns):
            part = inputs.without(branch, column, baseline)
            if torch.equal(part, getattr(inputs, branch)):
                continue
            if branch == PORTFOLIO:
                left = opinion.of_vectors(vectors, part, weights)
            else:
                changed = vectors.clone()
                changed[:, _AT[branch]] = opinion.encoder.token_of_scaled(branch, part, some.known)
                left = opinion.of_vectors(changed, inputs.portfolio, weights)
            found[rows, at] = (whole - left).cpu().numpy()
    return found


@torch.no_grad()
def exercised(case: Case) -> npt.NDArray[np.bool_]:
    """[features]: away from its baseline somewhere, so that its use could be seen."""
    parts = zip(case.inputs, case.baseline, strict=True)
    return np.concatenate([(part != base).flatten(0, -2).any(0).cpu().numpy() for part, base in parts])
