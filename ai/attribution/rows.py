"""How features are spread: on the training days, in what lanes saw, and with one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ai.attribution.case import GATHERED, Floats, Ints
from ai.attribution.shares import Doubles
from ai.feature_store import TensorStore, Windows
from ai.policy import MarketPolicy
from data.layout import SECONDS
from feature.feature_day import LF_WINDOW
from metrics.explanation import Redundant

BINS = 10
FEW_ROWS = 100
"""With fewer a stability index says nothing."""
LEAST_SHARE = 1e-4
"""Of a bin: an empty one would make the index infinite."""


def drawn(store: TensorStore, count: int, chance: np.random.Generator) -> Ints:
    """`count` moments [count, 2] (row of the store, second), all days and seconds alike."""
    return np.stack([chance.integers(0, len(store), count), chance.integers(0, SECONDS, count)], 1)


@torch.no_grad()
def latest_rows(policy: MarketPolicy, store: TensorStore, index: npt.NDArray[np.integer[Any]]) -> Floats:
    """Market features [m, features] of moments [m, 2], after the fitted scales.

    Of hf, mf and static the latest row; of lf a session each moment, in turn: a day has but thirty of them.
    """
    found = []
    for first in range(0, len(index), GATHERED):
        day, second = index[first : first + GATHERED].astype(np.int64).T
        windows = store.windows(day, second)
        session = torch.arange(first, first + len(day)) % LF_WINDOW
        latest = Windows(windows.hf[:, -1], windows.mf[:, -1], windows.lf[range(len(day)), session], windows.static)
        scales = policy.encoder.inputs
        parts = [scales[branch](getattr(latest, branch).to(policy.device)).cpu() for branch in Windows._fields]
        found.append(torch.cat(parts, 1).numpy())
    return np.concatenate(found)


def spread(rows: Floats) -> Doubles:
    """Standard deviation of each column."""
    return rows.std(0, dtype=np.float64)


def redundant(
    rows: Floats, columns: Sequence[tuple[str, int]], names: Sequence[str], threshold: float
) -> list[Redundant]:
    """Pairs of market features whose correlation over `rows` is at least `threshold` in size, the closest first.

    lf is compared within itself: its rows are sessions, not moments.
    """
    daily = np.array([branch == "lf" for branch, _ in columns])
    found: list[Redundant] = []
    for group in (np.flatnonzero(~daily), np.flatnonzero(daily)):
        moving = group[np.ptp(rows[:, group], axis=0) > 0]
        if len(moving) < 2:
            continue
        correlation = np.atleast_2d(np.corrcoef(rows[:, moving].astype(np.float64), rowvar=False))
        for i, j in np.argwhere(np.triu(np.abs(correlation) >= threshold, 1)).tolist():
            found.append(Redundant(names[int(moving[i])], names[int(moving[j])], float(correlation[i, j])))
    return sorted(found, key=lambda pair: -abs(pair.correlation))


def drift(expected: Floats, seen: Floats) -> Doubles:
    """Population stability index of each column, nan with too few rows."""
    if min(len(expected), len(seen)) < FEW_ROWS:
        return np.full(expected.shape[1], np.nan)
    return np.array([stability(expected[:, column], seen[:, column]) for column in range(expected.shape[1])])


def stability(expected: Floats, seen: Floats) -> float:
    """Population stability index: sum of (q - p) ln(q / p) over bins, p of `expected` [n], q of `seen` [m].

    Bins are tenths of the known values of `expected`; what is unknown (exactly 0) has a bin of its own.
    """
    known = expected[expected != 0].astype(np.float64)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known
    p, q = (np.maximum(_binned(values, edges), LEAST_SHARE) for values in (expected, seen))
    return float(((q - p) * np.log(q / p)).sum())


def _binned(values: Floats, edges: Doubles) -> Doubles:
    unknown = values == 0
    counts = np.bincount(np.searchsorted(edges, values[~unknown], side="right"), minlength=len(edges) + 1)
    return np.append(counts, unknown.sum()) / len(values)
