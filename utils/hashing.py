"""Content hashes, with a side table so that an unchanged file is not read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import xxhash

from utils.side_table import SideTable


def text_hash(*parts: str) -> str:
    """xxh3-128 of the parts, each closed by a zero byte."""
    digest = xxhash.xxh3_128()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def json_hash(value: Any) -> str:
    """Hash of plain data, independent of key order."""
    return text_hash(json.dumps(value, sort_keys=True, default=str))


def code_hash() -> str:
    """Changes when a kernel's source, numba or numpy does: the part of a cache key that stands for the code."""
    import numba  # takes a quarter of a second: those who hash files and texts need none of it
    import numpy as np

    from utils.jit import kernel_sources_hash

    return text_hash(kernel_sources_hash(), numba.__version__, np.__version__)


def file_hash(path: Path) -> str:
    """xxh3-128 of the file's bytes."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class FileHashes:
    """xxh3-128 by path, remembered in `sidecar` by size and mtime. Call `save` when done."""

    def __init__(self, sidecar: Path) -> None:
        self._table: SideTable[str] = SideTable(sidecar)

    def of(self, path: Path) -> str:
        """Hash of the file's bytes."""
        stat = path.stat()
        known = self._table.get(path, stat.st_size, stat.st_mtime_ns)
        if known is None:
            known = file_hash(path)
            self._table.note(path, stat.st_size, stat.st_mtime_ns, known)
        return known

    def save(self) -> None:
        """Keep what was learned."""
        self._table.save()
