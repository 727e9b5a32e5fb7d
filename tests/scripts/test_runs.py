"""Folders of runs: found again, one process at a time, and what changed is told."""

from __future__ import annotations

import importlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.compose import saved_config
from config.schema import Config
from scripts.runs import CONFIG, resumed, run_folder
from tests.support.configs import load_config
from utils.errors import ConfigError, ModelError

QUICK = load_config("quick", [])


def config_of(runs: Path, **training: Any) -> Config:
    return replace(QUICK, runs=str(runs), training=replace(QUICK.training, **training))


def run(runs: Path, *, name: str = "quick", checkpoint: bool = True, result: bool | None = None) -> Path:
    """A run's folder; result: None if it was killed, else whether it was interrupted."""
    with run_folder(replace(config_of(runs), name=name)) as folder:
        if checkpoint:
            (folder / "checkpoints" / "r000001").mkdir(parents=True)
        if result is not None:
            (folder / "result.json").write_text(json.dumps({"interrupted": result}))
    return folder


def test_last_is_the_newest_that_can_go_on(tmp_path: Path) -> None:
    killed = run(tmp_path)
    interrupted = run(tmp_path, result=True)
    run(tmp_path, result=False)
    run(tmp_path, checkpoint=False)
    for name, found in (("last", interrupted), (killed.name, killed), (str(killed), killed)):
        assert resumed(config_of(tmp_path, resume=name), []).training.resume == str(found)


def test_what_cannot_go_on_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no run was interrupted"):
        resumed(config_of(tmp_path, resume="last"), [])
    over, early, killed = run(tmp_path, result=False), run(tmp_path, checkpoint=False), run(tmp_path)
    for name, told in (
        (over.name, "has come to its end"),
        (early.name, "has no checkpoint yet"),
        (f"{killed.name}x", "there is no run"),
    ):
        with pytest.raises(ModelError, match=told) as refused:
            resumed(config_of(tmp_path, resume=name), [])
        assert killed.name in refused.value.near


def test_the_configuration_is_the_runs_own_with_words_on_top(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with run_folder(replace(config_of(tmp_path, lanes=4, batch_size=128), seed=7)) as folder:
        (folder / "checkpoints" / "r000001").mkdir(parents=True)
    asked = config_of(tmp_path, resume="last")
    untold = ["cluster.workers=1", "cluster.cpus=2", "dashboard.port=9000", "training.keep_best=1"]
    same, other = resumed(asked, untold), resumed(asked, ["training.total_steps=5", "symbols=[MLGO]", *untold])
    assert (same.seed, same.training.lanes) == (7, 4)
    assert (other.training.total_steps, other.symbols) == (5, ["MLGO"])
    with caplog.at_level(logging.WARNING), run_folder(same) as again:
        assert again == folder
    assert "other values" not in caplog.text
    with run_folder(other):
        assert "other values than before: symbols, training.total_steps\n" in caplog.text
    assert saved_config(folder / CONFIG) == other


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with run_folder(config_of(tmp_path)) as folder:
        (folder / "checkpoints" / "r000001").mkdir(parents=True)
        with (
            pytest.raises(ModelError, match="still going on"),
            run_folder(resumed(config_of(tmp_path, resume="last"), [])),
        ):
            pass
    with run_folder(resumed(config_of(tmp_path, resume="last"), [])):
        pass


def test_what_a_saved_configuration_refuses(tmp_path: Path) -> None:
    folder = run(tmp_path)
    for words, told in (
        (["model=transformer"], "no groups to choose from"),
        (["training.lane=3"], "lane"),
        (["training.lanes=many"], "many"),
        (["training.batch_size=10000000"], "exceeds"),
    ):
        with pytest.raises(ConfigError, match=told):
            saved_config(folder / CONFIG, words)
    with pytest.raises(ConfigError, match="no saved configuration"):
        saved_config(tmp_path / CONFIG)
    lines = (folder / CONFIG).read_text().replace("  patience: 0\n", "")
    (folder / CONFIG).write_text(lines)
    with pytest.raises(ConfigError, match=r"has no training\.patience") as refused:
        saved_config(folder / CONFIG)
    assert refused.value.fix.endswith("or add training.patience=VALUE")
    assert saved_config(folder / CONFIG, ["training.patience=2", "training.evaluate_every=1"]).training.patience == 2


def test_modules_among_the_runs_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that somebody sent may name modules that came with it."""
    folder, canary = run(tmp_path / "runs"), tmp_path / "was-here"
    (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"runs.{folder.name}.evil"
    sound = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(sound.replace("plugins: []", f"plugins: [{module}]"))
    with pytest.raises(ConfigError, match="lies among the runs and is not imported"):
        saved_config(folder / CONFIG)
    assert not canary.exists()
    importlib.import_module(module)
    assert canary.exists()  # it could have been
