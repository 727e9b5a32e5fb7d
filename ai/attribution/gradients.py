"""Integrated gradients (Sundararajan et al. 2017), by Captum, with as many steps as completeness takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from captum.attr import IntegratedGradients

from ai.attribution.case import Case, Floats, Ints, Opinion, Target

TOLERANCE = 0.01
"""What the attributions of a decision may miss of its difference to the baseline; above, the steps are doubled."""
MOST_STEPS = 512
SMALL = 0.1
"""Of the mean difference: a smaller one counts as this much, lest an undecided decision seem off."""
NOTHING = 1e-6
"""A difference to the baseline that is float32's noise."""


class Attributions(NamedTuple):
    """How much each input moved the target away from its baseline's; summed over all inputs they are `of` - `base`."""

    hf: Floats  # [n, Th, H], oldest first
    mf: Floats  # [n, Tm, M]
    lf: Floats  # [n, 30, L]
    static: Floats  # [n, S]
    portfolio: Floats  # [n, P]
    of: Floats
    """[n] target of the decisions."""
    base: Floats
    """[n] target at the baseline."""
    delta: Floats
    """[n] what is missing: |sum - (of - base)| / max(|of - base|, SMALL of its mean over the decisions)."""
    steps: Ints
    """[n] that were taken."""

    def chosen(self, rows: slice) -> Attributions:
        """Those of some decisions."""
        return self._make(part[rows] for part in self)

    @property
    def timed(self) -> dict[str, Floats]:
        """Branches with rows of time, [n, rows, columns]."""
        return {"hf": self.hf, "mf": self.mf, "lf": self.lf}

    @property
    def by_feature(self) -> Floats:
        """[n, features] signed, summed over time."""
        return np.concatenate([*(part.sum(1) for part in self.timed.values()), self.static, self.portfolio], 1)


def integrated(opinion: Opinion, case: Case, *, target: Target, steps: int, batch: int) -> Attributions:
    """Integrated gradients of the decisions; at most `batch` rows go through the network at once.

    steps: to begin with; doubled up to MOST_STEPS for decisions that miss more than TOLERANCE.
    """
    with torch.no_grad():
        of, base = (_in_batches(opinion, case, target, batch, at_base) for at_base in (False, True))
    change = (of - base).astype(np.float64)
    floor = max(SMALL * float(np.abs(change).mean()), NOTHING)
    parts = [np.empty(part.shape, np.float32) for part in case.inputs]
    delta, taken = np.full(len(case), np.inf), np.zeros(len(case), np.int64)
    off = np.arange(len(case))
    while len(off) and (steps <= MOST_STEPS or not taken.all()):
        width = max(1, batch // steps)
        for rows in (off[first : first + width] for first in range(0, len(off), width)):
            found = _integrated_once(opinion, case.chosen(rows), target, steps, batch)
            for part, values in zip(parts, found, strict=True):
                part[rows] = values
            total = np.sum([values.reshape(len(rows), -1).sum(1, dtype=np.float64) for values in found], axis=0)
            delta[rows] = np.abs(total - change[rows]) / np.maximum(np.abs(change[rows]), floor)
            taken[rows] = steps
        off = off[delta[off] > TOLERANCE]
        steps *= 2
    return Attributions(*parts, of=of, base=base, delta=delta.astype(np.float32), steps=taken)


def _integrated_once(opinion: Opinion, case: Case, target: Target, steps: int, batch: int) -> list[Floats]:
    found = IntegratedGradients(opinion).attribute(
        tuple(case.inputs),
        tuple(case.baseline),
        additional_forward_args=(case.known, case.weights(target)),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=max(batch, len(case)),
    )
    return [part.detach().float().cpu().numpy() for part in found]


def _in_batches(opinion: Opinion, case: Case, target: Target, batch: int, at_base: bool) -> Floats:
    """[n] target, at the baseline's inputs if asked."""
    found = []
    for first in range(0, len(case), batch):
        some = case.chosen(np.arange(first, min(first + batch, len(case))))
        inputs = some.inputs
        if at_base:
            inputs = [part.expand(len(some), *part.shape[1:]) for part in some.baseline]
        found.append(opinion(*inputs, some.known, some.weights(target)))
    return torch.cat(found).cpu().numpy()
