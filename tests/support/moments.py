"""The same moments as the public environment shows them and as the training lanes name them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from feature.feature_day import FeatureDay
from simulators.layout import Portfolio


def moments(days: Sequence[FeatureDay], rows: int = 60, seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Observations by window and by index; a day's first seconds and minutes are among them."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, len(days), rows)
    second = rng.integers(0, 57_600, rows)
    second[:12] = [0, 1, 29, 58, 59, 60, 61, 119, 120, 1_799, 1_800, 57_599]
    second[12:30] = second[12] // 60 * 60 + np.arange(18)
    windows = [days[d].window(int(s)) for d, s in zip(day, second, strict=True)]
    portfolio = torch.from_numpy(rng.standard_normal((rows, len(Portfolio)), np.float32))
    by_window = {k: torch.from_numpy(np.stack([w[k] for w in windows])) for k in windows[0]}
    index = torch.from_numpy(np.stack([day, second], 1).astype(np.int32))
    return {**by_window, "portfolio": portfolio}, {"index": index, "portfolio": portfolio}
