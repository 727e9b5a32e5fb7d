"""Days with their features, as the lanes and the network read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from ai.device import open_device
from ai.feature_store import TensorStore, open_store
from config.schema import Config
from data.market_day import MarketDay
from feature.feature_day import FeatureDay
from scripts.pipeline import Sources
from scripts.progress import counted
from simulators.day_bank import DayBank
from utils.logger import get_logger

log = get_logger(__name__)


class Arrays(NamedTuple):
    """Days with their features, both in the same order."""

    days: list[MarketDay]
    features: list[FeatureDay]
    bank: DayBank
    store: TensorStore


def load_days(config: Config, sources: Sources, entries: Sequence[tuple[str, dt.date]]) -> Arrays:
    """Timelines and features of `entries`, from the cache or made now."""
    every_s = config.training.log_every_s
    log.info("%d days: timelines and features", len(entries))
    days = [sources.simulator.day(*entry) for entry in counted(entries, "timelines", every_s)]
    features = [sources.extractor.day(day) for day in counted(days, "features", every_s)]
    training = config.training
    store = open_store(features, open_device(training.device), training.resident_mb << 20)
    return Arrays(days, features, DayBank(days, config.simulation), store)
