"""The features of a day, as arrays, and the windows that the public observation shows of them."""

from __future__ import annotations

import itertools
import json
import math
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from utils.atomic import new_folder
from utils.hashing import json_hash

HF_WINDOW = 60
"""Seconds of `hf` in an observation."""
MF_WINDOW = 30
"""Completed minutes of `mf` in an observation."""
LF_WINDOW = 30
"""Previous sessions of `lf`."""
FORMAT = 2
"""Of the files below; part of what they are known by."""
TABLES_FILE, META_FILE = "tables.f32", "meta.json"
BRANCHES = ("hf", "mf", "lf", "static")

DAMAGE = (OSError, ValueError, KeyError, TypeError)
"""What `FeatureDay.open` raises for a folder that is not whole."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class FeatureDay:
    """One symbol, one date; row t of `hf` and `static` knows nothing later than the end of second t."""

    symbol: str
    date: str
    schema_hash: str
    """Hash of the ordered feature definitions (see `feature/registry.py`)."""
    hf: Array  # [57600, H] per second
    mf: Array  # [960, M] completed 1-minute bars; row m may be used from second 60 * (m + 1) on
    lf: Array  # [30, L] previous sessions, oldest first
    static: Array  # [57600, S] per second: the running minute, clock, levels

    def save(self, folder: Path) -> None:
        """One file with all branches plus `meta.json`; whole or not at all.

        One file, because it is opened ten times as fast as four, and a bank keeps hundreds of days open.
        """
        shapes = {branch: list(getattr(self, branch).shape) for branch in BRANCHES}
        meta = {"symbol": self.symbol, "date": self.date, "schema_hash": self.schema_hash, "shapes": shapes}
        digest = xxhash.xxh3_128()
        with new_folder(folder) as made:
            with (made / TABLES_FILE).open("wb") as file:
                for branch in BRANCHES:
                    content = np.ascontiguousarray(getattr(self, branch), np.float32).reshape(-1).view(np.uint8).data
                    file.write(content)
                    digest.update(content)
            stamp = (made / TABLES_FILE).stat().st_mtime_ns
            meta |= {"mtime_ns": stamp, "hash": digest.hexdigest()}
            (made / META_FILE).write_text(json.dumps({**meta, "check": json_hash(meta)}))

    @classmethod
    def open(cls, folder: Path) -> FeatureDay:
        """Memory-map stored features, read-only. Raises one of DAMAGE.

        The tables must have their size and, unless they are untouched since they were written, their hash.
        """
        meta = json.loads((folder / META_FILE).read_bytes())
        if meta.pop("check") != json_hash(meta):
            raise ValueError(f"{META_FILE} is not what was written")
        shapes, stamp, digest = meta.pop("shapes"), meta.pop("mtime_ns"), meta.pop("hash")
        with (folder / TABLES_FILE).open("rb") as file:
            values = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.float32)
            touched = os.fstat(file.fileno()).st_mtime_ns != stamp
        ends = list(itertools.accumulate(math.prod(shapes[branch]) for branch in BRANCHES))
        if len(values) != ends[-1]:
            raise ValueError(f"{TABLES_FILE} has {len(values)} values, not {ends[-1]}")
        if touched and xxhash.xxh3_128_hexdigest(values.data) != digest:
            raise ValueError(f"{TABLES_FILE} has other values than were written")
        hf, mf, lf, static = (
            values[a:b].reshape(shapes[c]) for c, a, b in zip(BRANCHES, [0, *ends], ends, strict=False)
        )
        return cls(**meta, hf=hf, mf=mf, lf=lf, static=static)

    def window(self, second: int) -> dict[str, Array]:
        """What is observed at the end of `second`: hf (60, H), mf (30, M), lf (30, L), static (S,).

        Rows before the day's first are zero. `mf` ends with the minute *before* the one that `second` lies in, for
        all of its 60 seconds: the running minute is seen through `hf` and `static`.
        """
        return {
            "hf": _last_rows(self.hf, second + 1, HF_WINDOW),
            "mf": _last_rows(self.mf, second // 60, MF_WINDOW),
            "lf": np.array(self.lf),
            "static": np.array(self.static[second]),
        }


def _last_rows(table: Array, stop: int, count: int) -> Array:
    """Rows [stop - count, stop) of `table`, zeros where that reaches before row 0."""
    window = np.zeros((count, table.shape[1]), np.float32)
    have = min(stop, count)
    if have:
        window[count - have :] = table[stop - have : stop]
    return window
