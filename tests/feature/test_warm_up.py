"""Every feature forgets what came before as fast as it declares: of the day, and of the sessions before it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from config.schema import FeatureConfig
from data.data_manager import open_data
from data.layout import DAILY_ROWS, MINUTES, Bar, Daily, Market
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES, FeatureDay
from feature.inputs import CLOCK_SESSIONS
from feature.registry import WHOLE_DAY, Feature, registered
from simulators.market_simulator import MarketSimulator
from tests.support.configs import load_config
from tests.support.rich_day import rich_day
from utils.seeding import stream

UNIT_S = {"hf": 1, "static": 1, "mf": 60}
TOLERANCE = 1e-6
"""Relative to a normalised value, or to 1, the size of a typical one, where it is less."""
STARTS_S = (2_000, 12_000, 19_900, 21_000, 30_000)
EXEMPT_SHARE = 0.25


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> FeatureExtractor:
    config = FeatureConfig(families=[], exclude=[], windows={})
    return FeatureExtractor(config, tmp_path_factory.mktemp("features"))


def without_the_first(day: MarketDay, seconds: int) -> MarketDay:
    """`day` as if nothing had happened in its first `seconds`."""
    bars, market = np.array(day.bars), np.array(day.market)
    bars[:seconds] = market[:seconds] = 0.0
    market[:seconds, [Market.QUOTE_AGE, Market.SINCE_RESUME, Market.SINCE_HALT]] = 1e9
    market[:seconds, Market.HALT_KIND] = -1
    market[:seconds, Market.LULD_HIGH] = np.inf
    return replace(day, bars=bars, market=market)


def starts(day: MarketDay) -> list[int]:
    """Seconds with a trade and a new book, so that the shortened day begins with all that it needs."""
    both = np.flatnonzero((day.bars[:, Bar.HAS_TRADE] > 0) & (day.bars[:, Bar.QUOTES] > 0))
    later = np.searchsorted(both, [s for s in STARTS_S if s <= both[-1]])
    return sorted({int(both[i]) for i in later})


def needed(extractor: FeatureExtractor, day: MarketDay, start: int) -> dict[str, int]:
    """Feature -> seconds from `start` until its values stay those of the whole day, up to the regular close.

    After the close there is hardly any trading, and an average of flow forgets nothing while nothing happens.
    """
    whole, part = extractor.build(day), extractor.build(without_the_first(day, start))
    found: dict[str, int] = {}
    for branch, unit in UNIT_S.items():
        ours, theirs = (getattr(d, branch).astype(float) for d in (part, whole))
        apart = np.abs(ours - theirs) > TOLERANCE * np.maximum(1.0, np.abs(theirs))
        apart[day.close_s // unit :] = False
        for name, column in zip(extractor.schema.names[branch], apart.T, strict=True):
            rows = np.flatnonzero(column)
            end = (int(rows[-1]) + 1) * unit if len(rows) else 0
            found[name] = max(end - start, 0)
    return found


@cache
def declared() -> dict[str, Feature]:
    return {entry.feature.name: entry.feature for entry in registered()}


def too_short(extractor: FeatureExtractor, day: MarketDay, features: dict[str, Feature]) -> dict[str, tuple[int, int]]:
    """Feature -> (second the day was cut at, seconds needed), where that is more than declared."""
    return {
        name: (start, seconds)
        for start in starts(day)
        for name, seconds in needed(extractor, day, start).items()
        if seconds > features[name].warm_up_s
    }


def test_after_the_warm_up_it_does_not_matter_when_a_made_day_began(extractor: FeatureExtractor) -> None:
    day = rich_day()
    assert len(starts(day)) == len(STARTS_S)
    assert too_short(extractor, day, declared()) == {}


def test_after_the_warm_up_it_does_not_matter_when_a_real_day_began(
    extractor: FeatureExtractor, lean_folder: Path, tmp_path: Path
) -> None:
    config = load_config("quick", ["data.source=files", f"data.folder={lean_folder}", f"data.cache={tmp_path}"])
    data = open_data(config.data, config.sample, config.timeline)
    day = MarketSimulator(data, config.timeline, tmp_path).build("AIG", dt.date(2013, 10, 9))
    assert too_short(extractor, day, declared()) == {}


def test_only_what_rests_on_the_whole_day_is_exempt(extractor: FeatureExtractor) -> None:
    """A warm-up of the whole day exempts: such a feature must really depend on how the day began."""
    day = rich_day()
    exempt = {name for name, f in declared().items() if f.warm_up_s >= WHOLE_DAY}
    assert len(exempt) <= EXEMPT_SHARE * len(declared())
    late: dict[str, int] = dict.fromkeys(exempt, 0)
    for start in starts(day):
        for name, seconds in needed(extractor, day, start).items():
            if name in exempt:
                late[name] = max(late[name], seconds)
    assert {name for name, seconds in late.items() if seconds == 0} == set()


def test_a_warm_up_that_is_too_short_is_found(extractor: FeatureExtractor) -> None:
    shortened = {"return_5s": 5, "ofi_5s": 200, "bar_ema20": 1_200, "from_vwap": 0}
    features = declared() | {name: replace(declared()[name], warm_up=seconds) for name, seconds in shortened.items()}
    assert set(too_short(extractor, rich_day(), features)) == set(shortened)


# ---------------------------------------------------------------- previous sessions
def with_sessions(count: int) -> MarketDay:
    """A day behind `count` previous sessions: the last of the same thirty."""
    rng = stream(1, "sessions")
    close = 5.0 * np.exp(np.cumsum(rng.normal(0, 0.08, DAILY_ROWS)))
    open_ = close * np.exp(rng.normal(0.0, 0.1, DAILY_ROWS))
    daily = np.zeros((DAILY_ROWS, len(Daily)))
    daily[:, Daily.OPEN], daily[:, Daily.CLOSE] = open_, close
    daily[:, Daily.HIGH] = np.maximum(open_, close) * np.exp(rng.exponential(0.05, DAILY_ROWS))
    daily[:, Daily.LOW] = np.minimum(open_, close) * np.exp(-rng.exponential(0.05, DAILY_ROWS))
    daily[:, Daily.VOLUME] = rng.integers(100_000, 5_000_000, DAILY_ROWS)
    daily[: DAILY_ROWS - count] = 0.0
    clocks = np.cumsum(rng.uniform(0.0, 4e6 / MINUTES, (CLOCK_SESSIONS, MINUTES)), axis=1)
    mean = clocks[:count].mean(axis=0) if count else np.zeros(MINUTES)
    return replace(rich_day(), daily=daily, clock_volume=mean, previous_close=close[-1] if count else 0.0)


def rows_that_changed(
    extractor: FeatureExtractor, ours: FeatureDay, theirs: FeatureDay
) -> dict[str, npt.NDArray[np.int64]]:
    """Feature -> rows that are not bitwise equal."""
    found: dict[str, npt.NDArray[np.int64]] = {}
    for branch in BRANCHES:
        apart = getattr(ours, branch).view(np.int32) != getattr(theirs, branch).view(np.int32)
        for name, column in zip(extractor.schema.names[branch], apart.T, strict=True):
            found[name] = np.flatnonzero(column)
    return found


@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_no_feature_rests_on_more_sessions_than_it_declares(extractor: FeatureExtractor, count: int) -> None:
    """Against the same day behind thirty sessions: bitwise equal in every row that has its sessions."""
    whole = extractor.build(with_sessions(DAILY_ROWS))
    changed = rows_that_changed(extractor, extractor.build(with_sessions(count)), whole)
    wrong: dict[str, int] = {}
    for name, rows in changed.items():
        f = declared()[name]
        first = DAILY_ROWS - count + max(f.sessions, 1) - 1 if f.branch == "lf" else 0
        complete = rows[rows >= first] if f.branch == "lf" or f.sessions <= count else rows[:0]
        if len(complete):
            wrong[name] = len(complete)
    assert wrong == {}


def test_sessions_are_declared_where_they_matter_and_nowhere_else(extractor: FeatureExtractor) -> None:
    whole = extractor.build(with_sessions(DAILY_ROWS))
    changed = rows_that_changed(extractor, extractor.build(with_sessions(0)), whole)
    assert {name for name, rows in changed.items() if len(rows)} == {n for n, f in declared().items() if f.sessions}
