"""What people see while it trains: a live view on a terminal, plain lines elsewhere, the same figures in both."""

from __future__ import annotations

import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.layout import RESET_POINT
from metrics import registry as names
from metrics.figures import clock_time, key_figures, market_time, progress
from metrics.layout import LIVE_ROW
from metrics.notes import Kind
from metrics.run_info import DayFacts
from tests.support.hubs import a_hub
from tests.support.simulation import steady_day
from utils.paths import ROOT

CODE = """
import time
from pathlib import Path
from utils.logger import setup_logging, get_logger
setup_logging()
from metrics import registry as names
from metrics.notes import Kind
from tests.support.hubs import a_hub
with a_hub(Path("/nonexistent"), "console") as hub:
    hub.note(0, Kind.STAGE, "stage easy", {"name": "easy"})
    for step in range(1, 4):
        values = {names.STEPS_PER_S: 100.0 * step, names.ELAPSED_S: 30.0, names.ETA_S: 90.0, names.EPISODE_PNL: 12.5}
        hub.log(1000 * step, {metric.name: value for metric, value in values.items()})
    hub.flush(20)
    get_logger("x").warning("a line in between")
    time.sleep(0.7)
"""


def test_a_terminal_shows_a_panel_that_log_lines_do_not_break() -> None:
    """In a process whose standard error is a terminal of 100 columns."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm", "NO_COLOR": "1"}
    child = subprocess.Popen([sys.executable, "-c", CODE], cwd=ROOT, stderr=follower, env=environment)
    os.close(follower)
    seen = b""
    while True:
        try:
            read = os.read(leader, 65_536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        seen += read
    os.close(leader)
    assert child.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert "step 3,000, 300 steps/s, 1:30 left, stage easy" in text
    assert "episode P&L  +12.50 $" in text
    assert "a line in between" in text
    assert "━" in text  # the bar, a quarter of it done


def test_a_log_gets_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    days = (DayFacts(steady_day(), 0.5, np.zeros(0, RESET_POINT)),)
    with caplog.at_level(logging.INFO), a_hub(tmp_path, "console", days=days) as hub:
        hub.note(1, Kind.STAGE, "stage easy", {"name": "easy"})
        hub.rows(500, {"live": np.zeros(1, LIVE_ROW)})
        hub.log(500, {names.STEPS_PER_S.name: 1234.0, names.ETA_S.name: 75.0, names.WIN_SHARE.name: 0.5})
    assert "step 500, 1,234 steps/s, 1:15 left, stage easy, wins 50%" in caplog.text


def test_lines_come_every_so_often_and_the_last_one_always(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), a_hub(tmp_path, "console", log_every_s=1000.0) as hub:
        for step in (1, 2, 3):
            hub.log(step, {names.STEPS_PER_S.name: 1.0})
    assert [line.split(",")[0] for line in caplog.messages if line.startswith("step")] == ["step 1", "step 3"]


def test_figures_are_told_in_the_words_of_people() -> None:
    assert key_figures({names.DRAWDOWN.name: 0.0123, names.LOSS.name: 9.0}) == [("drawdown", "1.23%")]
    assert progress({names.ELAPSED_S.name: 30.0, names.ETA_S.name: 90.0}) == 0.25
    assert progress({}) == 0.0
    assert [clock_time(s) for s in (5, 75, 3_661, 59.7)] == ["0:05", "1:15", "1:01:01", "1:00"]
    assert [market_time(s) for s in (0, 19_799, 57_599)] == ["04:00:01", "09:30:00", "20:00:00"]
