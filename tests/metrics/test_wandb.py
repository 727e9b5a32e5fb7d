"""Weights & Biases: offline files that hold everything, no connection, no key, and never in the way."""

from __future__ import annotations

import importlib
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from metrics import registry
from metrics.sinks.wandb import usable_mode
from tests.support.explanations import made_explanation
from tests.support.hubs import a_hub
from utils.paths import ROOT

KEY = "0123456789abcdef" * 2 + "deadbeef"
PASSWORD = "correct-horse-battery"
"""Of a database, on the command line."""
CODE = """
import os, socket, sys
from pathlib import Path
import numpy as np
def refuse(*arguments): raise AssertionError(f"network: {arguments}")
connect = socket.socket.connect
def local_only(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "localhost", "::1"):
        refuse(address)
    return connect(self, address)
socket.socket.connect = local_only
from utils.logger import setup_logging
setup_logging("DEBUG")
from data.layout import RESET_POINT
from metrics import registry
from metrics.layout import TRADE_ROW
from metrics.notes import Kind
from metrics.run_info import DayFacts
from tests.support.explanations import made_explanation
from tests.support.hubs import a_hub
from tests.support.simulation import steady_day

folder = Path(sys.argv[1])
days = (DayFacts(steady_day(), 0.5, np.zeros(0, RESET_POINT)),)
trades = np.zeros(2, TRADE_ROW)
trades["pnl"] = [1.5, -2.5]
with a_hub(folder, "wandb", group="line", days=days) as hub:
    for i in range(3):
        hub.log(100 * i, {registry.REWARD.name: 0.5 + i})
    hub.rows(200, {"trades": trades})
    hub.note(200, Kind.EXPLANATION, "it goes by", {"file": str(made_explanation(100).write(folder))})
    hub.note(200, Kind.EXPLANATION, "it came to nothing", {"file": ""})
with a_hub(folder, "wandb", group="line", resumed_at=200) as hub:
    hub.log(300, {registry.REWARD.name: 3.5})
report = folder / "report.html"
report.write_text("<p>the verdict</p>")
with a_hub(folder, "wandb", group="line", job="backtest") as hub:
    hub.note(0, Kind.REPORT, "backtest of v1", {"files": [report]})
"""


class Told(NamedTuple):
    """An offline run, as W&B's own file has it."""

    path: Path
    id: str
    group: str
    job: str
    name: str
    history: list[dict[str, Any]]
    artifacts: list[tuple[str, str, list[str]]]
    """Type, name and files."""


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Told], Path, str]:
    """A run, its resumption and a backtest, in a process of its own with every connection refused and a key set."""
    folder = tmp_path_factory.mktemp("wandb") / "run"
    folder.mkdir()
    places = {name: str(folder.parent / "cache") for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(folder), f"--storage=postgresql://me:{PASSWORD}@host/studies"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **places, "WANDB_API_KEY": KEY},
    )
    assert done.returncode == 0, done.stderr
    files = sorted((folder / "wandb").glob("offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime)
    return [_told(path) for path in files], folder, done.stderr


def test_every_part_of_a_line_is_a_run_of_its_own_in_one_group(lineage: tuple[list[Told], Path, str]) -> None:
    runs, folder, _ = lineage
    assert [run.group for run in runs] == ["line"] * 3
    assert [run.job for run in runs] == ["train", "train", "backtest"]
    assert [run.name for run in runs] == ["run", "run from 200", "run"]
    assert len({run.id for run in runs}) == 3
    assert not (ROOT / "wandb").exists()
    assert folder.is_dir()


def test_the_numbers_of_both_parts_are_there(lineage: tuple[list[Told], Path, str]) -> None:
    first, second, _ = lineage[0]
    values = [(row["global_step"], row["rollout/reward"]) for row in first.history if "rollout/reward" in row]
    assert values == [(0, 0.5), (100, 1.5), (200, 2.5)]
    assert [(row["global_step"], row["rollout/reward"]) for row in second.history] == [(300, 3.5)]


def test_round_trips_are_a_table(lineage: tuple[list[Told], Path, str]) -> None:
    first = lineage[0][0]
    (entry,) = [row for row in first.history if "trades/nrows" in row]
    assert (entry["trades/nrows"], entry["global_step"]) == (2, 200)
    table = json.loads((first.path.parent / "files" / entry["trades/path"]).read_text())
    assert table["columns"][:4] == ["global_step", "symbol", "date", "lane"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    told = [(row["symbol"], row["pnl"], row["global_step"]) for row in rows]
    assert told == [("FLAT", 1.5, 200), ("FLAT", -2.5, 200)]


def test_an_explanation_is_a_table_of_features_and_bars_of_the_first(lineage: tuple[list[Told], Path, str]) -> None:
    first = lineage[0][0]
    (entry,) = [row for row in first.history if "explain/features/nrows" in row]
    uses = made_explanation(100).features
    assert (entry["explain/features/nrows"], entry["global_step"]) == (len(uses), 200)
    table = json.loads((first.path.parent / "files" / entry["explain/features/path"]).read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["action"] for row in rows] == sorted((use.action for use in uses), reverse=True)
    assert (rows[0]["explained"], rows[0]["name"], rows[0]["state"]) == (100, uses[0].name, "used")
    assert any(name.startswith("explain/first") for name in entry)


def test_the_report_is_an_artifact(lineage: tuple[list[Told], Path, str]) -> None:
    backtest = lineage[0][2]
    assert backtest.artifacts == [("report", "run", ["report.html"])]


def test_the_line_that_uploads_is_said_for_each(lineage: tuple[list[Told], Path, str]) -> None:
    runs, _, told = lineage
    for run in runs:
        assert f"wandb sync {run.path.parent}" in told


def test_the_key_is_nowhere(lineage: tuple[list[Told], Path, str]) -> None:
    """Neither in what is logged, at its most talkative, nor in any file."""
    _, folder, told = lineage
    assert KEY not in told
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert len(files) > 6
    told_in = [path for path in files for secret in (KEY, PASSWORD) if secret.encode() in path.read_bytes()]
    assert told_in == []


def _told(path: Path) -> Told:
    """Read by W&B's own record type; the log format around it is LevelDB's."""
    internal: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    history: list[dict[str, Any]] = []
    artifacts: list[tuple[str, str, list[str]]] = []
    run: Any = None
    for data in _chunks(path.read_bytes()):
        record = internal.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
        if kind == "history":
            items = [("/".join(i.nested_key) or i.key, json.loads(i.value_json)) for i in record.history.item]
            history.append(dict(items))
        if kind == "request" and record.request.WhichOneof("request_type") == "log_artifact":
            logged = record.request.log_artifact.artifact
            artifacts.append((logged.type, logged.name, [entry.path for entry in logged.manifest.contents]))
        if kind == "artifact" and record.artifact.type == "report":
            logged = record.artifact
            artifacts.append((logged.type, logged.name, [entry.path for entry in logged.manifest.contents]))
    return Told(path, run.run_id, run.run_group, run.job_type, run.display_name, history, artifacts)


def _chunks(content: bytes) -> Iterator[bytes]:
    """Records of LevelDB's log format: blocks of 32 KiB; crc u4, length u2, kind u1 (full, first, middle, last)."""
    at, begun = 7, b""  # after W&B's own header
    while at + 7 <= len(content):
        if 0x8000 - at % 0x8000 < 7:
            at += 0x8000 - at % 0x8000
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        begun += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield begun
            begun = b""


def test_online_without_a_key_falls_back_to_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert usable_mode("online") == "offline"
    assert "no key" in caplog.text


def test_online_without_a_connection_falls_back_to_offline(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert usable_mode("online") == "offline"
    assert "does not answer" in caplog.text


def test_wandb_that_cannot_write_does_not_stop_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with a_hub(blocked / "run", "wandb") as hub:
        hub.log(1, {registry.REWARD.name: 0.0})
    assert "wandb cannot be opened" in caplog.text


def test_online_with_a_server_that_says_nothing_falls_back_to_offline(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the connection and never answers, as an overloaded host or a captive network does."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr("metrics.sinks.wandb.ANSWER_S", 0.2)
        assert usable_mode("online") == "offline"
    assert "does not answer" in caplog.text
    assert KEY not in caplog.text


FROZEN = """
import os, signal, sys, time
from pathlib import Path
from utils.logger import setup_logging
setup_logging()
from metrics import registry
from metrics.sinks.wandb import SERVICE, _children
from tests.support.hubs import a_hub

hub = a_hub(Path(sys.argv[1]), "wandb", "csv", close_s=1.0)
hub.log(0, {registry.REWARD.name: 0.0})
assert hub.flush(60)
services, until = [], time.monotonic() + 60
while not services and time.monotonic() < until:  # a busy machine takes its time to start it
    time.sleep(0.05)
    services = [child for child in _children() if (child / "comm").read_text().strip() == SERVICE]
os.kill(int(services[0].name), signal.SIGSTOP)
began = time.perf_counter()
for step in range(1, 51):
    hub.log(step, {registry.REWARD.name: 0.0})
assert time.perf_counter() - began < 1.0
hub.close()
"""


def test_a_service_that_freezes_keeps_neither_training_nor_the_end_of_the_process(tmp_path: Path) -> None:
    """SIGSTOP to W&B's own process in the middle of a run: everything else is written, and the process ends."""
    with (tmp_path / "said").open("w") as said:  # a pipe would stay open in the frozen process if it were left
        done = subprocess.run(
            [sys.executable, "-c", FROZEN, str(tmp_path / "run")],
            cwd=ROOT,
            # a test before this one may have left a service of its own, which would be used
            env={name: value for name, value in os.environ.items() if not name.startswith("WANDB")},
            stdout=said,
            stderr=said,
            check=False,
            timeout=90,
        )
    told = (tmp_path / "said").read_text()
    assert done.returncode == 0, told
    assert "wandb does not come to its end and is left behind" in told
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 52
