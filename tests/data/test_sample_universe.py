"""A universe of a few made-up symbols: the scan reads it, finds the days that stand out, and keeps none of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from config.schema import Config
from data.data_manager import open_data
from data.sample_universe import Universe, Written, write_universe
from data.scanner.judge import Status
from scripts.pipeline import find_days
from simulators.market_simulator import MarketSimulator
from simulators.timeline import FROM_BARS
from tests.support.configs import load_config

UNIVERSE = Universe(symbols=24, sessions=12, last_date=dt.date(2025, 3, 14), seed=0, active=0.03)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("universe")


@pytest.fixture(scope="module")
def written(folder: Path) -> Written:
    return write_universe(UNIVERSE, folder / "files", 1.0)


def _config(folder: Path) -> Config:
    words = ["data.source=files", "data.schema_priority=[mbp-1,trades,ohlcv-1s]", "cluster.workers=1"]
    return load_config("build_index", [*words, f"data.folder={folder / 'files'}", f"data.cache={folder / 'cache'}"])


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name + path.parent.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_bytes_again_and_a_smaller_one_is_a_part_of_it(written: Written, folder: Path, tmp_path: Path) -> None:
    write_universe(UNIVERSE._replace(symbols=5), tmp_path / "few", 1.0)
    few, every = _content(tmp_path / "few"), _content(folder / "files")
    assert "SYNTHETIC" in every["README.txtfiles"].decode()
    seconds = {name for name in few if "ohlcv-1s" in name}
    assert seconds <= set(every)
    next((folder / "files" / "daily").iterdir()).unlink()  # as after an interruption
    assert write_universe(UNIVERSE, folder / "files", 1.0) == written
    assert _content(folder / "files") == every


def test_the_scan_judges_by_bars_and_keeps_no_timeline(written: Written, folder: Path) -> None:
    config = _config(folder)
    data = open_data(config.data, config.sample, config.timeline)
    assert data.provider.quarantined == ()
    assert len(data.symbols()) == UNIVERSE.symbols
    bars = data.daily(data.symbols()[0])
    assert len(bars) == UNIVERSE.sessions
    assert np.all(bars["high"] >= bars["low"])
    index = find_days(config, data, MarketSimulator(data, config.timeline, folder / "cache"), [])
    assert len(index) == written.active_days > 3
    taken = index.days.filter(index.days["status"] == str(Status.TAKEN))
    assert len(taken) == written.active_days
    assert taken["synthetic"].all()
    assert taken["triggered"].any()
    assert taken["reset_points"].sum() == 0  # without a book nothing can be traded
    assert all(FROM_BARS in flags for flags in taken["flags"])
    assert not (folder / "cache" / "days").exists()
