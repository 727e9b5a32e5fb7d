"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

Source: Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting" (2017).
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from utils.errors import DataError

BLOCKS = 16
"""S of the paper: 12,870 ways to choose half of them."""

LEAST_SESSIONS, LEAST_TRIALS = 4, 2

Floats = npt.NDArray[np.float64]


class Overfitting(NamedTuple):
    """How what was best in one half of the sessions did in the other, over all ways to halve them."""

    probability: float
    """PBO: share of halvings whose best trial ends up in the worse half of all trials outside."""
    loss: float
    """Share of halvings whose best trial loses money outside."""
    slope: float
    """Of its Sharpe ratio outside over that inside; 1 would be no decay, nan if all inside are the same."""
    logits: Floats
    """Log odds of its rank outside [halvings]; the PBO is the share that is not above 0."""
    blocks: int


def overfitting(pnl: Floats, blocks: int = BLOCKS) -> Overfitting:
    """pnl: one figure per session and trial [T, N], of the same sessions.

    blocks: even; less if there are fewer sessions. Trials are ranked by their Sharpe ratio. Raises DataError for less
    than two trials or four sessions.
    """
    sessions, trials = pnl.shape
    blocks = min(blocks, sessions - sessions % 2)
    if not can_be_halved(pnl):
        raise DataError(
            f"{trials} trials over {sessions} sessions cannot be cross-validated",
            fix="at least two trials over the same four sessions",
        )
    half = _halves(blocks)
    inside, outside = _sharpe(pnl, half), _sharpe(pnl, ~half)
    best = inside.argmax(axis=1)
    row = np.arange(len(half))
    reached = outside[row, best][:, None]
    rank = (outside < reached).sum(axis=1) + ((outside == reached).sum(axis=1) + 1) / 2
    logits = np.log(rank / (trials + 1 - rank))
    mean_outside = _sums(pnl, ~half)[0][row, best]
    return Overfitting(
        probability=float((logits <= 0).mean()),
        loss=float((mean_outside < 0).mean()),
        slope=_slope(inside[row, best], reached[:, 0]),
        logits=logits,
        blocks=blocks,
    )


def can_be_halved(pnl: Floats) -> bool:
    """Whether there are two trials and four sessions."""
    return pnl.shape[0] >= LEAST_SESSIONS and pnl.shape[1] >= LEAST_TRIALS


def _halves(blocks: int) -> npt.NDArray[np.bool_]:
    """Which blocks are inside [halvings, blocks]."""
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    half = np.zeros((len(chosen), blocks), np.bool_)
    np.put_along_axis(half, chosen, True, axis=1)
    return half


def _sums(pnl: Floats, half: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Sum, sum of squares [halvings, N] and number [halvings, 1] of the sessions in the chosen blocks."""
    parts = np.array_split(pnl, half.shape[1])
    weight = half.astype(np.float64)
    sums, squares = (np.array([(part**power).sum(axis=0) for part in parts]) for power in (1, 2))
    counts = np.array([[len(part)] for part in parts], np.float64)
    return weight @ sums, weight @ squares, weight @ counts


def _sharpe(pnl: Floats, half: npt.NDArray[np.bool_]) -> Floats:
    """Per session [halvings, N]; 0 without spread."""
    centre = pnl.mean(axis=0)  # sums of squares far from 0 would lose the digits that the variance is made of
    scale = np.abs(pnl).max(initial=1e-300)
    sums, squares, count = _sums((pnl - centre) / scale, half)
    shifted = sums / count
    variance = (squares - count * shifted**2) / np.maximum(count - 1, 1)
    spread = np.sqrt(np.where(variance > 1e-20, variance, np.inf))
    return (shifted + centre / scale) / spread


def _slope(x: Floats, y: Floats) -> float:
    return float(np.polyfit(x, y, 1)[0]) if np.ptp(x) > 1e-12 else float("nan")
