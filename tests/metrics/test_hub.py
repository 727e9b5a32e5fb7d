"""Names are checked, and every sink gets the same numbers."""

from __future__ import annotations

import csv
import importlib
import json
import logging
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.compose import load_config, plain_config
from config.schema import MetricsConfig, WandbConfig
from metrics import registry
from metrics.hub import MetricsHub, RunInfo, open_hub, sinks
from metrics.sinks.csv import CsvSink
from metrics.sinks.wandb import usable_mode
from utils.errors import ConfigError
from utils.paths import ROOT


def run_info(folder: Path, *, mode: str = "offline", log_every_s: float = 0.0) -> RunInfo:
    config = load_config("quick", [])
    return RunInfo(
        name="test",
        folder=folder,
        log_every_s=log_every_s,
        wandb=WandbConfig(mode=mode, project="fxai", group="g"),
        config=plain_config(config),
    )


def test_an_undeclared_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with MetricsHub([CsvSink(run_info(tmp_path))]) as hub, pytest.raises(ConfigError, match="rollout/reward"):
        hub.log(1, {"rollout/rewards": 1.0})


def test_families_take_members() -> None:
    assert registry.find(registry.REWARD_PART.of("log_equity")) is registry.REWARD_PART
    with pytest.raises(ConfigError):
        registry.find("reward/")


def test_csv_has_a_column_for_each_name_even_a_late_one(tmp_path: Path) -> None:
    with open_hub(MetricsConfig(sinks=["csv"]), run_info(tmp_path)) as hub:
        hub.log(10, {registry.REWARD.name: 0.1})
        hub.log(20, {registry.LOSS.name: 2.0, registry.REWARD.name: 1 / 3})
        hub.log(30, {registry.REWARD.name: 0.3})
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["global_step"] for r in rows] == ["10", "20", "30"]
    assert [r["train/loss"] for r in rows] == ["", "2.0", ""]
    assert float(rows[1]["rollout/reward"]) == 1 / 3


def test_csv_of_a_run_that_goes_on_has_every_rollout_once(tmp_path: Path) -> None:
    with open_hub(MetricsConfig(sinks=["csv"]), run_info(tmp_path)) as hub:
        for step in (10, 20, 30):
            hub.log(step, {registry.REWARD.name: step / 3})
        hub.log(30, {registry.LOSS.name: 1.0})  # what came late
    path = tmp_path / "metrics.csv"
    path.write_text(path.read_text() + "40,0.")
    with open_hub(MetricsConfig(sinks=["csv"]), replace(run_info(tmp_path), resumed_at=20)) as hub:
        hub.log(30, {registry.REWARD.name: 1.0})
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["global_step"] for r in rows] == ["10", "20", "30"]
    assert [r["rollout/reward"] for r in rows] == [repr(10 / 3), repr(20 / 3), "1.0"]
    with open_hub(MetricsConfig(sinks=["csv"]), replace(run_info(tmp_path / "new"), resumed_at=20)) as hub:
        hub.log(30, {registry.REWARD.name: 1.0})
    assert (tmp_path / "new" / "metrics.csv").read_text() == "global_step,rollout/reward\n30,1.0\n"


def test_the_console_writes_plain_lines_off_a_terminal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), open_hub(MetricsConfig(sinks=["console"]), run_info(tmp_path)) as hub:
        hub.log(500, {registry.VALIDATION_PNL.name: 1.0})
        hub.log(
            500,
            {
                registry.REWARD.name: 0.25,
                registry.STEPS_PER_S.name: 1234.0,
                registry.DRAWDOWN.name: 0.01,
                registry.ETA_S.name: 75.0,
            },
        )
    assert "step 500, 1,234 steps/s, 1:15 left" in caplog.text
    assert caplog.text.count("step 500") == 1
    assert "reward +0.2500, drawdown 1.00%" in caplog.text


def test_an_unknown_sink_is_refused(tmp_path: Path) -> None:
    assert {"console", "csv", "wandb"} <= set(sinks())
    with pytest.raises(ConfigError, match="console"):
        open_hub(MetricsConfig(sinks=["consol"]), run_info(tmp_path))


def test_wandb_offline_writes_below_the_run_and_says_how_to_sync(tmp_path: Path) -> None:
    """In a process of its own, with every connection refused: offline means offline."""
    code = f"""
import socket, sys
from pathlib import Path
def refuse(*arguments): raise AssertionError(f"network: {{arguments}}")
connect = socket.socket.connect
def local_only(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "localhost", "::1"):
        refuse(address)
    return connect(self, address)
socket.socket.connect = local_only
from utils.logger import setup_logging
setup_logging()
from tests.metrics.test_hub import run_info
from config.schema import MetricsConfig
from metrics.hub import open_hub
from metrics import registry
with open_hub(MetricsConfig(sinks=["wandb"]), run_info(Path({str(tmp_path / "run")!r}))) as hub:
    for i in range(3):
        hub.log(100 * i, {{registry.REWARD.name: 0.5 + i}})
"""
    (tmp_path / "run").mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "wandb sync " in done.stderr
    files = list((tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 1
    assert str(files[0].parent) in done.stderr
    assert not (ROOT / "wandb").exists()
    assert _history(files[0]) == [(0, 0.5), (100, 1.5), (200, 2.5)]


def _history(path: Path) -> list[tuple[int, float]]:
    """(step, reward) of every record in W&B's own file."""
    internal: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    found: list[tuple[int, float]] = []
    for data in _chunks(path.read_bytes()):
        record = internal.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            row = {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
            found.append((row["global_step"], row["rollout/reward"]))
    return found


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
    with open_hub(MetricsConfig(sinks=["wandb"]), run_info(blocked / "run")) as hub:
        hub.log(1, {registry.REWARD.name: 0.0})
    assert "left out of this run" in caplog.text
