"""A run that is interrupted or killed, and taken up by another process, ends exactly as one that was not."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from agent.checkpoint_store import CheckpointStore
from config.compose import plain_config
from main import main
from metrics.collecting import collector
from metrics.notes import Kind
from metrics.rollout import Rollout
from metrics.run_store import RunStore
from metrics.runs import summary_of
from tests.support.configs import load_config
from tests.support.forks import FORKS
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR

ROLLOUT = 8 * 64
ROLLOUTS = 6
AFTER = 5
"""Rollouts after which the signal comes: the score of the third one is being waited for."""
KILLED = "FX_TEST_KILLED"
"""Environment variable: the runs' folder of the process that is to be killed."""


@collector("interrupt")
def interrupt(rollout: Rollout) -> dict[str, float]:
    """Ctrl-C after some rollouts."""
    if rollout.step == AFTER * ROLLOUT:
        os.kill(os.getpid(), signal.SIGINT)
    return {}


@collector("kill")
def kill(rollout: Rollout) -> dict[str, float]:
    """kill -9 before the last rollout's checkpoint, once the numbers of the one before are in metrics.csv."""
    runs = os.environ.get(KILLED)
    if runs and rollout.step == AFTER * ROLLOUT:
        until = time.monotonic() + 30
        while _last_row(Path(runs)) < (AFTER - 1) * ROLLOUT and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _last_row(runs: Path) -> int:
    """Step of the last whole row of metrics.csv."""
    rows = next(runs.glob("*/metrics.csv")).read_text().rpartition("\n")[0].splitlines()[1:]
    return int(rows[-1].partition(",")[0]) if rows else 0


def stages() -> str:
    """The shipped stages as an override, the first one ending within the second half of the run."""
    plain = plain_config(load_config("quick", []))["curriculum"]["stages"]
    plain[0] |= {"steps": 4 * ROLLOUT, "quality": [], "activity": [], "batch": {**plain[0]["batch"], "epochs": 1}}
    return "curriculum.stages=" + re.sub(r'"(\w+)":', r"\1:", json.dumps(plain))


def places(folder: Path, name: str) -> list[str]:
    return [f"models={folder / name}", f"runs={folder / name / 'runs'}"]


def arguments(folder: Path, name: str) -> list[str]:
    """Checkpoints after every rollout, a validation after every third one."""
    budget = ["training.time_limit_s=0", f"training.total_steps={ROLLOUTS * ROLLOUT}"]
    saving = ["training.checkpoint_every_s=0.001", "training.evaluate_every=3", "training.patience=9"]
    short = ["env.decision_interval_s=60", "model.hold_bias=-2", "curriculum.window=5", stages()]
    return ["--config", "quick", *small(folder), *tiny_training(), *short, *budget, *saving, *places(folder, name)]


def in_another_process(words: list[str], **environment: str) -> int:
    """`main` there; its exit code, minus the signal that ended it."""
    process = FORKS.Process(target=run_main, args=(words, environment))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def run_main(words: list[str], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    raise SystemExit(main(words))


def run_of(folder: Path, name: str) -> Path:
    return min((folder / name / "runs").iterdir())


def read(path: Path) -> dict[str, Any]:
    """The JSON files of a saved model, without what depends on the clock."""
    told = {file.stem: json.loads(file.read_text()) for file in path.glob("*.json")}
    told["run"]["progress"].pop("seconds")
    return told


def last_checkpoint(folder: Path, name: str) -> dict[str, Any]:
    """All that the end of a run amounts to."""
    return read(run_of(folder, name) / "checkpoints" / f"r{ROLLOUTS:06d}")


def numbers(folder: Path, name: str) -> pl.DataFrame:
    """metrics.csv without what depends on the clock."""
    read = pl.read_csv(run_of(folder, name) / "metrics.csv", infer_schema_length=None)
    return read.select(sorted(column for column in read.columns if not column.startswith("time/")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a run that was not stopped, one that was interrupted and went on, and one that was killed and went on.

    The killed one goes on from the checkpoint before the newest, which is damaged.
    """
    folder = tmp_path_factory.mktemp("resume")
    assert main(arguments(folder, "whole")) == 0
    assert main([*arguments(folder, "bare"), "metrics.collectors=[]", "metrics.sinks=[]"]) == 0
    assert (
        main(
            [
                *arguments(folder, "interrupted"),
                "metrics.collectors=[training,trading,curriculum,reward,execution,model,interrupt]",
            ]
        )
        == EXIT_INTERRUPTED
    )
    assert main(["--resume", "last", *places(folder, "interrupted")]) == 0
    told = [
        *arguments(folder, "killed"),
        "metrics.collectors=[model,execution,reward,curriculum,trading,training,kill]",
    ]
    assert in_another_process(told, **{KILLED: str(folder / "killed" / "runs")}) == -signal.SIGKILL
    rows = numbers(folder, "killed")["global_step"].to_list()
    store = CheckpointStore(run_of(folder, "killed") / "checkpoints", keep=3)
    assert (rows[-1], max(store.numbers())) == ((AFTER - 1) * ROLLOUT, AFTER - 1)
    newest = store.path(AFTER - 1) / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])  # the one before it has to do, of a rollout less than metrics.csv
    assert in_another_process(["--resume", str(run_of(folder, "killed")), *places(folder, "killed")]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("name", "version"), [("interrupted", "v2"), ("killed", "v1")])
def test_the_same_is_dealt_learnt_and_chosen(name: str, version: str, folder: Path) -> None:
    """Weights, optimiser, running episodes with accounts and memories, random streams, curriculum and scores."""
    whole, again = last_checkpoint(folder, "whole"), last_checkpoint(folder, name)
    assert again["model"]["parameters_sha256"] == whole["model"]["parameters_sha256"]
    for file in ("policy.safetensors", "state.safetensors"):
        assert again["manifest"][file] == whole["manifest"][file]
    assert again["run"] == whole["run"]
    best, chosen = read(folder / "whole" / "v1"), read(folder / name / version)
    assert chosen["manifest"]["policy.safetensors"] == best["manifest"]["policy.safetensors"]
    assert chosen["metadata"]["score"] == best["metadata"]["score"] != 0.0
    assert chosen["metadata"]["scored"] == best["metadata"]["scored"] == 2
    stages = [row[0] for row in numbers(folder, "whole").select("curriculum/stage").iter_rows()]
    assert (stages[2], stages[ROLLOUTS - 1]) == (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["interrupted", "killed"])
def test_the_numbers_go_on_without_a_row_twice(name: str, folder: Path) -> None:
    """One row a rollout, and one for the last score: to the bit those of the run that was not stopped."""
    whole, again = numbers(folder, "whole"), numbers(folder, name)
    assert whole["global_step"].to_list() == [ROLLOUT * n for n in (*range(1, ROLLOUTS + 1), ROLLOUTS)]
    assert whole["validation/step"].drop_nulls().to_list() == [3 * ROLLOUT, 6 * ROLLOUT]
    assert again.equals(whole, null_equal=True)


@pytest.mark.slow
def test_training_is_the_same_whoever_watches(folder: Path) -> None:
    """All collectors and sinks, or none at all."""
    whole, bare = last_checkpoint(folder, "whole"), last_checkpoint(folder, "bare")
    for file in ("policy.safetensors", "state.safetensors"):
        assert bare["manifest"][file] == whole["manifest"][file]
    assert bare["run"] == whole["run"]
    assert not (run_of(folder, "bare") / "metrics.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["whole", "interrupted", "killed"])
def test_the_store_has_the_same_numbers_and_rows(name: str, folder: Path) -> None:
    """Also after a kill: what was done again is there once, and rows are those of a run that was not stopped."""
    table = numbers(folder, name).rename({"global_step": "step"})
    with RunStore(run_of(folder, "whole")) as whole, RunStore(run_of(folder, name)) as store:
        rows = store.tail("numbers")
        for column in table.columns:
            assert rows[column].cast(pl.Float64).to_list() == table[column].cast(pl.Float64).to_list(), column
        for lanes in ("episodes", "fills", "live"):
            ours, theirs = (one.tail(lanes).drop("seq") for one in (store, whole))
            assert ours.equals(theirs, null_equal=True), lanes
        since = "shares", "entry_price", "costs", "reward", "parts"  # of trips that were open at the resumption
        ours, theirs = (one.trades().drop("seq") for one in (store, whole))
        assert ours.drop(since).equals(theirs.drop(since), null_equal=True)
        assert sum((ours[name] != theirs[name]).sum() for name in since) <= len(since) * 8  # one a lane at most
        assert len(store.tail("trades")) == sum(table["trading/trades"].drop_nulls())
        assert len(store.tail("fills")) == sum(table["execution/fills"].drop_nulls())
        assert len(store.tail("episodes")) == sum(table["rollout/episodes"].drop_nulls())
        assert store.tail("live")["step"].value_counts()["count"].to_list() == [64] * ROLLOUTS
        kinds = store.notes()["kind"].to_list()
        assert kinds[-1] == Kind.END
        assert kinds.count(Kind.BEGIN) == {"whole": 1, "interrupted": 2, "killed": 2}[name]
        assert kinds.count(Kind.CHECKPOINT) >= ROLLOUTS


@pytest.mark.slow
def test_a_run_tells_where_it_comes_from(folder: Path) -> None:
    about = [summary_of(run_of(folder, name)).about for name in ("whole", "killed")]
    assert [[part["step"] for part in one["parts"]] for one in about] == [[0], [0, 3 * ROLLOUT]]
    assert [one["group"] for one in about] == [run_of(folder, name).name for name in ("whole", "killed")]
    assert about[0]["days"] == about[1]["days"]
    assert len(about[0]["git"]["commit"]) == 40


@pytest.mark.slow
def test_an_interrupted_run_is_registered_without_a_score(folder: Path) -> None:
    about = read(folder / "interrupted" / "v1")["metadata"]
    assert (about["stopped_by"], about["steps"], about["score"]) == ("SIGINT", AFTER * ROLLOUT, None)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_told(folder: Path) -> None:
    told = (run_of(folder, "killed") / "run.log").read_text()
    assert f"r{AFTER - 1:06d};" in told
    assert "state.safetensors is damaged" in told
    assert "the checkpoint before it is used" in told


@pytest.mark.slow
def test_a_run_that_is_over_does_not_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--resume", str(run_of(folder, "whole"))]) == EXIT_USER_ERROR
    assert "has come to its end" in capsys.readouterr().err
    assert main(["--resume", "last", *places(folder, "whole")]) == EXIT_USER_ERROR
    assert "no run was interrupted" in capsys.readouterr().err


@pytest.mark.slow
def test_a_new_run_goes_on_from_a_model_with_its_curriculum(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--continue`: the stage is kept even where other lanes begin anew; the budget and the rates are new ones."""
    once = ["training.evaluate_every=0", "training.patience=0", f"training.total_steps={2 * ROLLOUT}"]
    assert main([*arguments(folder, "whole"), *once, "--continue"]) == 0
    parent, child = read(folder / "whole" / "v1"), read(folder / "whole" / "v2")
    assert child["metadata"]["parent"] == "v1"
    assert parent["metadata"]["steps"] + child["run"]["progress"]["steps"] == child["metadata"]["steps"]
    assert child["run"]["progress"]["learning_rate_factor"] == 0.3
    dealt = [told["run"]["lanes"]["curriculum"]["rotation"]["episodes"] for told in (parent, child)]
    assert dealt[1] > dealt[0]
    assert "begin anew" not in capsys.readouterr().err
    assert main([*arguments(folder, "whole"), *once, "training.lanes=4", "training.continue_from=v1"]) == 0
    assert "the lanes begin anew, the curriculum at its stage" in capsys.readouterr().err
