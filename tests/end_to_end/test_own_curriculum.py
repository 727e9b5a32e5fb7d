"""A user's own curriculum: `--config my_curriculum_config`; what is wrong in it is told with key, value and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.search import FOLDER, OWN
from main import main
from scripts.curriculum_ablation import run as ablation
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR

MY_CONFIG = """\
# My curriculum.
defaults:
  - _base
  - override model: small
  - override curriculum: mine
  - _self_

name: my-curriculum
mode: train
"""
EXAMPLE = (FOLDER / "curriculum" / "curriculum_example.yaml").read_text()
BROKEN = {
    "unknown key": (
        "uniform_share: 0.25",
        "uniform_shar: 0.25",
        ["'curriculum.uniform_shar'", "use curriculum.uniform_share"],
    ),
    "unknown key of a stage": (
        "direction: front",
        "direktion: front",
        ["stages[first_moves].direktion'", "use direction"],
    ),
    "too few uniform draws": (
        "uniform_share: 0.25",
        "uniform_share: 0.1",
        ["curriculum.uniform_share is 0.1", "use 0.2 to 1"],
    ),
    "range": (
        "quality: [0.2, 1.0]",
        "quality: [0.2, 1.5]",
        ["stages[both_sides].quality is [0.2, 1.5]", "from 0 to 1"],
    ),
    "side": ("direction: front", "direction: up", ["stages[first_moves].direction is up", "front, back, both"]),
    "type": ("steps: 200000", "steps: many", ["stages[first_moves].steps is 'many'", "type int"]),
    "missing": ("    steps: 300000\n", "", ["curriculum.stages[1].steps", "write steps: VALUE"]),
    "batch": ("size: null  #", "size: 99999 #", ["stages[first_moves].batch.size is 99999", "use less"]),
    "last stage": ("    steps: 0\n", "    steps: 9\n", ["stages[everything].steps is 9; use 0", "covers everything"]),
}
WITHOUT_DAYS = {
    "unknown symbol": ("symbols: []  #", "symbols: [MLGX]  #", ["stages[first_moves].symbols names MLGX", "MLGO"]),
    "empty stage": (
        "quality: [0.3, 1.0]",
        "quality: [1.0, 1.0]",
        ["stages[first_moves].quality is [1.0, 1.0]", "widen"],
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder with a configuration; the curriculum is still to be written."""
    monkeypatch.setenv(OWN, str(tmp_path))
    (tmp_path / "curriculum").mkdir()
    (tmp_path / "my_curriculum_config.yaml").write_text(MY_CONFIG)
    return tmp_path


def refused(configs: Path, case: tuple[str, str, list[str]], more: list[str], told: pytest.CaptureFixture[str]) -> None:
    good, bad, parts = case
    assert good in EXAMPLE
    (configs / "curriculum" / "mine.yaml").write_text(EXAMPLE.replace(good, bad, 1))
    assert main(["--config", "my_curriculum_config", *more]) == EXIT_USER_ERROR
    message = told.readouterr().err
    for part in [*parts, "fix:"]:
        assert part in message
    assert "Traceback" not in message


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused(case: str, configs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(configs, BROKEN[case], [], capsys)


@pytest.mark.slow
@pytest.mark.parametrize("case", WITHOUT_DAYS)
def test_stages_without_days(case: str, configs: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(configs, WITHOUT_DAYS[case], [*small(folder), "data.source=sample"], capsys)


@pytest.mark.slow
def test_the_example_trains(configs: Path, folder: Path) -> None:
    easy = EXAMPLE.replace("quality: [0.3, 1.0]", "quality: []").replace("activity: [0.4, 1.0]", "activity: []")
    (configs / "curriculum" / "mine.yaml").write_text(easy)
    steps = ["training.time_limit_s=0", "training.total_steps=1024", "env.decision_interval_s=20"]
    assert main(["--config", "my_curriculum_config", *small(folder), *tiny_training(), *steps]) == 0


@pytest.mark.slow
def test_the_ablation_draws_its_page(folder: Path, tmp_path: Path) -> None:
    few = ["env.decision_interval_s=20", "training.time_limit_s=0", "training.total_steps=512"]
    assert ablation(["--quick", "--seeds", "1", "--out", str(tmp_path), *small(folder), *tiny_training(), *few]) == 0
    page = (tmp_path / "curriculum.md").read_text()
    assert "| steps | curriculum | uniform starts |" in page
    assert "| 512 |" in page
    assert (tmp_path / "curriculum.svg").read_text().startswith("<?xml")
