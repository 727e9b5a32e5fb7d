"""The pages of docs/how-to, done as they say: from files of one's own to a report, with parts of one's own."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from pathlib import Path

import pytest

from scripts.command import exit_code
from tests.support.documentation import OWN, commands, expanded, write_files
from tests.support.own_folder import own_parts
from tests.support.small_market import small, tiny_training
from utils.paths import ROOT

PAGES = ROOT / "docs" / "how-to"
FAST = [
    "env.decision_interval_s=60",
    "backtest.last_second=30000",
    "training.time_limit_s=0",
    "training.total_steps=512",
    "dashboard.enabled=never",
]


def do(command: str, words: list[str]) -> None:
    """Run a documented command with `words` after it, in this process."""
    python, *program = expanded(command)
    assert python == "python"
    name, arguments = (program[1], program[2:]) if program[0] == "-m" else ("main", program[1:])
    found = importlib.import_module(name)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{name}.__main__")
    assert exit_code(found.run, [*arguments, *words]) == 0, command


def as_own_files(folder: Path) -> list[str]:
    """Words for a folder of one's own with the files of the small market in it, days known from the sample's."""
    words = small(folder)
    sample = Path(next(word for word in words if word.startswith("sample.folder=")).partition("=")[2])
    of_the_program = shutil.ignore_patterns("manifest.json", "README.txt")
    shutil.copytree(sample, folder / "dnb", copy_function=os.link, ignore=of_the_program)
    return [word for word in words if not word.startswith("sample.folder=")]


@pytest.mark.slow
def test_own_files_become_a_model_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of the page that differs by its task, in order, on files as somebody has them."""
    words = [*as_own_files(tmp_path), *tiny_training(), *FAST]
    first: dict[str, str] = {}
    for command in commands(PAGES / "own-data.md"):
        first.setdefault(command.split()[1], command)
    assert list(first) == ["build-index", "scan-all", "momentum", "backtest", "train"]
    for task in ("build-index", "scan-all", "momentum", "backtest"):
        do(first[task], words)
    about = json.loads((tmp_path / "models" / "v1" / "metadata.json").read_text())
    assert about["config"]["data"]["source"] == "auto"
    assert not (tmp_path / "sample").exists()
    report = max((tmp_path / "runs").glob("*-backtest*")) / "report.html"
    assert report.is_file()
    assert "rejected" in capsys.readouterr().out


@pytest.mark.slow
def test_a_curriculum_and_a_feature_of_ones_own_train(tmp_path: Path) -> None:
    """The very files that the pages show."""
    for page in ("own-curriculum.md", "own-feature.md"):
        write_files(PAGES / page, tmp_path / OWN)
    words = [*small(tmp_path), *tiny_training(), *FAST, "data.source=sample"]
    with own_parts(tmp_path / OWN):
        do("./fx train --config patient_run plugins=[reach]", words)
        do("./fx inspect-features plugins=[reach] --features reach_20s", [*small(tmp_path), "data.source=sample"])
    about = json.loads((tmp_path / "models" / "v1" / "metadata.json").read_text())
    assert [stage["name"] for stage in about["config"]["curriculum"]["stages"]] == ["strong_moves", "everything"]
    assert "reach_20s" in (tmp_path / "models" / "v1" / "model.json").read_text()
