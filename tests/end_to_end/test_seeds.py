"""A training with several seeds, judged on the held-out days."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from config.schema import Config
from scripts.pipeline import Market, open_market
from scripts.runs import CHECKPOINTS, RESULT
from scripts.seed_runs import TRAININGS, market_content, seed_runs, training_key
from scripts.seeds import BEATEN, NOT_BEATEN, main
from tests.support.configs import load_config
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_that_trains_nothing_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", count]) == EXIT_USER_ERROR
    assert "argument --seeds" in capsys.readouterr().err


FEW = [
    "env.decision_interval_s=60",
    "backtest.last_second=30000",
    "training.time_limit_s=0",
    "training.total_steps=1024",
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A market of its own."""
    return [*small(tmp_path_factory.mktemp("seeds")), *tiny_training(), *FEW]


def runs_of(words: list[str]) -> list[Path]:
    return sorted(Path(next(word for word in words if word.startswith("runs=")).removeprefix("runs=")).iterdir())


def rows_of(told: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if line.startswith("│")]


@pytest.mark.slow
def test_each_seed_has_its_row_and_is_trained_once(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "1", *words]) in (BEATEN, NOT_BEATEN)
    (first,) = runs_of(words)
    one = rows_of(capsys.readouterr().out)
    assert main(["--seeds", "2", *words, "training.log_every_s=9", "wandb.project=other"]) in (BEATEN, NOT_BEATEN)
    assert runs_of(words)[0] == first
    assert len(runs_of(words)) == 2
    two = rows_of(capsys.readouterr().out)
    assert [row[0] for row in two if row[0] in "01"] == ["0", "1"]
    assert two[0] == one[0]  # the model is the same, and so are the days
    assert [row[0] for row in two[2:]][:2] == ["agent", "lead over buy and hold"]


@pytest.mark.slow
def test_what_another_training_needs_is_not_taken(words: list[str]) -> None:
    config, market = opened(words)
    known = training_key(config, market_content(market))
    assert training_key(opened([*words, "runs=elsewhere", "training.keep_best=2"])[0], market_content(market)) == known
    assert training_key(replace(config, seed=1), market_content(market)) != known
    assert training_key(opened([*words, "training.gamma=0.5"])[0], market_content(market)) != known
    other = opened([*words, "split.train=0.5"])[1]
    assert training_key(config, market_content(other)) != known


def opened(words: list[str]) -> tuple[Config, Market]:
    config = load_config("demo", words)
    return config, open_market(config)


@pytest.mark.slow
def test_an_interrupted_training_goes_on_where_it_was(words: list[str], tmp_path: Path) -> None:
    models = tmp_path / "models"
    config, market = opened([*words, f"models={models}", "training.checkpoint_every_s=0.001"])
    (whole,) = seed_runs(config, market, 1)
    (note,) = (models / TRAININGS).iterdir()
    about = json.loads(note.read_text())
    checkpoints = sorted((whole.folder / CHECKPOINTS).iterdir())
    shutil.rmtree(checkpoints[-1])  # as if it had been killed before the last one
    (whole.folder / RESULT).unlink()
    note.write_text(json.dumps({name: about[name] for name in ("seed", "folder", "git")}))
    (resumed,) = seed_runs(config, market, 1)
    assert (resumed.folder, resumed.version, resumed.reused) == (whole.folder, "v2", False)
    hashes = [json.loads((models / v / "model.json").read_text())["parameters_sha256"] for v in ("v1", "v2")]
    assert hashes[0] == hashes[1]
    (reused,) = seed_runs(config, market, 1)
    assert (reused.version, reused.reused) == ("v2", True)
    (fresh,) = seed_runs(config, market, 1, fresh=True)
    assert (fresh.version, fresh.reused) == ("v3", False)
    shutil.rmtree(models / "v3")
    assert not next(iter(seed_runs(config, market, 1))).reused
