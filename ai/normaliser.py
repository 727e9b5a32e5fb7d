"""Scales of the network's inputs, fitted on the training days and saved with the weights.

Declared normalisations bound every feature and make it robust; how a feature spreads within its bounds still differs
from market to market. Fitted: the median and the interquartile range of what is known, per feature.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from feature.registry import LIMIT, NEUTRAL

NORMAL_IQR = 1.349
"""Interquartile range of a standard normal."""
MOST_GAIN = 10.0
"""A feature that hardly moves is not blown up into noise beyond this."""
LEAST_GAIN = 1.0 / LIMIT
FEW_VALUES = 3
"""With no more distinct values a feature is a mask or a state: it stays as it is."""

Rows = npt.NDArray[np.float32]


class Normaliser(nn.Module):
    """x -> (x - shift) * gain within [-LIMIT, LIMIT], per feature; what is NEUTRAL (unknown) stays so."""

    def __init__(self, features: int) -> None:
        super().__init__()
        # parameters, so that they travel with the weights; no gradient ever reaches them
        self.shift = nn.Parameter(torch.zeros(features), requires_grad=False)
        self.gain = nn.Parameter(torch.ones(features), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., features]"""
        # in place, and NEUTRAL (which is 0) by multiplication: a fifth of the time of comparing and choosing
        return (x - self.shift).mul_(self.gain).clamp_(-LIMIT, LIMIT).mul_(x.sign().abs_())

    @torch.no_grad()
    def fit(self, rows: Rows) -> None:
        """From rows [n, features] of training days."""
        for column in range(rows.shape[1]):
            known = rows[:, column][rows[:, column] != NEUTRAL]
            if len(known) == 0 or len(np.unique(known)) <= FEW_VALUES:
                continue
            low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
            gain = NORMAL_IQR / max(float(high - low), NORMAL_IQR / MOST_GAIN)
            self.shift[column] = float(middle)
            self.gain[column] = max(gain, LEAST_GAIN)
