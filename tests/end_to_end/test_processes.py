"""The command line with `training.processes=2`: one of them is killed, the run is taken up, and one process agrees."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import torch

from agent.checkpoint import Checkpoint, load_checkpoint
from main import main
from tests.support.dies import KILLED
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR
from utils.paths import ROOT

ROLLOUT = 8 * 64
ROLLOUTS = 4
BEFORE, LAST_BEFORE = 1, 3
"""Checkpoints: the one that the killed run goes on from, and the last one that is done again for the comparison."""


def words(folder: Path, name: str) -> list[str]:
    """Four rollouts with a checkpoint after each, all that is written below `folder / name`."""
    saving = ["training.checkpoint_every_s=0.001", "training.keep_checkpoints=9", "training.evaluate_every=0"]
    short = ["env.decision_interval_s=20", "model.hold_bias=-2", "split.validation=0"]
    places = [f"models={folder / name}", f"runs={folder / name / 'runs'}"]
    quiet = ["dashboard.enabled=never", "metrics.sinks=[csv]", "symbols=[MLGO]"]
    return ["--config", "quick", *small(folder), *tiny_training(), *short, *saving, *places, *quiet]


TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def in_another_process(arguments: list[str], *by: str) -> tuple[int, str]:
    """Exit code and standard error of the command line, started `by` another program if one is named."""
    command = [sys.executable, *by, str(ROOT / "main.py"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


class Ended(NamedTuple):
    """What the runs left."""

    run: Path
    """Of two processes, one of which was killed; gone on with."""
    before: Checkpoint
    """LAST_BEFORE, by the killed run; `run` has the one that was made again."""
    said: str
    """To the terminal, when one was killed."""
    alone: Path
    """Of one process."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("processes")
    assert main([*words(folder, "alone")]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KILLED, f"{folder / 'both' / 'runs'}//*/checkpoints/r{LAST_BEFORE:06d}")
        both = [*words(folder, "both"), "training.processes=2", "plugins=[tests.support.dies]"]
        code, said = in_another_process(both)
        assert code == EXIT_USER_ERROR, said
    (run,) = (folder / "both" / "runs").iterdir()
    assert not (folder / "both" / "v1").exists()
    checkpoints = {int(path.name[1:]): path for path in (run / "checkpoints").glob("r*")}
    before = load_checkpoint(checkpoints[LAST_BEFORE], training=True)
    for number, path in checkpoints.items():
        if number > BEFORE:
            shutil.rmtree(path)
    code, last = in_another_process(["--resume", "last", f"runs={folder / 'both' / 'runs'}"], *TORCHRUN)
    assert code == 0, last
    (alone,) = (folder / "alone" / "runs").iterdir()
    return Ended(run, before, said, alone)


def plain(saved: Checkpoint) -> dict[str, Any]:
    """What is not a tensor, without what depends on the clock."""
    told = json.loads(json.dumps(saved.run))
    told["progress"].pop("seconds")
    return told


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_process_ends_the_run_with_a_word(ended: Ended) -> None:
    assert "process 1 of the training was killed by SIGKILL" in ended.said
    assert "process 0 of 0 to 1 has lost another one" in ended.said
    assert "--resume last" in ended.said


@pytest.mark.slow
@pytest.mark.long
def test_it_goes_on_bit_by_bit(ended: Ended) -> None:
    """What was made before the kill is made again: weights, optimiser, lanes of both processes, random streams."""
    again = load_checkpoint(ended.run / "checkpoints" / f"r{LAST_BEFORE:06d}", training=True)
    assert again.meta["parameters_sha256"] == ended.before.meta["parameters_sha256"]
    assert again.state.keys() == ended.before.state.keys()
    for name, tensor in again.state.items():
        assert torch.equal(tensor, ended.before.state[name]), name
    assert plain(again) == plain(ended.before)
    assert again.run["processes"] == 2


@pytest.mark.slow
@pytest.mark.long
def test_one_process_writes_once(ended: Ended) -> None:
    """One run, one model; every rollout counted once, with the episodes of all lanes."""
    assert sorted(path.name for path in ended.run.parent.parent.iterdir() if path.name.startswith("v")) == ["v1"]
    both, alone = (pl.read_csv(run / "metrics.csv", infer_schema_length=None) for run in (ended.run, ended.alone))
    assert both["global_step"].to_list() == [ROLLOUT * n for n in range(1, ROLLOUTS + 1)]
    assert both["rollout/episodes"].to_list() == alone["rollout/episodes"].to_list()
    assert [len(json.loads((run / "about.json").read_text())["parts"]) for run in (ended.run, ended.alone)] == [2, 1]


@pytest.mark.slow
@pytest.mark.long
def test_one_process_learns_the_same(ended: Ended) -> None:
    """The same episodes, fills and minibatches; gradients are summed in another order."""
    name = f"checkpoints/r{ROLLOUTS:06d}"
    both, alone = (load_checkpoint(run / name, training=True) for run in (ended.run, ended.alone))
    for parameter, weight in both.weights.items():
        torch.testing.assert_close(weight, alone.weights[parameter], rtol=1e-4, atol=1e-5, msg=parameter)
    assert torch.equal(both.state["lanes.episodes"], alone.state["lanes.episodes"])
    assert both.run["lanes"]["curriculum"]["lanes"] == alone.run["lanes"]["curriculum"]["lanes"]
