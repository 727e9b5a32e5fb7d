"""Scores of trainings that differ in their seed only: interquartile mean and its interval (Agarwal et al. 2021).

The mean of the middle half forgives one training that went astray and one that was lucky; the bootstrap says how much
the rest still owes to the choice of seeds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agent.statistics.intervals import LEVEL, Interval
from utils.seeding import stream

TRIMMED = 0.25
"""Share that is left out at each end."""

Scores = npt.NDArray[np.float64]


def iqm(scores: Scores) -> float:
    """Interquartile mean of all scores, whatever their shape."""
    return float(interquartile_means(scores.reshape(-1, 1))[0])


def interquartile_means(scores: Scores) -> Scores:
    """Of each column of scores [n, m]: [m]."""
    from scipy.stats import trim_mean  # slow to import

    return trim_mean(scores, TRIMMED, axis=0)


def iqm_interval(scores: Scores, draws: int, seed: int) -> Interval:
    """`iqm` of scores [trainings, tasks] with its 95 % interval by stratified bootstrap.

    Every draw takes as many trainings as there are, with replacement, anew for each task: the tasks are what they are,
    the trainings are a sample. The same for the same seed.
    """
    trainings, tasks = scores.shape
    drawn = stream(seed, "statistics", "seeds").integers(0, trainings, (draws, trainings, tasks))
    values = interquartile_means(scores[drawn, np.arange(tasks)].reshape(draws, -1).T)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(iqm(scores), float(low), float(high))


def overlap(one: Interval, other: Interval) -> bool:
    """Whether the two intervals share a value."""
    return one.low <= other.high and other.low <= one.high
