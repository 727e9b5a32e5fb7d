"""The command line as people use it, on a market of seconds: train, go on, backtest, list; and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from main import main, parse
from rewards.registry import COMPONENTS
from scripts.scan_momentum_days import run as scan
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR
from utils.paths import ROOT

FAST = ["env.decision_interval_s=60", "backtest.last_second=30000"]
SECRETS = {
    name: f"{number}{name.lower()}0123456789abcdef"
    for number, name in enumerate(("WANDB_API_KEY", "DATABENTO_API_KEY", "AWS_SECRET_ACCESS_KEY"))
}
"""Keys of other services that stand in the environment."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    """A folder in which a model has been trained on the sample market and backtested, by a user who has keys."""
    with pytest.MonkeyPatch.context() as environment:
        for name, secret in SECRETS.items():
            environment.setenv(name, secret)
        assert main(["--config", "demo", *small(folder), *tiny_training(), *FAST]) == 0
    return folder


def run_of(folder: Path, name: str) -> Path:
    """The newest run folder of that name."""
    return max((folder / "runs").glob(f"*-{name}*"))


def test_options_become_overrides() -> None:
    options, overrides = parse(
        ["--symbol", "nvda,tsla", "--", "--symbol", "KZIA", "--continue", "seed=3", "2025-04-15"]
    )
    assert options.config == "momentum_training"
    assert overrides == [
        "seed=3",
        'backtest.date="2025-04-15"',
        'symbols=["NVDA", "TSLA", "KZIA"]',
        "training.continue_from=best",
    ]


def test_help_lists_the_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert "momentum_training" in capsys.readouterr().out


def test_cfg_prints_what_would_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "quick", "--cfg", "seed=0", "--symbol", "BRK.B"]) == 0
    printed = capsys.readouterr().out
    assert "seed: 0\n" in printed
    assert "- BRK.B\n" in printed


def test_a_reward_component_of_ones_own_needs_no_edit(trained: Path) -> None:
    """A module beside the project, named in `plugins`, and its settings on the command line: trained with, and told."""
    settings = "enabled: true, weight: 0.1, clip: 1, cap: 9, smoothing: 0, until: 0, halflife: 0, params: {}"
    own = ["plugins=[tests.plugins.my_fx.patience]", f"+reward.components.patience={{{settings}}}"]
    words = [*small(trained), *tiny_training(), *FAST, "training.total_steps=1024", *own]
    with COMPONENTS.temporary():
        assert main(["--config", "quick", *words, f"models={trained / 'plugged'}"]) == 0
    columns = pl.read_csv(run_of(trained, "quick") / "metrics.csv").columns
    assert {"reward/patience", "reward_episode/patience", "reward/bonus_guard", "reward_share/shaping"} <= set(columns)


def test_training_leaves_a_registered_model_and_a_run_folder(trained: Path) -> None:
    about = json.loads((trained / "models" / "v1" / "metadata.json").read_text())
    assert about["score"] is not None
    assert about["synthetic"] is True
    assert about["config"]["mode"] == "train-backtest"
    assert set(about["split"]["train"]).isdisjoint(about["split"]["test"])
    run = run_of(trained, "demo")
    assert {"config.yaml", "run.log", "metrics.csv", "report.html", "days.csv", "trades.parquet", "fills.parquet"} <= {
        p.name for p in run.iterdir()
    }
    numbers = pl.read_csv(run / "metrics.csv")
    assert numbers["global_step"].is_sorted()
    assert numbers["time/steps_per_s"].min() > 0  # pyright: ignore[reportOptionalOperand, reportOperatorIssue]


def test_keys_are_written_nowhere(trained: Path) -> None:
    """Not into configurations, logs, models, run stores or reports."""
    files = [path for path in trained.rglob("*") if path.is_file()]
    assert {".html", ".sqlite", ".log", ".yaml", ".json", ".safetensors"} <= {path.suffix for path in files}
    told = [path for path in files for secret in SECRETS.values() if secret.encode() in path.read_bytes()]
    assert told == []


def test_the_backtest_trades_unseen_days_only(trained: Path) -> None:
    about = json.loads((trained / "models" / "v1" / "metadata.json").read_text())
    days = pl.read_csv(run_of(trained, "demo") / "days.csv")
    assert set(days["date"]) <= set(about["split"]["test"])
    assert (days["cash"] == 0.0).all()


def test_the_backtest_again_gives_the_same_cents(trained: Path) -> None:
    first = pl.read_csv(run_of(trained, "demo") / "days.csv")
    assert main(["--config", "backtest", *small(trained), *tiny_training(), *FAST, "data.source=sample"]) == 0
    again = pl.read_csv(run_of(trained, "backtest") / "days.csv")
    assert again.equals(first)


def test_the_same_seed_trains_the_same_parameters(trained: Path, tmp_path: Path) -> None:
    """Whole runs on the real environment, from files to the saved model; only the budget must be steps, not seconds."""
    hashes: list[str] = []
    for run, seed in enumerate((0, 0, 1)):
        models = tmp_path / str(run)
        budget = ["training.time_limit_s=0", "training.total_steps=2000", f"seed={seed}", f"models={models}"]
        assert main(["--config", "quick", *small(trained), *tiny_training(), *FAST, *budget]) == 0
        hashes.append(json.loads((models / "v1" / "model.json").read_text())["parameters_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_one_date(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    date = pl.read_csv(run_of(trained, "demo") / "days.csv")["date"][0]
    assert main(["--config", "backtest_date", "--", "--date", date, *small(trained), *tiny_training(), *FAST]) == 0
    assert date in capsys.readouterr().out


def test_a_date_without_data_names_the_nearest(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "backtest_date", "2031-01-02", *small(trained)]) == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert "no data on 2031-01-02" in message
    assert "fix:       backtest.date=2025-04-30" in message


def test_continue_goes_on_with_the_best(trained: Path) -> None:
    arguments = ["--config", "momentum_training", "--symbol", "MLGO", "--continue"]
    assert main([*arguments, *small(trained), *tiny_training(), *FAST]) == 0
    models = sorted((trained / "models").glob("v*"), key=lambda p: int(p.name[1:]))
    about = json.loads((models[-1] / "metadata.json").read_text())
    assert about["parent"] == models[0].name
    assert about["steps"] > json.loads((models[0] / "metadata.json").read_text())["steps"]
    assert all(name.startswith("MLGO") for name in about["days"])


def test_index_and_lists(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "build_index", *small(trained)]) == 0
    assert (trained / "cache" / "index" / "days.parquet").exists()
    assert main(["--config", "scan", *small(trained)]) == 0
    assert "synthetic" in capsys.readouterr().out
    assert scan(["--all", "--", "--symbol", "KZIA", *small(trained)]) == 0
    printed = capsys.readouterr().out
    assert "MLGO" not in printed
    assert "synthetic" in printed
    assert "rejected" in printed


def test_init_says_what_to_do_next(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "init", *small(trained)]) == 0
    assert "next: ./fx demo" in capsys.readouterr().out
    assert (trained / "dnb").is_dir()


def test_ctrl_c_saves_and_registers(trained: Path, tmp_path: Path) -> None:
    """A real signal to a real process."""
    arguments = ["--config", "quick", *small(tmp_path), *tiny_training(120), *FAST, "training.log_every_s=0.1"]
    code, told = _interrupted(arguments, after="steps/s")
    assert code == EXIT_INTERRUPTED, told
    assert "Traceback" not in told
    assert "go on with: ./fx momentum --resume " in told
    about = json.loads((tmp_path / "models" / "v1" / "metadata.json").read_text())
    assert about["stopped_by"] == "SIGINT"


def _interrupted(arguments: Sequence[str], after: str) -> tuple[int, str]:
    """Run main.py, send SIGINT once `after` shows up in what it says; exit code and everything said."""
    command = [sys.executable, str(ROOT / "main.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    assert process.stdout is not None
    told, deadline = "", time.monotonic() + 120
    for line in process.stdout:
        told += line
        if after in line:
            process.send_signal(signal.SIGINT)
            break
        assert time.monotonic() < deadline, told
    rest, _ = process.communicate(timeout=60)
    return process.returncode, told + rest
