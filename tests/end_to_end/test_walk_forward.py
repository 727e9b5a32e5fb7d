"""Rolling folds on a market of seconds: trained, tested, told; stopped in the middle, and gone on with."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from agent.statistics.verdict import LOSES, NO_EVIDENCE
from metrics.collecting import collector
from metrics.rollout import Rollout
from scripts.seed_runs import training_key
from scripts.walk_forward.__main__ import main
from tests.support.configs import load_config
from tests.support.small_market import SESSIONS, small, tiny_training
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR

FOLDS = [
    "walk_forward.train_sessions=3",
    "walk_forward.validation_sessions=1",
    "walk_forward.test_sessions=2",
    "walk_forward.step_sessions=2",
    "walk_forward.same_symbol_sessions=0",
]
"""3 + 1 + 1 + 1 + 2, twice: ten sessions."""
FEW = [
    "env.decision_interval_s=60",
    "training.time_limit_s=0",
    "training.total_steps=1024",
    "model.hold_bias=-2",
    "backtest.last_second=30000",
]
ROLLOUT = 8 * 64
STOPPED_IN = 2
"""The training that Ctrl-C meets: that of the second fold, if every fold has one seed."""
begun: list[int] = []
"""Trainings that made their first rollout."""


@collector("interrupt_walk")
def interrupt(rollout: Rollout) -> dict[str, float]:
    """Ctrl-C after the first rollout of one training."""
    if rollout.step == ROLLOUT:
        begun.append(len(begun))
        if len(begun) == STOPPED_IN:
            os.kill(os.getpid(), signal.SIGINT)
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a market that all tests here share."""
    return tmp_path_factory.mktemp("walk_forward")


def words(folder: Path, *more: str) -> list[str]:
    return [*small(folder), *tiny_training(), *FEW, *FOLDS, *more]


def result_of(folder: Path) -> Path:
    """The folder of the only walk-forward that came to its end."""
    (found,) = (folder / "runs").glob("*/walk_forward.json")
    return found.parent


def told(folder: Path) -> dict[str, Any]:
    return json.loads((result_of(folder) / "walk_forward.json").read_text())


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    """Two folds with two seeds each, in one go."""
    assert main([*words(folder), "--seeds", "2"]) == 0
    return folder


@pytest.mark.slow
def test_every_fold_is_trained_and_tested_apart(whole: Path) -> None:
    found = told(whole)
    for fold in found["folds"]:
        assert [training["seed"] for training in fold["trainings"]] == [0, 1]
        known = {*fold["split"]["train"], *fold["split"]["validation"]}
        assert not known.intersection(*[other["split"]["test"] for other in found["folds"][fold["fold"] - 1 :]])
        for training in fold["trainings"]:
            about = json.loads((Path(training["model"]) / "metadata.json").read_text())
            assert about["split"] == fold["split"]
            assert {day.split()[1] for day in about["days"]} <= set(fold["split"]["train"])
            assert about["score"] == training["validation_per_day"]
            assert set(training["net_per_session"]) == {"agent", "buy_and_hold", "cash", "random", "rule"}
    assert found["synthetic"]
    assert found["verdict"]["word"] in (NO_EVIDENCE, LOSES)


@pytest.mark.slow
def test_its_tables_are_of_the_same_figures(whole: Path) -> None:
    table = pl.read_parquet(result_of(whole) / "walk_forward.parquet")
    found = told(whole)
    assert len(table) == 2 * 2 * 2
    pooled = table.group_by("date").agg(pl.col("agent").mean())["agent"].mean()
    assert found["figures"]["evaluation"]["mean"]["value"] == pytest.approx(pooled)
    assert (table["oracle"] >= table["agent"] - 1e-9).all()
    assert table["agent"].abs().sum() > 0
    tries = sum(1 for ledger in (whole / "cache" / "trials").iterdir() for _ in ledger.open())
    assert found["figures"]["evaluation"]["tried"]["policies"] <= tries
    page = (result_of(whole) / "walk_forward.html").read_text()
    assert "SYNTHETIC MARKET" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)|url\((?!#)', page)  # nothing to load


@pytest.mark.slow
def test_what_was_stopped_goes_on_to_the_same_end(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun.clear()
    apart = [
        f"models={tmp_path / 'models'}",
        f"runs={tmp_path / 'runs'}",
        "metrics.collectors=[training,interrupt_walk]",
    ]
    again = [*words(whole, *apart), "--seeds", "1"]
    assert main(again) == EXIT_INTERRUPTED
    assert "the same command goes on from there" in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*/walk_forward.*"))
    assert main(again) == 0
    assert len(begun) == 2  # none was trained twice
    ours, theirs = (pl.read_csv(result_of(one) / "walk_forward.csv") for one in (tmp_path, whole))
    assert ours.equals(theirs.filter(pl.col("seed") == 0))


@pytest.mark.slow
def test_a_smoke_run_says_that_it_proves_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apart = [f"models={tmp_path / 'models'}", f"runs={tmp_path / 'runs'}"]
    assert main(["--quick", *words(folder, *apart)]) == 0
    shown = capsys.readouterr().out
    assert "It proves nothing." in shown
    assert "SMOKE RUN" in shown
    assert len(told(tmp_path)["folds"]) == 2
    assert "SMOKE RUN" in (result_of(tmp_path) / "walk_forward.html").read_text()


def test_too_few_sessions_are_told_before_anything_is_trained(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(folder, f"models={tmp_path}"), "--folds", "3"]) == EXIT_USER_ERROR
    said = capsys.readouterr().err
    assert f"{SESSIONS} sessions are too few for 3 folds: that takes {SESSIONS + 2}" in said
    assert "walk_forward.folds=2, or walk_forward.train_sessions=" in said
    assert not list(tmp_path.iterdir())


def test_a_fold_without_a_day_is_told_before_anything_is_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(folder, "scanner.trigger.min_gain=9")) == EXIT_USER_ERROR
    assert "fold 1 of 2 has no day to test" in capsys.readouterr().err


WRONG = {
    "--seeds 0": "walk_forward.seeds is 0; use 1 or more",
    "--folds many": "walk_forward.folds",
    "--docs --quick": "leave --quick out",
    "--quik": "--quick",
    "walk_forward.test_sessions=9": "walk_forward.step_sessions is 6; use 9",
}


@pytest.mark.parametrize("line", WRONG)
def test_mistakes_are_told_with_what_to_write(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == EXIT_USER_ERROR
    assert WRONG[line] in capsys.readouterr().err


def test_the_date_is_that_of_the_folds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(folder, "backtest.date=2025-04-30")) == EXIT_USER_ERROR
    assert "take backtest.date=2025-04-30 out" in capsys.readouterr().err


def test_its_values_and_what_is_recorded_change_no_training() -> None:
    one, other = (load_config("demo", [f"walk_forward.seeds={n}", f"metrics.queue={n}"]) for n in (1, 2))
    assert one != other
    assert training_key(one, "") == training_key(other, "")
