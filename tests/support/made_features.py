"""Feature days of seeded noise, for tests and benchmarks of what reads them."""

from __future__ import annotations

import numpy as np

from data.layout import MINUTES, SECONDS
from feature.feature_day import LF_WINDOW, FeatureDay

SIZES = (30, 40, 10, 24)
"""Columns of hf, mf, lf, static."""


def made_features(
    seed: int, *, symbol: str = "MADE", known_days: int = LF_WINDOW, schema_hash: str = "made"
) -> FeatureDay:
    """A day whose branches are standard normal; only the last `known_days` rows of `lf` are known."""
    rng = np.random.default_rng(seed)
    hf, mf, lf, static = (
        rng.standard_normal((rows, columns), np.float32)
        for rows, columns in zip((SECONDS, MINUTES, LF_WINDOW, SECONDS), SIZES, strict=True)
    )
    lf[: LF_WINDOW - known_days] = 0
    return FeatureDay(
        symbol=symbol, date=f"2025-04-{1 + seed % 28:02d}", schema_hash=schema_hash, hf=hf, mf=mf, lf=lf, static=static
    )
