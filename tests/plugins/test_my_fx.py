"""The extension contract: a folder outside the tree, with files of its own, trains, backtests, searches and is shown.

tests/plugins/my_fx is that folder, as docs/extending.md shows it; nothing of the project knows of it.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import polars as pl
import pytest

from config.search import OWN
from data.calendar import previous_sessions
from metrics.dashboard import lifecycle
from tests.plugins.written_bars import BARS, FIRST_S, write_bars
from tests.support.own_folder import MY_FX
from tests.support.small_market import places, tiny_training
from utils.paths import ROOT

pytestmark = pytest.mark.slow
SYMBOLS, SESSIONS = ("AAAX", "BBBX"), 8
FEW = [
    "split.embargo_sessions=0",
    "cluster.workers=1",
    "scanner.candidate_min_range=0",
    "scanner.candidate_min_rvol=0",
    "scanner.trigger.min_gain=0",
    "scanner.trigger.min_dollar_volume=0",
    "scanner.trigger.min_rvol=0",
    "backtest.days=all",
    "backtest.last_second=22000",
    "backtest.tune_days=1",
    "backtest.rule.entry=[vwap]",
    "backtest.rule.stop=[0.05]",
    "backtest.rule.target=[0.15]",
    "backtest.rule.hold_s=[600]",
    "env.decision_interval_s=20",
    "model.hold_bias=-3",
    "training.total_steps=1024",
    "dashboard.enabled=never",
    "wandb.mode=disabled",
]
START_S, STOP_S = 120.0, 20.0
DAWN_S, STALE_S = 4 * 3600, 60
"""When a session begins, and how old a quote may be that is traded against."""


class Outside(NamedTuple):
    """A user's folder, and where what runs with it lies."""

    own: Path
    folder: Path
    words: list[str]

    def run(self, *command: str) -> str:
        """A program of the project with that folder; what it says."""
        words = [sys.executable, *command, "--config-dir", str(self.own), *self.words]
        quiet = {**os.environ, "OMP_NUM_THREADS": "1", "FX_CONFIGS": str(self.folder / "configs")}
        done = subprocess.run(words, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    """A copy elsewhere, with bars beside it; its name has what shells and parsers stumble over."""
    folder = tmp_path_factory.mktemp("outside")
    own = folder / "my fx, ä"
    shutil.copytree(MY_FX, own, ignore=shutil.ignore_patterns("__pycache__"))
    write_bars(folder / "bars", SYMBOLS, previous_sessions(dt.date(2025, 3, 20), SESSIONS))
    words = [word for word in places(folder) if not word.startswith("data.folder=")]
    tiny = [word for word in tiny_training() if not word.startswith("training.total_steps=")]
    return Outside(own, folder, [*words, f"data.folder={folder / 'bars'}", *tiny, *FEW])


@pytest.fixture(scope="module")
def run_folder(outside: Outside) -> Path:
    """Of a training and a backtest with all parts at once."""
    outside.run("main.py", "--config", "my_momentum", "split.train=0.75", "split.validation=0")
    (folder,) = (outside.folder / "runs").glob("*-my-momentum")
    return folder


def test_all_parts_at_once_train_and_backtest(outside: Outside, run_folder: Path) -> None:
    about = json.loads((outside.folder / "models" / "v1" / "metadata.json").read_text())
    assert about["synthetic"] is False
    assert {name.partition(" ")[0] for name in about["days"]} == set(SYMBOLS)  # the provider
    model = (outside.folder / "models" / "v1" / "model.json").read_text()
    assert '"up_share_30s"' in model  # the family, in the checkpoint
    columns = pl.read_csv(run_folder / "metrics.csv")
    assert {"tally/buys", "reward/patience", "curriculum/stage"} <= set(columns.columns)
    counted = columns.filter(pl.col("tally/buys").is_not_null())
    lines = [f"{step} {buys:g}" for step, buys in counted.select("global_step", "tally/buys").iter_rows()]
    assert lines and (run_folder / "lines.txt").read_text().splitlines() == lines  # the sink
    config = about["config"]
    assert [stage["name"] for stage in config["curriculum"]["stages"]] == ["front", "everything"]
    assert config["simulation"]["fill"] == {"model": "one_tick_worse", "params": {"ticks": 1.0}}
    assert config["simulation"]["latency"]["model"] == "two_speeds"
    days = pl.read_csv(run_folder / "days.csv")
    assert len(days) and set(days["date"]) <= set(about["split"]["test"])
    assert {"report.html", "fills.parquet"} <= {path.name for path in run_folder.iterdir()}


def test_the_fills_of_the_run_are_those_of_ones_own_models(run_folder: Path) -> None:
    """Orders trade half of what they ask for, 100 or 700 ms after the decision, while there are bars."""
    fills = pl.read_parquet(run_folder / "fills.parquet").filter(pl.col("reason") != "flattened")
    assert len(fills) > 10 and set(fills["reason"]) == {"partial"}
    assert set(fills["time"].dt.millisecond()) <= {100, 700}
    assert fills["second"].is_between(FIRST_S - DAWN_S, FIRST_S - DAWN_S + BARS + STALE_S).all()


def test_a_search_of_ones_own_varies_ones_own_component(outside: Outside, run_folder: Path) -> None:
    storage = f"sqlite:///{outside.folder / 'studies.db'}"
    few = ["optuna.budget.steps=512", "optuna.budget.evaluations=1", "optuna.objective.constraints=[]"]
    more = ["optuna.objective.draws=100", "optuna.trials=1", "optuna.start_with_base=false", "metrics.sinks=[]"]
    more += ["split.train=0.5", "split.validation=0.4"]  # three sessions to judge by
    outside.run("optuna_optimization.py", "run", "narrow", f"optuna.storage={storage}", *few, *more)
    (trial,) = optuna.load_study(study_name="narrow", storage=storage).trials
    assert set(trial.params) == {"training.learning_rate", "reward.components.patience.weight"}


def test_the_real_dashboard_has_the_page(outside: Outside, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN, str(outside.own))
    port = next(number for number in range(26_000, 60_000, 91) if lifecycle.is_free(number))
    started = lifecycle.start(run_folder.parent, port, ["entries"])
    try:
        server = lifecycle.wait(started, START_S)
        assert server.plugins == ("entries",)
        assert server.shows(run_folder.parent, ["entries"]) and not server.shows(run_folder.parent, ["others"])
        layout = _asked(port, "GET", "/_dash-layout")
        assert '"id": "to-entries"' in json.dumps(layout)
        told = _asked(port, "POST", "/news", page="entries", run="", since={}, key="", options={})
        assert told["run"] == run_folder.name
        assert told["parts"]["entries-hours"].get("head") in (["entered from", "round trips", "net P&L"], None)
    finally:
        lifecycle.stop(port, STOP_S)


def _asked(port: int, method: str, path: str, **body: Any) -> Any:
    connection = http.client.HTTPConnection(lifecycle.HOST, port, timeout=60)
    text = json.dumps(body) if body else None
    connection.request(method, path, body=text, headers={"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())
