"""Checkpoints survive what happens to processes and disks: kill -9, no room left, bytes that change."""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
import torch

from agent.checkpoint import ALL, MANIFEST, Checkpoint, load_checkpoint, save_checkpoint
from agent.checkpoint_store import CheckpointStore
from tests.support.forks import FORKS
from utils.errors import ModelError

KILLS = 100
SIZES = 100
WEIGHTS = 2_000
REFUSED = 3
"""Exit code where the disk refused."""


def checkpoint(number: int, weights: int = WEIGHTS) -> Checkpoint:
    """One whose every part tells its number."""
    return Checkpoint(
        {"w": torch.full((weights,), float(number))},
        {"number": number},
        {"moments": torch.full((2 * weights,), float(number))},
        {"number": number},
    )


def number_of(read: Checkpoint) -> int:
    """The number that all parts agree on."""
    told = {read.meta["number"], read.run["number"], *read.weights["w"].tolist(), *read.state["moments"].tolist()}
    assert len(told) == 1
    return int(told.pop())


def save_for_ever(folder: Path, done: Path, begun: Event) -> None:
    """Save one after the other, telling in `done` which one is finished."""
    store = CheckpointStore(folder, keep=3)
    latest = store.latest()
    number = latest[0] if latest else 0
    handle = os.open(done, os.O_WRONLY)
    begun.set()
    while True:
        number += 1
        store.save(number, checkpoint(number))
        os.pwrite(handle, b"%08d" % number, 0)


@pytest.mark.slow
def test_a_hundred_kills_during_saves_and_all_can_be_loaded(tmp_path: Path) -> None:
    """Killed at seeded random moments; what had been saved by then is there, and whole."""
    done, chance, during = tmp_path / "done", random.Random(0), 0
    store = CheckpointStore(tmp_path / "checkpoints", keep=3)
    store.save(1, checkpoint(1))
    done.write_bytes(b"%08d" % 1)
    reach_s = 0.05
    for _ in range(KILLS):
        before = int(done.read_bytes())
        begun = FORKS.Event()
        writer = FORKS.Process(target=save_for_ever, args=(store.folder, done, begun))
        writer.start()
        assert begun.wait(60)
        time.sleep(chance.uniform(0, reach_s))
        assert writer.pid
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        during += any(store.folder.glob(".r*"))
        latest = store.latest()
        assert latest is not None
        assert number_of(latest[1]) == latest[0] >= int(done.read_bytes())
        for number in store.numbers():
            assert number_of(load_checkpoint(store.path(number), training=True)) == number
        reach_s *= 0.8 if int(done.read_bytes()) > before else 1.25  # about one save, however busy the machine is
    assert int(done.read_bytes()) > KILLS // 10
    assert during > KILLS // 10  # else the moments were all between two saves


def save_within(folder: Path, limit: int) -> None:
    """Save with files of `limit` bytes at most: the kernel refuses the rest as it would on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        CheckpointStore(folder, keep=3).save(2, checkpoint(2))
    except OSError as why:
        assert "File too large" in str(why)
        sys.exit(REFUSED)


@pytest.mark.slow
def test_where_the_disk_refuses_the_last_checkpoint_stays(tmp_path: Path) -> None:
    chance, refused = random.Random(1), 0
    for turn in range(SIZES):
        store = CheckpointStore(tmp_path / str(turn), keep=3)
        store.save(1, checkpoint(1, weights=10))
        limit = chance.choice([60, 400, 8_500, chance.randrange(50, 20_000)])
        writer = FORKS.Process(target=save_within, args=(store.folder, limit))
        writer.start()
        writer.join()
        assert writer.exitcode in (0, REFUSED)
        refused += writer.exitcode == REFUSED
        latest = store.latest()
        assert latest is not None
        assert number_of(latest[1]) == latest[0] == (1 if writer.exitcode == REFUSED else 2)
        assert not list(store.folder.glob(".r*"))
    assert SIZES // 2 < refused < SIZES


def test_three_are_kept_and_those_that_are_held(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "run", keep=3, copies=tmp_path / "elsewhere" / "run")
    for number in range(1, 7):
        store.save(number, checkpoint(number, 10), held={2})
    assert sorted(store.numbers()) == [2, 4, 5, 6]
    copies = CheckpointStore(tmp_path / "elsewhere" / "run", keep=3)
    assert sorted(copies.numbers()) == [2, 4, 5, 6]
    assert number_of(load_checkpoint(copies.path(6), training=True)) == 6


def test_a_second_folder_that_cannot_be_written_does_not_stop_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = CheckpointStore(tmp_path / "run", keep=3, copies=tmp_path / "file" / "run")
    store.save(1, checkpoint(1, 10))
    assert store.numbers() == [1]
    assert "r000001 could not be copied" in caplog.text


@pytest.mark.parametrize("file", [*ALL, MANIFEST])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_damaged_one_is_passed_over_with_a_warning(
    file: str, how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CheckpointStore(tmp_path, keep=3)
    for number in (1, 2):
        store.save(number, checkpoint(number, 10))
    path = store.path(2) / file
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-7] if how == "cut" else bytes([*content[:-7], content[-7] ^ 1, *content[-6:]]))
    with caplog.at_level(logging.WARNING):
        latest = store.latest()
    assert latest is not None
    assert number_of(latest[1]) == 1
    assert "r000002" in caplog.text
    assert "the checkpoint before it is used" in caplog.text
    store.save(2, checkpoint(2, 10))  # the run comes by there again
    assert (found := store.latest()) is not None and found[0] == 2


def test_nothing_there(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "none", keep=3).latest() is None


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.checkpoint.FORMAT", 1)
    save_checkpoint(tmp_path / "old", checkpoint(1, 10))
    monkeypatch.undo()
    with pytest.raises(ModelError, match="format 1 cannot be read"):
        load_checkpoint(tmp_path / "old", training=False)
