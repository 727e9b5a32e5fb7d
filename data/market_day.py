"""A day is arrays: one `MarketDay` holds everything that is known about a symbol's day, memory-mapped once stored."""

from __future__ import annotations

import datetime as dt
import json
import math
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from data.layout import HALT, QUOTE, TRADE
from utils.atomic import new_folder
from utils.errors import DataError
from utils.hashing import json_hash

ARRAYS = {
    "bars": np.dtype("f8"),
    "market": np.dtype("f8"),
    "quotes": QUOTE,
    "trades": TRADE,
    "quote_rows": np.dtype("i8"),
    "trade_rows": np.dtype("i8"),
    "halts": HALT,
    "daily": np.dtype("f8"),
    "clock_volume": np.dtype("f8"),
}
"""Arrays of a day and their dtypes, in the order in which they are stored."""
_ARRAYS_FILE = "arrays.bin"
_META_FILE = "meta.json"
_ALIGN = 64


@dataclass(frozen=True, kw_only=True)
class MarketDay:
    """One symbol, one date. Arrays are read-only; see `data/layout.py` for their columns."""

    symbol: str
    date: dt.date
    start_ns: int
    """04:00:00 New York of `date`, UTC ns: the start of second 0."""
    open_s: int
    """Second of the regular open (19,800 = 09:30)."""
    close_s: int
    """Second of the regular close (43,200 = 16:00; earlier on early closes)."""
    end_s: int
    """Second at which the post-market ends (57,600 = 20:00; earlier on early closes)."""
    previous_close: float
    """Adjusted to `date`, dollars; 0 if unknown."""
    adjustment: float
    """Factor that was applied to earlier prices (10 after a 1:10 reverse split), 1 if none."""
    shares_outstanding: float = 0.0
    """As known that morning; 0 if unknown."""
    float_shares: float = 0.0
    """Shares that the public may trade, as known that morning; 0 if unknown."""
    synthetic: bool
    sources: dict[str, str]
    """Content hash by file name."""
    notes: tuple[str, ...]
    """Repairs and gaps worth telling, e.g. "no status schema: halts inferred"."""
    key: str = ""
    """Hash of everything the day was made from (inputs, code, configuration); empty for a day made by hand."""

    bars: npt.NDArray[np.float64]  # [57600, len(Bar)]
    market: npt.NDArray[np.float64]  # [57600, len(Market)]
    quotes: npt.NDArray[np.void]  # QUOTE [n]
    trades: npt.NDArray[np.void]  # TRADE [m]
    quote_rows: npt.NDArray[np.int64]  # [57601] first row of `quotes` that arrived at or after the start of second s
    trade_rows: npt.NDArray[np.int64]  # [57601]
    halts: npt.NDArray[np.void]  # HALT [k]
    daily: npt.NDArray[np.float64]  # [30, len(Daily)] previous sessions, oldest first, zero rows in front where unknown
    clock_volume: npt.NDArray[
        np.float64
    ]  # [960] mean cumulative volume by the end of minute m over <= 20 previous sessions

    @property
    def name(self) -> str:
        """E.g. "MLGO 2025-04-15"."""
        return f"{self.symbol} {self.date.isoformat()}"

    def save(self, folder: Path) -> None:
        """Write one file with all arrays plus `meta.json`; the folder appears whole or not at all.

        One file, because every memory map holds a file descriptor and a bank keeps hundreds of days open.
        """
        with new_folder(folder) as made:
            stored = self._write_arrays(made / _ARRAYS_FILE)
            meta = {**self._meta(), "arrays": stored}
            text = json.dumps({**meta, "check": json_hash(meta)}, indent=1)
            (made / _META_FILE).write_text(text)

    def _write_arrays(self, path: Path) -> dict[str, Any]:
        """Where each array lies in the file, and by what the file is known to be whole."""
        digest = xxhash.xxh3_128()
        places: dict[str, list[Any]] = {}
        with path.open("wb") as file:
            for name, dtype in ARRAYS.items():
                array = np.ascontiguousarray(getattr(self, name), dtype)
                padding = bytes(-file.tell() % _ALIGN)
                file.write(padding)
                digest.update(padding)
                places[name] = [file.tell(), list(array.shape)]
                content = array.reshape(-1).view(np.uint8).data
                file.write(content)
                digest.update(content)
            file.flush()
            os.fsync(file.fileno())
        stat = path.stat()
        return {"places": places, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "hash": digest.hexdigest()}

    def _meta(self) -> dict[str, Any]:
        meta = {k: getattr(self, k) for k in self.__dataclass_fields__ if k not in ARRAYS}
        return {**meta, "date": self.date.isoformat(), "notes": list(self.notes)}

    @classmethod
    def open(cls, folder: Path) -> MarketDay:
        """Memory-map a stored day.

        Raises FileNotFoundError if it is not there, DataError if it is damaged: `meta.json` must match its own hash,
        the arrays their size and, unless they are untouched since they were written, their hash.
        """
        meta = _checked_meta((folder / _META_FILE).read_bytes())
        if meta is None or not _is_whole(folder / _ARRAYS_FILE, meta["arrays"]):
            raise DataError("A stored day is damaged", rule="cache", where=folder, fix=f"delete {folder}")
        places = meta.pop("arrays")["places"]
        meta["date"] = dt.date.fromisoformat(meta["date"])
        meta["notes"] = tuple(meta["notes"])
        with (folder / _ARRAYS_FILE).open("rb") as file:
            content = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        return cls(**meta, **_views(content, places))


def _checked_meta(content: bytes) -> dict[str, Any] | None:
    """What `save` wrote, None if it is not that any more."""
    try:
        meta: Any = json.loads(content)
    except ValueError:
        return None
    if not isinstance(meta, dict) or "check" not in meta:
        return None
    plain: dict[str, Any] = dict(meta)
    return plain if plain.pop("check") == json_hash(plain) else None


def _is_whole(path: Path, stored: dict[str, Any]) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    if stat.st_size != stored["size"]:
        return False
    return stat.st_mtime_ns == stored["mtime_ns"] or xxhash.xxh3_128_hexdigest(path.read_bytes()) == stored["hash"]


def _views(content: npt.NDArray[np.uint8], places: dict[str, tuple[int, list[int]]]) -> dict[str, Any]:
    """The arrays of a stored day, without copying."""
    views: dict[str, Any] = {}
    for name, (offset, shape) in places.items():
        dtype = ARRAYS[name]
        size = math.prod(shape) * dtype.itemsize
        views[name] = content[offset : offset + size].view(dtype).reshape(shape)
    return views
