"""Kills, full disks and sinks that hang: training goes on, and what was stored stays readable."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from metrics import registry as names
from metrics.hub import SINKS, RunInfo, metric_sink
from metrics.layout import TRADE_ROW
from metrics.notes import Kind, warnings_noted
from metrics.run_store import RunStore
from metrics.store_schema import FILE
from tests.support.hubs import a_hub
from utils.logger import get_logger
from utils.paths import ROOT

LOST_S = 1.0
"""What a kill may cost at most."""
KILLS = 12
DRIVER = """
import json, os, random, signal, sys, time
from pathlib import Path
import numpy as np
from metrics import registry as names
from tests.support.hubs import a_hub, run_info
from tests.support.simulation import steady_day
from metrics.run_info import DayFacts
from metrics.layout import TRADE_ROW, LIVE_ROW
from data.layout import RESET_POINT

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
days = (DayFacts(steady_day(), 0.5, np.zeros(0, RESET_POINT)),)
chance = random.Random(7)
run_info(folder)
for number in range(rounds):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        hub = a_hub(folder / str(number), "store", "csv", days=days)
        step = 0
        while True:
            step += 1
            if step == 10:
                hub.flush(20)
                os.write(tell, b"!")
            hub.log(step, {names.ELAPSED_S.name: time.time()})
            hub.rows(step, {"trades": np.zeros(20, TRADE_ROW), "live": np.zeros(5, LIVE_ROW)})
            hub.note(step, "checkpoint", "x" * 200)
            time.sleep(0.002)
    os.read(ready, 1)
    time.sleep(chance.uniform(0.1, 0.5))
    os.kill(child, signal.SIGKILL)
    at = time.time()
    os.waitpid(child, 0)
    print(json.dumps(at), flush=True)
"""


def test_a_killed_process_loses_a_second_at_most_again_and_again(tmp_path: Path) -> None:
    """kill -9 at random moments of a process that writes as fast as it can; each store is whole and goes on."""
    command = [sys.executable, "-c", DRIVER, str(tmp_path), str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    killed_at = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed_at) == KILLS
    for number, at in enumerate(killed_at):
        folder = tmp_path / str(number)
        with sqlite3.connect(folder / FILE) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with RunStore(folder) as store:
            series = store.tail("numbers")
            assert series["step"].to_list() == list(range(1, len(series) + 1))
            assert at - series[names.ELAPSED_S.name][-1] < LOST_S
            trades = store.tail("trades")
            assert len(trades) % 20 == 0  # a rollout is there whole or not at all
            assert abs(len(trades) // 20 - len(series)) <= 1
        middle = len(series) // 2
        with a_hub(folder, "store", resumed_at=middle) as hub:
            hub.log(middle + 1, {names.REWARD.name: 1.0})
        with RunStore(folder) as store:
            assert store.tail("numbers")["step"].to_list() == list(range(1, middle + 2))
            assert store.last_seq("numbers") == len(series) + 1  # numbers are never given twice


def test_a_full_disk_stops_nothing_and_is_told_once(tmp_path: Path) -> None:
    """RLIMIT_FSIZE in a process of its own: every write beyond 200 kB fails, as on a full disk; then there is room."""
    code = f"""
import resource, signal, time
from pathlib import Path
from utils.logger import setup_logging
setup_logging()
from metrics import registry as names
from tests.support.hubs import a_hub
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path({str(tmp_path)!r})
with a_hub(folder, "store", "csv") as hub:
    hub.log(1, {{names.REWARD.name: 1.0}})
    assert hub.flush(20)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    began = time.perf_counter()
    for step in range(2, 1000):
        hub.log(step, {{names.REWARD.name: float(step)}})
        hub.note(step, "checkpoint", "x" * 1000)
        if step % 100 == 0:
            assert hub.flush(20)
    print("slowest", (time.perf_counter() - began) / 1000)
    assert hub.dropped > 100
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for step in range(1000, 1010):
        hub.log(step, {{names.REWARD.name: float(step)}})
print("trained to the end")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "trained to the end" in done.stdout
    told = done.stderr.splitlines()
    assert sum("store fails" in line for line in told) == 1
    assert sum("store works again" in line for line in told) == 1
    assert any("store missed" in line for line in told)
    with RunStore(tmp_path) as store:
        steps = store.tail("numbers")["step"].to_list()
    assert steps[0] == 1
    assert steps[-10:] == list(range(1000, 1010))
    assert steps == sorted(set(steps))


class Hanging:
    """Blocks in its first write until it is let go."""

    released = threading.Event()

    def __init__(self, run: RunInfo) -> None:
        self.taken: list[int] = []

    def write(self, step: int, values: Mapping[str, float]) -> None:
        assert self.released.wait(60)
        self.taken.append(step)

    def close(self) -> None:
        """Nothing is held open."""


class Broken:
    """Fails in a way that nobody thought of."""

    def __init__(self, run: RunInfo) -> None:
        self._calls = 0

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._calls += 1
        if self._calls <= 3:
            raise ZeroDivisionError("a bug")

    def close(self) -> None:
        raise ZeroDivisionError("another")


def test_a_sink_that_hangs_costs_training_nothing_and_others_get_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with SINKS.temporary():
        metric_sink("hanging")(Hanging)
        hub = a_hub(tmp_path, "csv", "hanging", queue=10, close_s=0.5)
        began = time.perf_counter()
        for step in range(1, 101):
            hub.log(step, {names.REWARD.name: float(step)})
            assert step % 5 or hub._publishers[0].flush(20)  # pyright: ignore[reportPrivateUsage]
        spent = time.perf_counter() - began
        assert not hub.flush(0.01)
        assert hub.dropped >= 100 - 10 - 1  # but for what waits, and what it hangs in
        hub.close()
    Hanging.released.set()
    assert spent < 5.0
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in rows[1:]] == list(range(1, 101))
    assert "hanging does not come to its end and is left behind" in caplog.text
    assert "hanging missed 8" in caplog.text or "hanging missed 9" in caplog.text


def test_the_oldest_messages_are_dropped(tmp_path: Path) -> None:
    sink: list[Hanging] = []
    Hanging.released.clear()

    def make(run: RunInfo) -> Hanging:
        sink.append(Hanging(run))
        return sink[0]

    with SINKS.temporary():
        metric_sink("hanging")(make)
        with a_hub(tmp_path, "hanging", queue=10) as hub:
            hub.log(0, {names.REWARD.name: 0.0})
            while hub._publishers[0]._queue:  # pyright: ignore[reportPrivateUsage]
                time.sleep(0.001)
            for step in range(1, 31):
                hub.log(step, {names.REWARD.name: 0.0})
            assert hub.dropped == 20
            Hanging.released.set()
    assert sink[0].taken == [0, *range(21, 31)]


def test_a_sink_with_a_bug_is_told_once_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SINKS.temporary(), caplog.at_level(logging.INFO):
        metric_sink("broken")(Broken)
        with a_hub(tmp_path, "broken") as hub:
            for step in range(6):
                hub.log(step, {names.REWARD.name: 0.0})
    assert caplog.text.count("broken fails (ZeroDivisionError: a bug)") == 1
    assert "broken works again, 3 messages are missing" in caplog.text
    assert "broken cannot be closed" in caplog.text


def test_a_sink_that_cannot_be_opened_misses_everything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with a_hub(blocked / "run", "store") as hub:
        hub.log(1, {names.REWARD.name: 0.0})
        hub.log(2, {names.REWARD.name: 0.0})
    assert "store cannot be opened" in caplog.text
    assert "store missed 2 messages" in caplog.text


def test_warnings_are_kept_with_the_run(tmp_path: Path) -> None:
    log = get_logger("tests.survival")
    with a_hub(tmp_path, "store") as hub, warnings_noted(hub, lambda: 77):
        log.warning("the market is %s", "odd")
        log.info("of no note")
    with RunStore(tmp_path) as store:
        notes = store.notes()
    assert notes.select("step", "kind", "text").rows() == [(77, Kind.WARNING, "the market is odd")]


def test_a_store_is_read_while_it_is_written(tmp_path: Path) -> None:
    """A reader with its own connection sees whole transactions only, and never keeps the writer waiting."""
    with a_hub(tmp_path, "store", days=()) as hub:
        hub.log(1, {names.REWARD.name: 1.0})
        assert hub.flush(20)
        with RunStore(tmp_path) as store:
            seen = 0
            for step in range(2, 200):
                hub.log(step, {names.REWARD.name: float(step), names.LOSS.name: 0.5})
                new = store.tail("numbers", seen)
                seen = int(new["seq"][-1]) if len(new) else seen
            assert hub.flush(20)
            rest = store.tail("numbers", seen)
            assert seen + len(rest) == 199
    assert hub.dropped == 0


def test_a_trade_row_of_no_day_is_refused_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A fault in one table leaves none of the rollout's rows behind."""
    rows = np.zeros(3, TRADE_ROW)
    rows["day"] = 5
    with a_hub(tmp_path, "store") as hub:
        hub.rows(1, {"trades": rows})
        hub.log(2, {names.REWARD.name: 0.0})
    with RunStore(tmp_path) as store:
        assert (store.last_seq("trades"), store.last_seq("numbers")) == (0, 1)
    assert "store fails (IndexError" in caplog.text
