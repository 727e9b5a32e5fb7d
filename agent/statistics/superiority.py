"""Is the best of several policies better than a benchmark, given that it was picked as the best? (package arch)"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.statistics.intervals import LEAST_SESSIONS, block_length
from agent.statistics.sessions import Series
from utils.seeding import stream


class Superiority(NamedTuple):
    """p-values of the hypothesis that none is better; small ones speak for the best policy."""

    p: float
    """Hansen's consistent one: the one to quote."""
    lower: float
    upper: float
    """White's reality check: what policies that are far worse do to it makes it cautious."""


def superiority(benchmark: Series, policies: npt.NDArray[np.float64], draws: int, seed: int) -> Superiority:
    """Test of superior predictive ability (Hansen 2005) over the stationary bootstrap.

    benchmark: P&L per session [S]; policies: of the same sessions [S, K]. All three are 1 if no policy ever differs
    from the benchmark, or the sessions are too few.
    """
    from arch.bootstrap import SPA

    lead = policies - benchmark[:, None]
    lead = lead[:, np.ptp(lead, axis=0) > 0] if len(lead) else lead
    if len(lead) < LEAST_SESSIONS or not lead.shape[1]:
        return Superiority(1.0, 1.0, 1.0)
    length = max(1, round(max(block_length(column) for column in lead.T)))
    generator = stream(seed, "statistics", "spa")
    test = SPA(np.zeros(len(lead)), -lead, block_size=length, reps=draws, seed=generator)
    test.compute()
    found: Any = test.pvalues
    return Superiority(float(found["consistent"]), float(found["lower"]), float(found["upper"]))
