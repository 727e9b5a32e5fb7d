"""The judge of a cache that many processes wrote to, and one round of writers that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.schema import Config
from data.data_manager import open_data
from feature.extractor import FeatureExtractor
from feature.feature_day import TABLES_FILE
from scripts.stress_cache import Outcome, judge, stress
from simulators.market_simulator import MarketSimulator
from tests.support.configs import load_config


@pytest.fixture
def config(sample_folder: Path, tmp_path: Path) -> Config:
    return load_config("demo", _words(sample_folder, tmp_path))


def _words(sample_folder: Path, folder: Path) -> list[str]:
    return [f"data.folder={sample_folder}", f"data.cache={folder / 'data'}", "data.source=files", "feature=small"]


def test_damage_and_differences_are_found(config: Config, tmp_path: Path) -> None:
    data = open_data(config.data, config.sample, config.timeline)
    cache = tmp_path / "cache"
    simulator, extractor = MarketSimulator(data, config.timeline, cache), FeatureExtractor(config.feature, cache)
    symbol = data.symbols()[0]
    first, second = (simulator.day(symbol, date) for date in data.sessions(symbol)[:2])
    places = [extractor.folder(day) for day in (first, second) if extractor.day(day)]
    (cache / "days" / symbol / f".{first.date}-abc.left").mkdir()
    sound = judge(config, cache, kills=0)
    assert (sound.days, sound.features, sound.left_over, sound.damaged, sound.different) == (2, 2, 1, [], [])
    values = bytearray((places[0] / TABLES_FILE).read_bytes())
    values[1000:1004] = b"\x00\x00\x80\x3f"  # a whole file with another number in it
    (places[0] / TABLES_FILE).write_bytes(values)
    (places[1] / TABLES_FILE).write_bytes(values[:-4])
    found = judge(config, cache, kills=0)
    assert sorted(text.partition(":")[0] for text in found.damaged) == sorted(place.name for place in places)
    assert len(found.different) >= 1
    assert sound + found == Outcome(4, 4, 0, 2, found.damaged, found.different)


@pytest.mark.slow
def test_writers_that_are_killed_leave_whole_entries(config: Config, sample_folder: Path, tmp_path: Path) -> None:
    outcome = stress(config, tmp_path / "cache", 6.0, 2, _words(sample_folder, tmp_path))
    assert outcome.kills >= 1
    assert (outcome.damaged, outcome.different) == ([], [])
