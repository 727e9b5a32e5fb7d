"""Nothing selected by a moment depends on what comes after it; and what the index of the default market holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from config.schema import SampleMarketConfig, ScannerConfig
from data.data_manager import DataManager, open_data
from data.layout import SECOND_NS, SECONDS, ResetKind
from data.market_day import MarketDay
from data.sample_model import DayKind, plan_days
from data.scanner.momentum_scanner import MomentumScanner
from data.scanner.reset_points import detect, series_of
from data.scanner.trigger import find_trigger
from simulators.market_simulator import MarketSimulator
from tests.support.configs import load_config
from utils.cluster.local import Local
from utils.seeding import stream

DRAWS = 100


@pytest.fixture(scope="module")
def config() -> ScannerConfig:
    return load_config("scan", []).scanner


def opened(sample: SampleMarketConfig, cache: Path) -> tuple[DataManager, MarketSimulator]:
    base = load_config("scan", [])
    data = open_data(dataclasses.replace(base.data, source="sample", cache=str(cache)), sample, base.timeline)
    return data, MarketSimulator(data, base.timeline, cache)


@pytest.fixture(scope="module")
def days(
    sample_config: SampleMarketConfig, sample_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[MarketDay]:
    """Active days of the small sample market."""
    assert sample_folder.is_dir()
    _, simulator = opened(sample_config, tmp_path_factory.mktemp("causal"))
    plans = [plan for group in plan_days(sample_config).values() for plan in group if plan.kind != DayKind.QUIET]
    return [simulator.day(plan.symbol, plan.session.date) for plan in plans]


def scrambled(day: MarketDay, tau: int, rng: np.random.Generator) -> MarketDay:
    """`day` with all that arrives after second `tau` replaced: rows shuffled and scaled, halts and events dropped."""
    bars, market = day.bars.copy(), day.market.copy()
    order = tau + 1 + rng.permutation(SECONDS - tau - 1)
    scale = np.exp(rng.normal(0, 1, (len(order), 1)))
    bars[tau + 1 :] = bars[order] * scale
    market[tau + 1 :] = market[order] * scale
    now = day.start_ns + (tau + 1) * SECOND_NS
    return dataclasses.replace(
        day,
        bars=bars,
        market=market,
        quotes=day.quotes[day.quotes["ts_recv"] < now],
        trades=day.trades[day.trades["ts_recv"] < now],
        halts=day.halts[day.halts["start_ns"] < now],
    )


def test_no_selection_depends_on_what_comes_after_it(days: list[MarketDay], config: ScannerConfig) -> None:
    """Trigger and reset points of `DRAWS` random days and minutes; the scramble does reach what comes later."""
    rng = stream(0, "scramble")
    patterns = config.reset.patterns
    selected = reached = 0
    for _ in range(DRAWS):
        day = days[int(rng.integers(len(days)))]
        tau = 60 * int(rng.integers(30, 950)) + 59
        other = scrambled(day, tau, rng)
        before, after = find_trigger(day, config.trigger), find_trigger(other, config.trigger)
        assert (before == after) if 0 <= before.second <= tau else not 0 <= after.second <= tau
        found, again = detect(series_of(day), patterns), detect(series_of(other), patterns)
        for kind, seconds in found.items():
            np.testing.assert_array_equal(again[kind][again[kind] <= tau], seconds[seconds <= tau], kind.name)
            selected += int((seconds <= tau).sum())
            reached += not np.array_equal(again[kind], seconds)
    assert selected > 10 * DRAWS
    assert reached > DRAWS


@pytest.mark.slow
def test_default_market_has_every_kind_of_day_and_point(shared_tmp: Path) -> None:
    base = load_config("scan", [])
    sample, cache = dataclasses.replace(base.sample, folder=str(shared_tmp / "default")), shared_tmp / "default_cache"
    data, simulator = opened(sample, cache)
    index = MomentumScanner(base.scanner, data, simulator.day, cache, Local(2, 0)).build_index()
    summary = index.summary()
    assert summary["triggered"] >= 21
    assert sum(summary["reset_points"].values()) >= 630
    assert {kind.name.lower() for kind in ResetKind} == set(summary["reset_points"])
    assert min(summary["reset_points"].values()) >= 10
    assert (index.days["quality"] >= base.scanner.threshold).sum() >= 21
