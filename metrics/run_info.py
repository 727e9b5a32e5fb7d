"""What a sink is told about the run that it serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import PlainConfig, WandbConfig
from data.market_day import MarketDay


class DayFacts(NamedTuple):
    """A day of the bank."""

    day: MarketDay
    quality: float
    """Ex post, [0, 1]; nan if it is not trained on."""
    points: npt.NDArray[np.void]
    """RESET_POINT [n] that training may start before."""


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a sink may want to know about the run."""

    name: str
    folder: Path
    log_every_s: float
    wandb: WandbConfig
    config: PlainConfig
    resumed_at: int | None = None
    """Environment steps at which an interrupted run goes on: what was written of later ones is done again."""
    group: str = ""
    """Lineage: the name of the run that the first model of the line came from."""
    job: str = "train"
    """What kind of run it is."""
    components: tuple[str, ...] = ()
    """Names of the reward's components, in order."""
    days: tuple[DayFacts, ...] = ()
    """In the order of the day bank."""
