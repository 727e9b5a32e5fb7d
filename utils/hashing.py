"""Content hashes, with a side table so that an unchanged file is not read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numba
import numpy as np
import xxhash

from utils.atomic import write_text
from utils.jit import kernel_sources_hash


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
    return text_hash(kernel_sources_hash(), numba.__version__, np.__version__)


class FileHashes:
    """xxh3-128 by path, remembered in `sidecar` (JSON) by size and mtime. Call `save` when done."""

    def __init__(self, sidecar: Path) -> None:
        self._sidecar = sidecar
        self._known: dict[str, list[Any]] = {}
        self._dirty = False
        if sidecar.exists():
            try:
                self._known = json.loads(sidecar.read_text())
            except ValueError:  # a damaged sidecar costs one re-read of the files, nothing else
                self._known = {}

    def of(self, path: Path) -> str:
        """Hash of the file's bytes."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(str(path))
        if known and known[:2] == stamp:
            return known[2]
        digest = xxhash.xxh3_128()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        self._known[str(path)] = [*stamp, digest.hexdigest()]
        self._dirty = True
        return digest.hexdigest()

    def save(self) -> None:
        """Write the side table if something new was learned."""
        if self._dirty:
            write_text(self._sidecar, json.dumps(self._known))
            self._dirty = False
