"""Against the paper's procedure written out session by session."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata

from agent.statistics.overfitting import overfitting
from utils.errors import DataError


def by_hand(pnl: np.ndarray, blocks: int) -> list[float]:
    """Logits, one halving after the other."""
    parts = np.array_split(np.arange(len(pnl)), blocks)
    logits: list[float] = []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.setdiff1d(np.arange(len(pnl)), inside)
        there, here = (pnl[rows].mean(axis=0) / pnl[rows].std(axis=0, ddof=1) for rows in (outside, inside))
        rank = rankdata(there)[here.argmax()] / (pnl.shape[1] + 1)
        logits.append(float(np.log(rank / (1 - rank))))
    return logits


@pytest.mark.parametrize(("sessions", "trials", "blocks"), [(24, 5, 8), (21, 7, 6), (9, 2, 16)])
def test_every_halving_is_that_of_the_paper(sessions: int, trials: int, blocks: int) -> None:
    pnl = np.random.default_rng(sessions).normal(40, 20, (sessions, trials))
    found = overfitting(pnl, blocks)
    logits = by_hand(pnl, found.blocks)
    np.testing.assert_allclose(found.logits, logits, atol=1e-9)
    assert found.probability == pytest.approx(np.mean(np.array(logits) <= 0))
    assert found.blocks == min(blocks, sessions - sessions % 2)


def test_noise_is_overfitted_as_often_as_not_and_skill_is_not() -> None:
    random = np.random.default_rng(0)
    found = [overfitting(random.normal(0, 1, (64, 10)), 8).probability for _ in range(40)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)
    skilled = random.normal(0, 1, (64, 10))
    skilled[:, 3] += 2
    told = overfitting(skilled)
    assert told.probability == told.loss == 0
    assert len(told.logits) == 12_870


def test_picking_from_trials_that_cancel_out_is_always_wrong() -> None:
    """What is best inside is worst outside when the sums of all trials are the same."""
    random = np.random.default_rng(1)
    pnl = random.normal(0, 1, (32, 6))
    pnl -= pnl.mean(axis=0)
    found = overfitting(pnl, 8)
    assert found.probability > 0.8
    assert found.slope < 0


def test_policies_that_never_trade_tie() -> None:
    assert overfitting(np.zeros((8, 3))).probability == 1  # rank 2 of 3 is the middle: no better than half of them
    far = 1e6 + np.random.default_rng(2).normal(0, 1, (16, 4))
    np.testing.assert_allclose(overfitting(far, 8).logits, by_hand(far, 8), atol=1e-9)


@pytest.mark.parametrize("shape", [(30, 1), (3, 5), (0, 0)])
def test_too_little_to_halve(shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="cannot be cross-validated"):
        overfitting(np.ones(shape))
