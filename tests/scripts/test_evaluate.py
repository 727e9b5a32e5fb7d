"""Validation beside the training: the same score from a child as from here, and what becomes of one that fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import polars as pl
import pytest

from agent.checkpoint import load_checkpoint
from agent.checkpoint_store import CheckpointStore
from agent.trials import VALIDATION, tried
from config.compose import saved_config
from main import main
from metrics.collecting import collector
from metrics.rollout import Rollout
from scripts.evaluate import RESULTS, ChildEvaluator, Validation, validation_days
from scripts.pipeline import open_market
from scripts.trials import trial_ledger
from tests.support.small_market import small, tiny_training

ROLLOUT = 8 * 64


FOLDER = "FX_TEST_FOLDER"


@collector("blocked")
def blocked(rollout: Rollout) -> dict[str, float]:
    """From the second rollout to the fourth nothing can be written where checkpoints are."""
    folder = run_of(Path(os.environ[FOLDER])) / "checkpoints"
    if rollout.step == 2 * ROLLOUT:
        folder.rename(folder.with_name("aside"))
        folder.write_text("in the way")
    if rollout.step == 4 * ROLLOUT:
        folder.unlink()
        folder.with_name("aside").rename(folder)
    return {}


def arguments(folder: Path, *more: str) -> list[str]:
    """A policy that trades from the start, so that scores differ."""
    budget = ["training.time_limit_s=0", f"training.total_steps={5 * ROLLOUT}", "model.hold_bias=-2"]
    coarse = ["env.decision_interval_s=60", "metrics.sinks=[csv]"]
    return ["--config", "quick", *small(folder), *tiny_training(), *budget, *coarse, *more]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a run that was scored at its end only."""
    folder = tmp_path_factory.mktemp("evaluate")
    assert main(arguments(folder, f"training.sync_to={folder / 'elsewhere'}")) == 0
    return folder


def run_of(folder: Path) -> Path:
    return max((folder / "runs").iterdir())


@pytest.mark.slow
def test_a_child_gives_the_very_score_and_one_that_dies_is_reported(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_of(folder)
    config = saved_config(run / "config.yaml")
    market = open_market(config)
    store = CheckpointStore(run / "checkpoints", keep=3)
    expected = json.loads((folder / "models" / "v1" / "metadata.json").read_text())["score"]
    result = run / RESULTS / "r000005.json"
    validation = Validation(config, market, validation_days(config, market), market.split)
    ledger = trial_ledger(config, market.split.hash)
    before = len(ledger.read())
    with ChildEvaluator(run, store, validation) as evaluator:
        result.unlink()
        evaluator.start(5)
        assert evaluator.score(5) == expected != 0.0
        assert "ended with code" not in caplog.text

        child = evaluator._child  # pyright: ignore[reportPrivateUsage]
        assert child is not None
        result.unlink()
        evaluator.start(5)  # the same process is asked
        assert evaluator._child is child  # pyright: ignore[reportPrivateUsage]
        child.kill()  # as the kernel does where memory is short
        assert evaluator.score(5) == expected
        assert "the process that validates r000005 ended with code -9 and no score" in caplog.text

        result.write_text(json.dumps({"score": 1e9, "parameters_sha256": "of other weights"}))
        assert evaluator.score(5) == expected
        assert evaluator._child is None  # pyright: ignore[reportPrivateUsage] - the next one to score gets a new one
        evaluator.start(5)  # it is known: no child
        tries = ledger.read()[before:]
        assert [(one.kind, Path(one.model).name) for one in tries] == [(VALIDATION, "r000005")] * 3
        assert tried(tries).policies == 1
        assert sum(tries[0].pnl) / len(validation.days) == pytest.approx(expected)


@pytest.mark.slow
def test_a_child_that_still_runs_is_ended_with_the_run(folder: Path) -> None:
    run = run_of(folder)
    config = saved_config(run / "config.yaml")
    market = open_market(config)
    store = CheckpointStore(run / "checkpoints", keep=3)
    (run / RESULTS / "r000005.json").unlink(missing_ok=True)
    validation = Validation(config, market, validation_days(config, market), market.split)
    with ChildEvaluator(run, store, validation) as evaluator:
        evaluator.start(5)
        child = evaluator._child  # pyright: ignore[reportPrivateUsage]
        assert child is not None
        assert child.poll() is None
    assert not (run / RESULTS / "r000005.json").exists()
    assert child.returncode == -signal.SIGTERM


@pytest.mark.slow
def test_training_stops_when_validation_does_not_improve(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy that only holds earns 0 $ again and again: the first of those models is the best, and is registered."""
    hold = ["model.hold_bias=40", "training.evaluate_every=1", "training.patience=1"]
    assert main(arguments(folder, f"models={folder / 'patient'}", *hold)) == 0
    told = capsys.readouterr()
    assert "no better score in 1 validations: training stops" in told.err
    assert "validation +0.00 $ net per day at step 512, the best of the run" in told.out
    about = json.loads((folder / "patient" / "v1" / "metadata.json").read_text())
    assert (about["stopped_by"], about["score"], about["steps"], about["scored"]) == ("patience", 0.0, ROLLOUT, 3)
    rows = pl.read_csv(run_of(folder) / "metrics.csv").select("global_step", "validation/step").rows()
    assert rows == [(512, None), (1024, 512.0), (1536, 1024.0), (1536, 1536.0)]


@pytest.mark.slow
def test_where_no_checkpoint_can_be_written_training_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FOLDER, str(folder))
    more = [
        "training.checkpoint_every_s=0.001",
        "metrics.collectors=[training,blocked]",
        f"models={folder / 'blocked'}",
    ]
    assert main(arguments(folder, *more)) == 0
    told = capsys.readouterr().err
    assert [f"no checkpoint at step {n:,}" in told for n in (512, 1024, 1536, 2048)] == [False, True, True, False]
    assert sorted(path.name for path in (run_of(folder) / "checkpoints").iterdir()) == ["r000001", "r000004", "r000005"]
    ours, other = (
        load_checkpoint(folder / models / "v1", training=False).meta["parameters_sha256"]
        for models in ("blocked", "models")
    )
    assert ours == other  # saving, or failing to, does not touch what is learnt


@pytest.mark.slow
def test_the_second_folder_is_enough_to_go_on_from(folder: Path) -> None:
    """The first disk is gone: its copy is a run like any other."""
    copy = next((folder / "elsewhere").iterdir())
    assert load_checkpoint(copy / "checkpoints" / "r000005", training=True).run["progress"]["rollouts"] == 5
    moved = shutil.copytree(copy, folder / "rescued" / copy.name)
    assert main(["--resume", str(moved), f"models={folder / 'again'}", f"training.total_steps={6 * ROLLOUT}"]) == 0
    assert json.loads((folder / "again" / "v1" / "metadata.json").read_text())["steps"] == 6 * ROLLOUT
