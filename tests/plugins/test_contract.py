"""Single parts of a folder of one's own, and what is said where something is wrong with it."""

from __future__ import annotations

import datetime as dt
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from config.compose import config_yaml, load_config, saved_config
from config.plugins import import_plugins
from config.schema import FeatureConfig
from config.search import OWN, group_options
from config.studies import load_study, study_files
from data.data_manager import open_data
from data.layout import Bar
from data.quoted_bars import quoted_bars
from feature.extractor import FeatureExtractor
from metrics.hub import SINKS
from metrics.registry import metrics
from scripts.audit_features.causality import Future, Proof, prove
from simulators.market_simulator import MarketSimulator
from simulators.timeline import read_events
from tests.plugins.written_bars import BARS, FIRST_S, write_bars
from tests.support.made_day import start_of
from tests.support.own_folder import MY_FX, own_parts
from tests.support.rich_day import rich_day
from utils.errors import ConfigError, DataError
from utils.jit import outside_code
from utils.paths import ROOT
from utils.seeding import stream

DATE = dt.date(2025, 3, 20)
MINUTE_S = 60
DAWN_S = 4 * 3600


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A copy of my_fx elsewhere that is looked into."""
    folder = tmp_path / "my_fx"
    shutil.copytree(MY_FX, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with own_parts(folder):
        yield folder


def refused(name: str, *words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(name, list(words))
    return caught.value.text()


# ---------------------------------------------------------------- the folder
def test_what_is_in_the_folder_stands_beside_what_is_in_config(own: Path) -> None:
    assert "front_first" in group_options()["curriculum"] and "uniform" in group_options()["curriculum"]
    assert "one_tick_worse" in group_options()["simulation/fill"]
    assert "narrow" in study_files() and "quick_search" in study_files()
    assert load_study("narrow").base == "my_momentum"
    config = load_config("quick", ["curriculum=front_first"])
    assert [stage.name for stage in config.curriculum.stages] == ["front", "everything"]


def test_mistakes_are_told_with_the_nearest_and_the_fix(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nearest:   front_first" in refused("quick", "curriculum=front_frst")
    assert "nearest:   my_momentum" in refused("my_momentm")
    told = refused("quick", "plugins=[rythm]")
    assert "there is no module 'rythm'" in told and "use rhythm" in told and str(own) in told
    (own / "csv.py").write_text("")
    told = refused("quick", "plugins=[csv]")
    assert "'csv' is the name of another module" in told and "rename" in told
    (own / "reward" / "balanced.yaml").write_text("{}")
    monkeypatch.setenv(OWN, str(own.parent / "my_fy"))
    told = refused("quick")
    assert "no such folder" in told and "my_fx" in told
    shutil.copytree(own, own.parent / "other")
    monkeypatch.setenv(OWN, str(own.parent / "other"))
    assert "reward/balanced.yaml is a file of config/ already" in refused("quick")


def test_a_module_that_came_with_a_run_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "runs" / "sent"
    run.mkdir(parents=True)
    (run / "evil.py").write_text(f"open({str(tmp_path / 'done')!r}, 'w')")
    text = config_yaml(load_config("quick", []))
    (run / "config.yaml").write_text(text.replace("plugins: []", "plugins: [runs.sent.evil]", 1))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.raises(ConfigError, match="not imported"):
        saved_config(run / "config.yaml")
    assert not (tmp_path / "done").exists()


# ---------------------------------------------------------------- the provider
def test_bars_become_days_that_can_be_traded(own: Path, tmp_path: Path) -> None:
    write_bars(tmp_path / "bars", ["AAAX"], [DATE])
    words = ["data=csv_bars", f"data.folder={tmp_path / 'bars'}", f"data.cache={tmp_path / 'cache'}"]
    config = load_config("quick", [*words, "plugins=[csv_bars]"])
    data = open_data(config.data, config.sample, config.timeline)
    data = pickle.loads(pickle.dumps(data))  # noqa: S301 - as workers get it
    assert data.sessions("aaax".upper()) == [DATE] and not data.synthetic("AAAX", DATE)
    day = MarketSimulator(data, config.timeline, tmp_path / "cache").day("AAAX", DATE)
    traded = np.flatnonzero(day.bars[:, Bar.HAS_TRADE])
    assert (traded[0], len(traded)) == (FIRST_S - DAWN_S, BARS)
    spread = day.bars[traded, Bar.ASK] - day.bars[traded, Bar.BID]
    close = day.bars[traded, Bar.CLOSE]
    assert np.all(spread >= 0.002 * close - 1e-9) and np.all(spread < 0.002 * close + 0.01)
    assert np.all((day.bars[traded, Bar.BID] <= close + 1e-9) & (close <= day.bars[traded, Bar.ASK] + 1e-9))
    assert np.all(day.bars[traded, Bar.BID_SIZE] == 500)
    with pytest.raises(DataError, match="no file holds the symbol AAAY") as caught:
        data.resolve("AAAY")
    assert caught.value.near == ("AAAX",)
    (tmp_path / "bars" / "AAAX" / f"{DATE}.csv").write_text("time,open\n9,1\n")
    with pytest.raises(DataError, match="bars cannot be read"):
        list(data.events("AAAX", DATE)[1])


def test_a_provider_is_refused_by_name_and_parameter(own: Path) -> None:
    assert_told(["plugins=[csv_bars]", "data.provider=csv_bar"], "nearest:   csv_bars")
    assert_told(["plugins=[csv_bars]", "data.provider=csv_bars"], "needs bar_s, spread_bps, shares")
    assert_told(["+data.params.x=1"], "does not take x")


def assert_told(words: list[str], part: str) -> None:
    config = load_config("quick", ["data.source=files", *words])
    with pytest.raises(ConfigError) as caught:
        open_data(config.data, config.sample, config.timeline)
    assert part in caught.value.text()


def test_nothing_of_a_bar_is_known_before_it_is_over() -> None:
    start = start_of(DATE)
    bars = quoted_bars(
        start + np.array([0, 60]) * 10**9,
        np.array([[1.0, 1.2, 0.9, 1.1], [1.1, 1.1, 0.8, 0.9]]),
        np.array([1_003, 2]),
        bar_s=MINUTE_S,
        spread_bps=10,
        shares=300,
    )
    events = read_events(start, "mbp-1", [bars])
    assert events.refused == 0 and events.late == 0
    assert np.flatnonzero(events.bars[:, Bar.VOLUME]).tolist() == [59, 119]
    assert np.flatnonzero(events.bars[:, Bar.QUOTES]).tolist() == [59, 119]
    np.testing.assert_allclose(events.bars[59, : Bar.VOLUME + 1], [1.0, 1.2, 0.9, 1.1, 1_003])
    np.testing.assert_allclose(events.bars[59, [Bar.BID, Bar.ASK]], [1.09, 1.10])
    np.testing.assert_allclose(events.bars[119, [Bar.CLOSE, Bar.BID, Bar.ASK]], [0.9, 0.8995, 0.9004], atol=1e-9)
    one = (np.array([start]), np.array([[1.0, 0.9, 0.9, 1.0]]), np.array([5]))
    with pytest.raises(DataError, match="bar 1"):
        quoted_bars(*one, bar_s=1, spread_bps=1, shares=1)


# ---------------------------------------------------------------- the family
def test_a_family_of_ones_own_is_proven_causal(own: Path, tmp_path: Path) -> None:
    import_plugins(["rhythm"])
    others = ["clock", "minute", "daily", "rhythm"]
    extractor = FeatureExtractor(FeatureConfig(families=others, exclude=[], windows={}), tmp_path)
    assert "up_share_30s" in extractor.schema.names["hf"]
    proof = Proof()
    day = rich_day()
    prove(extractor, day, [20_000, 30_000, 40_000], stream(1, "own"), proof, each=len(Future))
    assert proof.leaking == set() and proof.trials[Future.NOISE] == 3
    assert np.ptp(extractor.build(day).hf[:, extractor.schema.names["hf"].index("up_share_30s")]) > 0.5
    again = pickle.loads(pickle.dumps(extractor))  # noqa: S301 - as workers get it
    assert again.schema.hash == extractor.schema.hash


def test_caches_know_the_code_of_plugins(own: Path, tmp_path: Path) -> None:
    import_plugins(["rhythm"])
    kernel = sys.modules["rhythm"].up_share_nb
    folder = kernel._cache._cache_path
    assert outside_code(kernel) and outside_code(kernel) in folder
    assert outside_code(quoted_bars) == ""


def test_a_module_by_another_name_is_compiled_again(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself in one process, then within its package: what was kept by one name cannot be read by the other."""
    code = "from config.plugins import import_plugins; import_plugins(['patience'])"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    monkeypatch.setenv(OWN, str(own.parent))
    import_plugins(["my_fx.patience"])
    assert sys.modules["my_fx.patience"].patience.address


def test_a_sink_and_its_metric_are_declared_by_their_module(own: Path) -> None:
    before = set(metrics())
    config = load_config("quick", ["plugins=[tally]", "metrics.sinks=[lines]"])
    assert config.metrics.sinks == ["lines"] and SINKS.get("lines").__name__ == "Lines"
    assert set(metrics()) - before <= {"tally/buys"}
    with pytest.raises(ConfigError, match="line") as caught:
        SINKS.get("line")
    assert "lines" in caught.value.near
