"""`./fx status`: one run's figures, the list, and words that name nothing."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import numpy as np
import pytest

from data.layout import RESET_POINT
from metrics import registry as names
from metrics.layout import LIVE_ROW
from metrics.notes import Kind
from metrics.run_info import DayFacts
from metrics.runs import ABOUT, CONFIG, RESULT
from scripts.status import main
from tests.support.hubs import a_hub
from tests.support.simulation import steady_day
from utils.errors import EXIT_USER_ERROR


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """One run with numbers, half done, and a backtest."""
    folder = tmp_path / "20250101T000000-quick"
    live = np.zeros(1, LIVE_ROW)
    live["second"], live["position"], live["equity"], live["hold"] = 19_799, 120.0, 25_010.5, 0.75
    with a_hub(folder, "store", days=(DayFacts(steady_day(), 0.5, np.zeros(0, RESET_POINT)),)) as hub:
        hub.note(10, Kind.STAGE, "stage easy", {"name": "easy", "stage": 0, "stages": 2})
        hub.rows(10, {"live": live})
        values = {names.ELAPSED_S: 60.0, names.ETA_S: 3_660.0, names.STEPS_PER_S: 1_234.0, names.EPISODE_PNL: -7.5}
        hub.log(10_000, {metric.name: value for metric, value in values.items()})
    (folder / CONFIG).write_text("name: quick\n")
    (folder / ABOUT).write_text(json.dumps({"group": "a-line"}))
    (tmp_path / "20250102T000000-backtest").mkdir()
    (tmp_path / "20250102T000000-backtest" / CONFIG).write_text("name: backtest\n")
    return tmp_path


def test_a_run_tells_stage_day_progress_and_figures(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"runs={runs}"]) == 0
    told = capsys.readouterr().out
    assert "20250101T000000-quick" in told
    assert "stopped" in told
    assert "2% done, step 10,000, 1,234 steps/s, 1:01:00 left, stage easy (1 of 2)" in told
    assert f"lane 0: FLAT {steady_day().date} 09:30:00 ET, +120 shares, equity 25,010.50 $, hold 75%" in told
    assert "-7.50 $" in told


def test_its_state_follows_the_process_and_its_end(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = runs / "20250101T000000-quick"
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    main([folder.name, f"runs={runs}"])
    assert "running, numbers 0:0" in capsys.readouterr().out
    os.close(handle)
    (folder / RESULT).write_text(json.dumps({"interrupted": True, "stopped_by": "SIGINT"}))
    main([folder.name, f"runs={runs}", "--watch"])
    assert "interrupted; ./fx momentum --resume" in capsys.readouterr().out
    (folder / RESULT).write_text(json.dumps({"interrupted": False, "stopped_by": "steps", "version": "v7"}))
    main([folder.name, f"runs={runs}"])
    assert "ended by steps, model v7" in capsys.readouterr().out


def test_all_runs_are_listed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--all", f"runs={runs}"]) == 0
    told = capsys.readouterr().out
    assert "no training" in told
    assert "a-line" in told
    assert told.index("backtest") < told.index("quick")
    assert main(["20250102T000000-backtest", f"runs={runs}"]) == 0
    assert "it has no numbers" in capsys.readouterr().out


def test_a_run_that_is_not_there_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["20250101T000000-quik", f"runs={runs}"]) == EXIT_USER_ERROR
    assert "20250101T000000-quick" in capsys.readouterr().err
    assert main(["one", "two"]) == EXIT_USER_ERROR
    assert "2 runs are named" in capsys.readouterr().err
