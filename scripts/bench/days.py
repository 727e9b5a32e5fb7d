"""Days to measure on: the liveliest of a small sample market, read from its files like any other."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from config.compose import load_config
from config.schema import Config
from data.calendar import date_number
from data.data_manager import DataManager, open_data
from data.market_day import MarketDay
from envs.episodes import UniformEpisodes
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

    def episodes(self, seed: int) -> UniformEpisodes:
        """A quarter to two thirds of an hour of `days`, from the regular session's first five hours."""
        return UniformEpisodes(seed, len(self.days), first=20_000, last=38_000, length=(900, 2_400))


@cache
def bench_days(count: int) -> BenchDays:
    """The `count` days with the most volume of a small sample market."""
    return _liveliest("sample", count, symbols=["MLGO", "NVDA", "TSLA"], sessions=12)


@cache
def heavy_day() -> BenchDays:
    """One day with several hundred thousand records, as the liveliest real ones have."""
    return _liveliest("heavy", 1, symbols=["MLGO"], sessions=10, quote_rate=120.0, trade_rate=50.0)


def _liveliest(name: str, count: int, **sample: Any) -> BenchDays:
    config = load_config("momentum_training", ["data.source=sample", "env.decision_interval_s=1"])
    config.data = replace(config.data, cache=str(FOLDER / name))
    config.sample = replace(config.sample, folder=str(FOLDER / name / "files"), **sample)
    data = open_data(config.data, config.sample, config.timeline)
    simulator = MarketSimulator(data, config.timeline, FOLDER / name)
    daily = [(volume, symbol, day) for symbol in data.symbols() for day, volume in _volumes(data, symbol)]
    liveliest = sorted(daily, key=lambda row: (-row[0], row[1], row[2]))
    readable = (day for row in liveliest if (day := _day(simulator, row[1], row[2])) is not None)
    extractor = FeatureExtractor(config.feature, FOLDER / name)
    return BenchDays(config, data, simulator, extractor, list(islice(readable, count)))


def _day(simulator: MarketSimulator, symbol: str, date: dt.date) -> MarketDay | None:
    day = simulator.day(symbol, date)
    return day if len(day.quotes) else None  # the sample leaves one day without quotes


def _volumes(data: DataManager, symbol: str) -> list[tuple[dt.date, float]]:
    volume = {int(bar["date"]): float(bar["volume"]) for bar in data.daily(symbol)}
    return [(day, volume[date_number(day)]) for day in data.sessions(symbol) if date_number(day) in volume]
