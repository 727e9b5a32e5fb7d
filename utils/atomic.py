"""Files that are either whole or not there: write beside, flush to disk, rename."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content`; readers see the old file or the new one."""
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


@contextlib.contextmanager
def named(path: Path) -> Generator[None]:
    """A write that the system refuses says where: a full disk names no file by itself."""
    try:
        yield
    except OSError as why:
        if why.errno is not None and why.filename is None:  # without a number its text is all it has
            why.filename = str(path)
        raise


def write_text(path: Path, content: str) -> None:
    """`write_bytes` in UTF-8."""
    write_bytes(path, content.encode())


def sync_tree(folder: Path) -> None:
    """Flush every file and folder below `folder` to disk."""
    for path in sorted(folder.rglob("*")):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    _sync_folder(folder)


def copy_folder(source: Path, target: Path) -> None:
    """The files of a flat folder into a new one. OSError if the disk refuses: shutil.copytree's does not say why."""
    target.mkdir()
    for path in source.iterdir():
        shutil.copy2(path, target / path.name)


def remove_folder(folder: Path) -> None:
    """Gone at once under its name: half a folder is never seen, not even by who comes after a kill.

    Nothing happens if it is not there. Open maps of its files stay valid. What a kill leaves has a name with a dot in
    front, as `new_folder`'s has.
    """
    if not folder.exists():
        return
    gone = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


@contextlib.contextmanager
def new_folder(target: Path, *, durable: bool = False) -> Generator[Path]:
    """A temporary folder that becomes `target` when the block ends well, and vanishes when it does not.

    If somebody else made `target` meanwhile (another worker, same content), theirs is kept. durable: it survives a
    power failure from then on, which costs a flush of every file; what can be made again does without.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        with named(target):
            yield made
        if durable:
            sync_tree(made)
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        if durable:
            _sync_folder(target.parent)
    finally:
        if made.exists():
            shutil.rmtree(made, ignore_errors=True)
