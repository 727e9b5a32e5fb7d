"""What is known of files, kept beside the cache by size and time of change: one JSON line an entry, appended.

Appending, as a scan of many thousands of files learns something with every file: to write the whole table each time
would cost the square of their number. Several processes may append to one table; of a name the last line counts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Generic, TypeVar, cast

from utils.atomic import write_text

V = TypeVar("V", int, str)
WASTE = 1_000
"""Lines beyond two an entry from which on the table is written anew."""


class SideTable(Generic[V]):
    """Values by path, each for one (size, mtime_ns). A damaged line costs one more look at its file, nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int, V]] = {}
        self._new: list[str] = []
        lines = [line for line in path.read_bytes().splitlines() if line] if path.exists() else []
        for line in lines:
            try:
                name, size, mtime_ns, value = json.loads(line)
                self._known[name] = (int(size), int(mtime_ns), cast("V", value))
            except (ValueError, TypeError):
                continue
        if len(lines) > 2 * len(self._known) + WASTE:
            write_text(path, "".join(_line(name, entry) for name, entry in self._known.items()))

    def get(self, path: Path, size: int, mtime_ns: int) -> V | None:
        """What was noted for this state of the file."""
        known = self._known.get(str(path))
        return known[2] if known is not None and known[:2] == (size, mtime_ns) else None

    def note(self, path: Path, size: int, mtime_ns: int, value: V) -> None:
        """Remember it from now on; `save` keeps it."""
        entry = (size, mtime_ns, value)
        self._known[str(path)] = entry
        self._new.append(_line(str(path), entry))

    def save(self) -> None:
        """Append what is new, at once, so that lines of several processes do not mix."""
        if not self._new:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, "".join(self._new).encode())
        finally:
            os.close(handle)
        self._new.clear()


def _line(name: str, entry: tuple[int, int, int | str]) -> str:
    """With a line break in front too: behind half a line that a kill left, a whole one begins."""
    return "\n" + json.dumps([name, *entry]) + "\n"
