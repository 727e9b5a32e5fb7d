"""Weights & Biases: offline files that hold everything, no connection, no key, and never in the way."""

from __future__ import annotations

import importlib
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metrics import registry
from metrics.sinks.wandb import usable_mode
from tests.support.hubs import a_hub
from utils.paths import ROOT


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
from tests.support.hubs import a_hub
from metrics import registry
with a_hub(Path({str(tmp_path / "run")!r}), "wandb") as hub:
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
    with a_hub(blocked / "run", "wandb") as hub:
        hub.log(1, {registry.REWARD.name: 0.0})
    assert "left out of this run" in caplog.text
