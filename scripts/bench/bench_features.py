"""Speed of the features: a whole day at once, opened again, and second by second."""

from __future__ import annotations

import gc
import statistics
import time
import warnings
from collections.abc import Callable

from config.schema import FeatureConfig
from data.layout import Market
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.live import LiveFeatures
from feature.registry import registered
from scripts.bench.days import FOLDER, bench_days
from scripts.bench.pandas_pipeline import DayFacts, features, seconds_of
from scripts.bench.registry import Figure, alternate, benchmark

ASKED = {"features.day_ms": 120.0, "features.warm_open_us": 200.0, "features.live_ms_per_s": 20.0}
"""What is asked of one core, as the baseline of what has no other."""
JOINED_S = 30_000
OPENINGS = 100


@benchmark("features.day_ms", "features.warm_open_us", "features.live_ms_per_s")
def day(quick: bool) -> list[Figure]:
    """all features of a lively day on one core; the baselines are what is asked: 120 ms, 200 us, 20 ms."""
    everything = FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), FOLDER / "features")
    market_day = bench_days(1).days[0]
    rounds = 5 if quick else 15
    built = _fastest(lambda: everything.build(market_day), rounds)
    everything.day(market_day)
    opened = _fastest(lambda: [everything.day(market_day) for _ in range(OPENINGS)], rounds) / OPENINGS
    lived = _second(everything, market_day, 20 * rounds)
    values = {
        "features.day_ms": (1e3 * built, "ms"),
        "features.warm_open_us": (1e6 * opened, "us"),
        "features.live_ms_per_s": (1e3 * lived, "ms"),
    }
    return [Figure(name, value, unit, ASKED[name], ASKED[name] / value) for name, (value, unit) in values.items()]


@benchmark("features.ratio_pandas")
def against_pandas(quick: bool) -> list[Figure]:
    """milliseconds a feature of a lively day, from its seconds, against pandas for the same features."""
    bench = bench_days(1)
    market_day = bench.days[0]
    by_second = seconds_of(market_day.bars, market_day.market[:, Market.QUOTE_AGE])
    facts = DayFacts(
        market_day.previous_close,
        market_day.open_s,
        market_day.close_s,
        market_day.end_s,
        market_day.daily,
        market_day.clock_volume,
    )

    def pandas() -> dict[str, list[str]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # logarithms of values that are not known yet
            return {branch: list(table) for branch, table in features(by_second, facts).items()}

    same = {name for names in pandas().values() for name in names}
    others = [entry.feature.name for entry in registered() if entry.feature.name not in same]
    ours = FeatureExtractor(FeatureConfig(families=[], exclude=others, windows={}), FOLDER / "features")
    fast, slow = alternate(lambda: ours.build(market_day), pandas, 3 if quick else 9)
    per_feature = 1e3 / len(same)
    return [Figure("features.ratio_pandas", per_feature * fast, "ms/feature", per_feature * slow, slow / fast)]


def _fastest(function: Callable[[], object], rounds: int) -> float:
    """Seconds that one core works for one call. Of absolute figures the least says most: whatever else runs here only
    adds to them."""
    function()
    times: list[float] = []
    for _ in range(rounds):
        gc.collect()
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def _second(extractor: FeatureExtractor, market_day: MarketDay, count: int) -> float:
    """Seconds of work for each second of a day that is under way: one more row, and what is observed."""
    live = LiveFeatures(extractor, market_day)
    live.extend(market_day.bars[:JOINED_S], market_day.market[:JOINED_S])
    live.day()
    times: list[float] = []
    for second in range(JOINED_S, JOINED_S + count):
        start = time.perf_counter()
        live.append(market_day.bars[second], market_day.market[second])
        live.day().window(second)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
