"""Whether attributions are to be believed: curves of deletion and insertion, and the same network at random weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ai.attribution.case import Case, Floats, Inputs, Ints, Opinion, Target
from ai.attribution.shares import Doubles
from metrics.explanation import Curve

POINTS = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0])
"""Shares of the features; closer where the important ones are."""
ORDERS = 4
"""Random orders to compare with."""


@torch.no_grad()
def curves(opinion: Opinion, case: Case, signed: Floats, *, batch: int, chance: np.random.Generator) -> Curve | None:
    """How `Target.ACTION` goes from what it is to the baseline's while features are taken away, the most important of
    each decision first, and back. signed [n, features]; None if no decision differs from the baseline.

    Share of what it was: sum over decisions of the change towards their own target, over the sum of the whole changes.
    """
    counts = np.unique(np.round(POINTS * signed.shape[1]).astype(np.int64))
    order = np.argsort(-np.abs(signed), axis=1, kind="stable")
    whole = _targets(opinion, case, np.zeros(signed.shape, np.bool_), batch)
    nothing = _targets(opinion, case, np.ones(signed.shape, np.bool_), batch)
    change = whole - nothing
    if not np.abs(change).sum() > 0:
        return None

    def share(order: Ints, count: int, *, keep: bool) -> float:
        first = np.zeros(signed.shape, np.bool_)
        np.put_along_axis(first, order[:, :count], True, axis=1)
        left = _targets(opinion, case, ~first if keep else first, batch) - nothing
        return float((left * np.sign(change)).sum() / np.abs(change).sum())

    deletion = [share(order, count, keep=False) for count in counts.tolist()]
    insertion = [share(order, count, keep=True) for count in counts.tolist()]
    random = [chance.permuted(np.tile(np.arange(signed.shape[1]), (len(case), 1)), axis=1) for _ in range(ORDERS)]
    taken = [float(np.mean([share(one, count, keep=False) for one in random])) for count in counts.tolist()]
    given = [float(np.mean([share(one, count, keep=True) for one in random])) for count in counts.tolist()]
    return Curve((counts / signed.shape[1]).tolist(), deletion, insertion, taken, given)


def randomised(opinion: Opinion, seed: int) -> Opinion:
    """A copy whose weights are drawn anew; the fitted scales of the inputs stay."""
    drawn = copy.deepcopy(opinion).cpu()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed % 2**63)  # a GPU's generators are left alone
        for module in drawn.modules():
            if isinstance(module, nn.Linear | nn.LayerNorm):
                module.reset_parameters()
        for name, parameter in drawn.named_parameters():
            if name.endswith((".position", ".kind")):
                parameter.copy_(0.02 * torch.randn(parameter.shape))
    return drawn.to(next(opinion.parameters()).device)


def rank_correlation(first: Doubles, second: Doubles) -> float:
    """Spearman's, over features; nan if one of them is the same everywhere."""
    return _correlation(_ranks(first), _ranks(second))


def rank_correlation_within(first: Doubles, second: Doubles, branches: Sequence[str]) -> float:
    """The same of ranks within branches.

    Any network, whatever its weights, hears the account's few columns louder than one of many columns that are averaged
    over a minute: differences between branches are the network's build, not what it learnt.
    """
    belongs = np.array(branches)
    ranks = np.zeros((2, len(belongs)))
    for branch in dict.fromkeys(branches):
        mine = belongs == branch
        for row, values in zip(ranks, (first, second), strict=True):
            inside = _ranks(values[mine])
            row[mine] = (inside - inside.mean()) / max(len(inside), 1)
    return _correlation(*ranks)


def _ranks(values: Doubles) -> Doubles:
    from scipy.stats import rankdata

    return rankdata(values)


def _correlation(first: Doubles, second: Doubles) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _targets(opinion: Opinion, case: Case, gone: npt.NDArray[np.bool_], batch: int) -> Doubles:
    """[n] targets with the features gone [n, features] at their baseline."""
    found = []
    for first in range(0, len(case), batch):
        rows = np.arange(first, min(first + batch, len(case)))
        some = case.chosen(rows)
        masks = torch.from_numpy(gone[rows]).to(some.known.device).split([p.shape[-1] for p in some.inputs], dim=1)
        inputs = _with_baseline(some.inputs, some.baseline, masks)
        found.append(opinion(*inputs, some.known, some.weights(Target.ACTION)))
    return torch.cat(found).double().cpu().numpy()


def _with_baseline(inputs: Inputs, baseline: Inputs, masks: tuple[Tensor, ...]) -> Inputs:
    parts = zip(inputs, baseline, masks, strict=True)
    return Inputs(*(torch.where(gone[:, None] if x.ndim == 3 else gone, base, x) for x, base, gone in parts))
