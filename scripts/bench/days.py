"""Days to measure on: the liveliest of a small sample market, read from its files like any other."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

from config.compose import load_config
from config.schema import Config
from data.data_manager import DataManager, open_data
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import FeatureDay
from simulators.market_simulator import MarketSimulator
from utils.paths import CACHE

FOLDER = CACHE / "bench"


class BenchDays(NamedTuple):
    """A configuration, its data, and the days that were opened."""

    config: Config
    data: DataManager
    simulator: MarketSimulator
    extractor: FeatureExtractor
    days: list[MarketDay]

    def features(self) -> list[FeatureDay]:
        """Features of `days`, from the cache once they were built."""
        return [self.extractor.day(day) for day in self.days]


@cache
def bench_days(count: int) -> BenchDays:
    """The `count` days with the most events."""
    config = load_config("momentum_training", ["data.source=sample"])
    config.data = replace(config.data, cache=str(FOLDER))
    config.sample = replace(config.sample, folder=str(FOLDER / "sample"), symbols=["MLGO", "NVDA", "TSLA"], sessions=12)
    data = open_data(config.data, config.sample, config.timeline)
    simulator = MarketSimulator(data, config.timeline, FOLDER)
    daily = [(bar["volume"], symbol, day) for symbol in data.symbols() for day, bar in _bars(data, symbol)]
    liveliest = sorted(daily, key=lambda row: (-row[0], row[1], row[2]))[:count]
    days = [simulator.day(symbol, day) for _, symbol, day in liveliest]
    return BenchDays(config, data, simulator, FeatureExtractor(config.feature, FOLDER), days)


def _bars(data: DataManager, symbol: str):
    bars = {int(bar["date"]): bar for bar in data.daily(symbol)}
    for day in data.sessions(symbol):
        if (bar := bars.get(day.year * 10_000 + day.month * 100 + day.day)) is not None:
            yield day, bar
