"""How many shares the companies of the sample market have: a low float, and one offering each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from config.schema import SampleMarketConfig
from data.sample_model import DayPlan
from utils.seeding import stream

OUTSTANDING = (6e6, 40e6)
"""Range of the shares outstanding, after any split."""
FLOAT_SHARE = (0.3, 0.9)
OFFERING = (0.10, 0.30)
"""New shares for old ones; all of them go into the float."""
ROUNDED_TO = 1000.0


class Counted(NamedTuple):
    """Shares from that day on, not adjusted for later splits."""

    day: DayPlan
    outstanding: int
    floating: int


def share_counts(config: SampleMarketConfig, days: Sequence[DayPlan]) -> list[Counted]:
    """A symbol's first day and every day on which its shares change."""
    rng = stream(config.seed, "sample", days[0].symbol, "shares")
    old = float(np.exp(rng.uniform(*np.log(OUTSTANDING))))
    floating, offered = old * rng.uniform(*FLOAT_SHARE), old * rng.uniform(*OFFERING)
    offering = int(rng.integers(1, len(days)))
    found: list[Counted] = []
    for day in days:
        new = offered if day.number >= offering else 0.0
        counts = (_rounded((shares + new) * day.scale) for shares in (old, floating))
        now = Counted(day, *counts)
        if not found or now[1:] != found[-1][1:]:
            found.append(now)
    return found


def _rounded(shares: float) -> int:
    return round(shares / ROUNDED_TO) * int(ROUNDED_TO)
