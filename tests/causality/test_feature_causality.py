"""No feature knows the future: whatever happens after second t, what was computed for the seconds before it stands.

Every registered feature is tried, on a made day, one of the sample market and a real one. `poe audit-features` does the
same with 200 cuts and every future behind each. Features that look ahead on purpose must be caught by the very same
check.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from config.schema import FeatureConfig
from data.data_manager import open_data
from data.layout import SECONDS, Bar
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.registry import Feature, feature, registered, soft, temporary_features
from scripts.audit.report import FAILED, PASSED
from scripts.audit_features.__main__ import main
from scripts.audit_features.causality import Future, Proof, cut_seconds, prove, with_future
from scripts.audit_features.planted import NAMES, next_second_nb, planted_features
from simulators.market_simulator import MarketSimulator
from tests.support.configs import load_config
from tests.support.made_day import made_day
from tests.support.rich_day import rich_day
from utils.errors import EXIT_USER_ERROR
from utils.seeding import stream

EVERYTHING = FeatureConfig(families=[], exclude=[], windows={})
NOT_ALWAYS = "planted_day_maximum"
"""What is left of a day may well be its maximum."""


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> FeatureExtractor:
    """Of every registered feature and the planted ones."""
    with planted_features():
        return FeatureExtractor(EVERYTHING, tmp_path_factory.mktemp("features"))


def tried(extractor: FeatureExtractor, day: MarketDay, cuts: int, seed: int, each: int) -> Proof:
    rng, proof = stream(seed, "causality"), Proof()
    prove(extractor, day, cut_seconds(day, cuts, rng), rng, proof, each=each)
    return proof


def read(folder: Path, cache: Path, symbol: str, date: dt.date) -> MarketDay:
    config = load_config("quick", ["data.source=files", f"data.folder={folder}", f"data.cache={cache}"])
    data = open_data(config.data, config.sample, config.timeline)
    return MarketSimulator(data, config.timeline, cache).build(symbol, date)


def test_every_registered_feature_is_tried(extractor: FeatureExtractor) -> None:
    known = {entry.feature.name for entry in registered()}
    assert {name for names in extractor.schema.names.values() for name in names} == known | NAMES
    assert len(known - NAMES) >= 110


def test_no_feature_knows_the_future_of_a_made_day(extractor: FeatureExtractor) -> None:
    proof = tried(extractor, rich_day(), cuts=30, seed=1, each=2)
    assert proof.leaking == NAMES
    assert proof.trials == dict.fromkeys(Future, 7) | {Future.ENDS: 30, Future.SEVENFOLD: 8, Future.NOISE: 8}


def test_no_feature_knows_the_future_of_a_sample_day(
    extractor: FeatureExtractor, sample_folder: Path, tmp_path: Path
) -> None:
    day = read(sample_folder, tmp_path, "KZIA", dt.date(2025, 3, 13))
    assert len(day.quotes) and day.synthetic
    assert tried(extractor, day, cuts=20, seed=2, each=2).leaking == NAMES


def test_no_feature_knows_the_future_of_a_real_day(
    extractor: FeatureExtractor, lean_folder: Path, tmp_path: Path
) -> None:
    day = read(lean_folder, tmp_path, "AIG", dt.date(2013, 10, 9))
    assert len(day.trades) > 10_000 and not day.synthetic
    assert tried(extractor, day, cuts=20, seed=3, each=2).leaking == NAMES


@pytest.mark.parametrize("seed", range(5))
def test_look_ahead_is_caught_in_every_run(extractor: FeatureExtractor, seed: int) -> None:
    """Four cuts are enough: every leak by every kind of future, but for a maximum that lies in the past."""
    proof = tried(extractor, rich_day(), cuts=4, seed=seed, each=len(Future))
    assert proof.leaking == NAMES
    for name in NAMES - {NOT_ALWAYS}:
        assert proof.leaks[name] == dict.fromkeys(Future, 4), name
    assert proof.caught(NOT_ALWAYS) >= 4


def test_cuts_lie_where_leaks_show() -> None:
    day = rich_day()
    cuts = cut_seconds(day, 200, stream(1, "cuts"))
    assert len(cuts) == 200 and cuts == sorted(cuts) and cuts[0] >= 1 and cuts[-1] < SECONDS
    assert sum(day.bars[cut, Bar.HAS_TRADE] > 0 for cut in cuts) >= 100
    assert sum(cut % 60 == 0 for cut in cuts) >= 40
    assert len(cut_seconds(made_day([]), 10, stream(1, "cuts"))) == 10  # no trade to cut at


@pytest.mark.parametrize("future", [future for future in Future if future is not Future.ENDS])
def test_futures_change_everything_from_the_cut_on_and_nothing_before(future: Future) -> None:
    day, cut = rich_day(), 30_000
    for plain, changed in zip((day.bars, day.market), with_future(day, cut, future, stream(1, "future")), strict=True):
        np.testing.assert_array_equal(changed[:cut], plain[:cut])
        assert cut + 60 <= len(changed) <= cut + 3_600
        assert (changed[cut:] != plain[cut : len(changed)])[:, Bar.BID if plain is day.bars else 0].all()


def test_the_command_passes_on_a_market_and_fails_for_a_leak(
    sample_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data.source=files", f"data.folder={sample_folder}", f"data.cache={tmp_path}"]
    assert main(["--quick", "--cuts", "8", *words]) == PASSED
    shown = capsys.readouterr().out
    assert f"0 of {len(registered())}" in shown and "5 of 5" in shown
    with temporary_features():
        leak = Feature(
            name="leak", branch="hf", family="x", formula="-", inputs=("log_mid",), units="1", normalise=soft()
        )
        feature(leak)(next_second_nb)
        assert main(["--quick", "--cuts", "4", *words]) == FAILED
    shown = capsys.readouterr().out
    assert "NO" in shown and "leak" in shown
    assert main(["--quick", "--profile", *words]) == PASSED
    assert "pack_nb" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"), [(["--quick", "--cuts", "0"], "--cuts"), (["--quick", "data.sourc=files"], "data.source")]
)
def test_mistakes_are_told(
    arguments: list[str], told: str, sample_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data.source=files", f"data.folder={sample_folder}", f"data.cache={tmp_path}"]
    assert main([*arguments, *words]) == EXIT_USER_ERROR
    assert told in capsys.readouterr().err
