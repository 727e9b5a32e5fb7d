"""A run that is interrupted and taken up by another process ends exactly as one that was not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from config.compose import load_config, plain_config
from main import main
from metrics.hub import RunInfo, metric_sink
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR
from utils.paths import ROOT

ROLLOUT = 8 * 64
AFTER = 3


@metric_sink("interrupt")
class Interrupt:
    """Ctrl-C after some rollouts."""

    def __init__(self, run: RunInfo) -> None:
        self._rollouts = 0

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._rollouts += 1
        if self._rollouts == AFTER:
            os.kill(os.getpid(), signal.SIGINT)

    def close(self) -> None:
        """Nothing is held open."""


def stages() -> str:
    """The shipped stages as an override, the first one ending within the second half of the run."""
    plain = plain_config(load_config("quick", []))["curriculum"]["stages"]
    plain[0] |= {"steps": 4 * ROLLOUT, "quality": [], "activity": [], "batch": {**plain[0]["batch"], "epochs": 1}}
    return "curriculum.stages=" + re.sub(r'"(\w+)":', r"\1:", json.dumps(plain))


def arguments(folder: Path, models: str) -> list[str]:
    budget = ["training.time_limit_s=0", f"training.total_steps={6 * ROLLOUT}", f"models={folder / models}"]
    short = ["env.decision_interval_s=20", "curriculum.window=5", stages()]
    return ["--config", "quick", *small(folder), *tiny_training(), *short, *budget]


def about(folder: Path) -> dict[str, Any]:
    return {
        **json.loads((folder / "metadata.json").read_text()),
        "sha256": json.loads((folder / "model.json").read_text())["parameters_sha256"],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the models of a whole run (whole/v1), and of an interrupted one (parts/v1) that went on (parts/v2)."""
    folder = tmp_path_factory.mktemp("resume")
    assert main(arguments(folder, "whole")) == 0
    assert main([*arguments(folder, "parts"), "metrics.sinks=[csv,interrupt]"]) == EXIT_INTERRUPTED
    command = [sys.executable, ROOT / "main.py", *arguments(folder, "parts"), "training.continue_from=v1"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_same_episodes_are_dealt_and_the_same_is_learnt(folder: Path) -> None:
    """The state holds every lane's random stream and place, when each day was dealt, and how its episodes went."""
    whole, first, second = (about(folder / name) for name in ("whole/v1", "parts/v1", "parts/v2"))
    assert (first["stopped_by"], first["steps"], second["steps"]) == ("SIGINT", AFTER * ROLLOUT, whole["steps"])
    assert (first["curriculum"]["stage"], whole["curriculum"]["stage"]) == (0, 1)
    assert second["curriculum"] == whole["curriculum"] != first["curriculum"]
    assert second["lanes_sha256"] == whole["lanes_sha256"]  # episodes that run, with accounts and memories
    assert second["sha256"] == whole["sha256"]


@pytest.mark.slow
def test_a_changed_file_of_lanes_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "parts" / "v1" / "lanes.safetensors"
    content = bytearray(path.read_bytes())
    path.write_bytes(bytes([*content[:-1], content[-1] ^ 1]))
    assert main([*arguments(folder, "parts"), "training.continue_from=v1"]) == EXIT_USER_ERROR
    assert "lanes.safetensors is damaged" in capsys.readouterr().err
    path.write_bytes(content)


@pytest.mark.slow
def test_with_other_lanes_the_curriculum_begins_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["training.lanes=4", "training.continue_from=v1"]
    assert main([*arguments(folder, "parts"), *more]) == 0
    assert "the curriculum begins again at its first stage" in capsys.readouterr().err
