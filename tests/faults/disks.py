"""Disks that are small or cannot be written: real file systems where this user may mount them.

Elsewhere a full disk is a limit on the size of any file (RLIMIT_FSIZE: real writes that are refused), and a folder that
cannot be written is one without permission.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

DISK_BYTES = 160 << 20
"""Memory that a disk may take once it is filled."""
BLOCK = 4096


class Disk(NamedTuple):
    """A folder with so much room."""

    folder: Path
    limit: int | None
    """Bytes that a file may have; None where the disk itself is small."""

    @property
    def full(self) -> bool:
        """Whether nothing fits any more."""
        room = os.statvfs(self.folder)
        return self.limit is None and room.f_bavail == 0


@functools.cache
def may_mount() -> bool:
    """Whether this user can mount a file system here."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if not _mounted(Path(folder), BLOCK):
            return False
        _command("umount", folder)
    return True


@contextlib.contextmanager
def small_disk(folder: Path, room: int) -> Generator[Disk]:
    """`folder` with `room` bytes free."""
    folder.mkdir(parents=True, exist_ok=True)
    if not may_mount():
        yield Disk(folder, room)
        return
    with _tmpfs(folder, room):
        yield Disk(folder, None)


def make_room(disk: Disk) -> Disk:
    """The same disk with all the room that is needed."""
    if disk.limit is None:
        _command("mount", "-o", f"remount,size={DISK_BYTES}", str(disk.folder))
    return Disk(disk.folder, None)


@contextlib.contextmanager
def read_only(folder: Path) -> Generator[bool]:
    """Nobody can write below `folder` meanwhile; False where that cannot be had: root without a right to mount."""
    if may_mount():
        _command("mount", "--bind", str(folder), str(folder))
        try:
            _command("mount", "-o", "remount,bind,ro", str(folder))
            yield True
        finally:
            _unmount(folder)
    elif os.geteuid() != 0:
        below = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in below:
            path.chmod(0o555)
        try:
            yield True
        finally:
            for path in below:
                path.chmod(0o755)
    else:
        yield False


@contextlib.contextmanager
def _tmpfs(folder: Path, room: int) -> Generator[None]:
    size = max(room // BLOCK, 1) * BLOCK
    if not _mounted(folder, size):
        raise OSError(f"{folder} cannot be mounted any more")
    try:
        yield
    finally:
        _unmount(folder)


def _mounted(folder: Path, size: int) -> bool:
    words = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "faults", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _unmount(folder: Path) -> None:
    """Lazily: a service that a killed program left may still have a file open."""
    _command("umount", "--lazy", str(folder))


def _command(*words: str) -> None:
    subprocess.run(words, capture_output=True, check=True)
