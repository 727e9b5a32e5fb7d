"""Two trained models side by side, and the ledger of what was tried, on a market of seconds."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from agent.trials import BACKTEST, TrialLedger, tried
from main import main as fx
from scripts.compare import main
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR

FEW = [
    "env.decision_interval_s=60",
    "backtest.last_second=30000",
    "training.time_limit_s=0",
    "training.total_steps=1024",
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words that name a folder in which two models have been trained, and one backtested."""
    folder = tmp_path_factory.mktemp("compare")
    words = [*small(folder), *tiny_training(), *FEW, "data.source=sample"]
    assert fx(["--config", "demo", *words, "seed=0", "model.heads=1"]) == 0  # trains, then backtests
    assert fx(["--config", "quick", *words, "seed=1", "model.heads=2"]) == 0
    return words


def folder_of(words: list[str]) -> Path:
    return Path(next(word for word in words if word.startswith("runs=")).partition("=")[2]).parent


def ledger_of(words: list[str]) -> TrialLedger:
    (path,) = (folder_of(words) / "cache" / "trials").iterdir()
    return TrialLedger(path.parent, path.stem)


@pytest.mark.slow
def test_a_backtest_is_noted_as_it_was_reported(words: list[str]) -> None:
    ledger = ledger_of(words)
    model = folder_of(words) / "models" / "v1"
    assert ledger.path.stem == json.loads((model / "metadata.json").read_text())["split_hash"]
    (trial,) = [one for one in ledger.read() if one.kind == BACKTEST]
    (run,) = (folder_of(words) / "runs").glob("*-demo")
    days = pl.read_csv(run / "days.csv").group_by("date").agg(pl.col("agent").sum())
    assert dict(zip(trial.dates, trial.pnl, strict=True)) == {
        **dict.fromkeys(trial.dates, 0.0),
        **{date: pytest.approx(pnl) for date, pnl in days.iter_rows()},
    }
    assert trial.model == str(model)
    assert trial.weights == json.loads((model / "model.json").read_text())["parameters_sha256"]


@pytest.mark.slow
def test_models_are_put_side_by_side(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["v1", "v2", *words]) == 0
    told = capsys.readouterr().out
    rows = {cells[1].strip(): cells[2:4] for line in told.splitlines() if len(cells := line.split("│")) > 3}
    assert [cell.strip() for cell in rows["seed"]] == ["0", "1"]
    assert [cell.strip() for cell in rows["model.heads"]] == ["1", "2"]
    assert "runs" not in rows
    trials = [one for one in ledger_of(words).read() if one.kind == BACKTEST]
    for column, name in enumerate(("v1", "v2")):
        latest = [one for one in trials if Path(one.model).name == name][-1]
        mean = sum(latest.pnl) / len(latest.pnl)
        assert rows["net $ per session"][column].strip() == f"{mean:+,.2f}"
    assert tried(trials).policies == 2  # v1 was tried twice under the same conditions
    assert [line for line in told.splitlines() if line.startswith("v2 - v1: ")]


def test_what_cannot_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["v1", *small(tmp_path)]) == EXIT_USER_ERROR
    assert "1 model cannot be compared" in capsys.readouterr().err
    assert main(["v1", "v9", *small(tmp_path)]) == EXIT_USER_ERROR
    assert "there is no model 'v1'" in capsys.readouterr().err
