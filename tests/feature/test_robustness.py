"""Whatever a day brings, every feature is a number within its declared range.

On days that come through the timeline no value needs to be cut off for that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from config.schema import FeatureConfig
from data.layout import SECONDS, Bar
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES, FeatureDay
from feature.frame import Frame
from feature.kernels import normalise_nb
from feature.live import LiveFeatures
from feature.registry import registered
from tests.support.hostile_days import CONTRADICTORY, HOSTILE

SLACK = 1e-6
"""float32 rounds to 3e-7 of 5."""


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> FeatureExtractor:
    config = FeatureConfig(families=[], exclude=[], windows={})
    return FeatureExtractor(config, tmp_path_factory.mktemp("features"))


def uncut(extractor: FeatureExtractor, day: MarketDay) -> FeatureDay:
    """The features without the cut at their declared ranges."""
    frame = Frame(day)
    declared = {entry.feature.name: entry.feature.scaling for entry in registered()}
    tables: dict[str, npt.NDArray[np.float32]] = {}
    for branch in BRANCHES:
        raw = extractor.branch(branch, frame).raw
        values = np.empty_like(raw)
        for name, column, out in zip(extractor.schema.names[branch], raw, values, strict=True):
            normalise_nb(column, declared[name].shape, declared[name].scale, out)
        tables[branch] = values.T.astype(np.float32)
    return FeatureDay(symbol=day.symbol, date=day.date.isoformat(), schema_hash=extractor.schema.hash, **tables)


def outside(extractor: FeatureExtractor, day: FeatureDay) -> dict[str, tuple[float, float]]:
    """Feature -> its least and greatest value, where they are not numbers within the declared range."""
    declared = {entry.feature.name: entry.feature for entry in registered()}
    found: dict[str, tuple[float, float]] = {}
    for branch in BRANCHES:
        for name, column in zip(extractor.schema.names[branch], getattr(day, branch).T, strict=True):
            f, least, greatest = declared[name], float(np.min(column)), float(np.max(column))
            if not (f.low - SLACK <= least and greatest <= f.high + SLACK):  # NaN is nowhere
                found[name] = (least, greatest)
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_every_feature_is_a_number_in_its_range(extractor: FeatureExtractor, name: str) -> None:
    day = HOSTILE[name]()
    assert outside(extractor, extractor.build(day)) == {}
    if name not in CONTRADICTORY:
        assert outside(extractor, uncut(extractor, day)) == {}


def test_contradictions_are_cut_off(extractor: FeatureExtractor) -> None:
    """Without the cut, a price above its bar's high would lead a position out of its range."""
    assert len(outside(extractor, uncut(extractor, HOSTILE["all numbers"]()))) >= 10


def test_what_lies_outside_is_told(extractor: FeatureExtractor) -> None:
    day = extractor.build(HOSTILE["one quote"]())
    hf = np.array(day.hf)
    hf[7, extractor.schema.names["hf"].index("has_trade")] = 1.1
    hf[9, extractor.schema.names["hf"].index("return_5s")] = np.nan
    assert set(outside(extractor, replace(day, hf=hf))) == {"has_trade", "return_5s"}


def test_the_days_are_what_they_are_called() -> None:
    def traded(name: str) -> float:
        return float(HOSTILE[name]().bars[:, Bar.VOLUME].sum())

    def quoted(name: str) -> float:
        return float(HOSTILE[name]().bars[-1, Bar.HAS_QUOTE])

    assert traded("quotes only") == 0 < quoted("quotes only")
    assert traded("trades only") > 0 == quoted("trades only")
    assert quoted("no bids") == quoted("no offers") == 0 < traded("no bids")
    assert traded("trades of size 0") == 0
    assert HOSTILE["halted for good"]().bars[3_600:, Bar.HALTED].all()
    assert HOSTILE["early close"]().close_s < HOSTILE["$500"]().close_s
    assert 0 < HOSTILE["$0.10"]().bars[-1, Bar.CLOSE] < 0.2 and HOSTILE["$500"]().bars[-1, Bar.CLOSE] > 250


@pytest.mark.parametrize("name", ["everything a feed can do", "halted again and again", "uneven", "all numbers"])
def test_a_hostile_day_that_grows_has_the_bits_of_the_whole_one(extractor: FeatureExtractor, name: str) -> None:
    day = HOSTILE[name]()
    whole, live = extractor.build(day), LiveFeatures(extractor, day)
    known = 0
    for second in np.sort(np.random.default_rng(2).integers(1, SECONDS, 40)):
        live.extend(day.bars[known:second], day.market[known:second])
        known = int(second)
        seen = live.day()
        for branch in BRANCHES:
            table = getattr(seen, branch)
            assert table[-60:].tobytes() == getattr(whole, branch)[: len(table)][-60:].tobytes(), (branch, second)
