"""Days with their features, as the lanes and the network read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from ai.device import open_device
from ai.feature_store import TensorStore, open_store
from config.schema import Config
from data.market_day import MarketDay
from feature.feature_day import FeatureDay
from scripts.pipeline import Sources, open_elsewhere
from scripts.progress import counted
from simulators.day_bank import DayBank
from utils.cluster.registry import open_cluster
from utils.logger import get_logger
from utils.progress import with_progress

log = get_logger(__name__)
Entry = tuple[str, dt.date]
"""Symbol and session."""


class Arrays(NamedTuple):
    """Days with their features, both in the same order."""

    days: list[MarketDay]
    features: list[FeatureDay]
    bank: DayBank
    store: TensorStore


class CacheDay:
    """Make a day's features, so that they are in the cache. Goes to the workers, which open the sources themselves."""

    def __init__(self, config: Config, sources: Sources | None = None) -> None:
        """sources: of this process."""
        self._config, self._sources = config, sources

    def __call__(self, entry: Entry, /) -> None:
        """See `utils.cluster.registry.Work`."""
        if self._sources is None:
            self._sources = open_elsewhere(self._config)
        self._sources.extractor.day(self._sources.simulator.day(*entry))

    def __reduce__(self) -> tuple[type[CacheDay], tuple[Config]]:
        return CacheDay, (self._config,)


def load_days(config: Config, sources: Sources, entries: Sequence[Entry]) -> Arrays:
    """Timelines and features of `entries`, from the cache or made now."""
    every_s = config.training.log_every_s
    log.info("%d days: timelines and features", len(entries))
    days = [sources.simulator.day(*entry) for entry in counted(entries, "timelines", every_s)]
    missing = [entry for entry, day in zip(entries, days, strict=True) if not sources.extractor.folder(day).exists()]
    made = open_cluster(config.cluster).run(CacheDay(config, sources), missing, doing="features")
    with closing(made):
        for _ in with_progress(made, len(missing), every_s, "features", "days"):
            pass
    features = [sources.extractor.day(day) for day in counted(days, "features", every_s)]
    training = config.training
    store = open_store(features, open_device(training.device), training.resident_mb << 20)
    return Arrays(days, features, DayBank(days, config.simulation), store)
