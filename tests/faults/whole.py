"""What is left of a program is looked at file by file: whole, or not there."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from agent.checkpoint import MANIFEST, load_checkpoint
from data.market_day import MarketDay
from data.scanner.index import SUMMARY, MomentumIndex
from data.validation import verify_file
from feature.feature_day import FeatureDay
from metrics.store_schema import FILE as STORE
from tests.faults.registry import promise

FOREIGN = ("wandb",)
"""Folders of other programs: their files are theirs to judge."""


def check(folder: Path, *, killed: bool = False) -> int:
    """Everything below `folder` is whole; returns how many files were judged.

    killed: nobody could clean up, so files under a name with a dot in front, which no reader sees, may be there.
    """
    hidden = [path for path in _below(folder) if path.name.startswith(".")]
    promise(killed or not hidden, f"left behind: {', '.join(map(str, hidden))}")
    judged = 0
    for path in _below(folder):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        for suffix, judge in JUDGES.items():
            if path.name.endswith(suffix):
                judged += 1
                judge(path)
    return judged


def content(folder: Path, *patterns: str) -> dict[str, str]:
    """Digests of the files below `folder` that match, by name."""
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def size(folder: Path) -> int:
    """Bytes that everything below `folder` takes on a disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name in FOREIGN:
            continue
        yield path
        if path.is_dir():
            yield from _below(path)


def _day(path: Path) -> None:
    kind = MarketDay if "days" in path.parts else FeatureDay if "features" in path.parts else None
    if kind is not None:
        kind.open(path.parent)
    json.loads(path.read_text())


def _json(path: Path) -> None:
    json.loads(path.read_text())
    if path.name == SUMMARY and path.parent.name == "index":
        MomentumIndex.load(path.parent)
    if path.name == MANIFEST:
        load_checkpoint(path.parent, training=True)


def _store(path: Path) -> None:
    with sqlite3.connect(path) as db:
        promise(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), f"{path} is damaged")


def _csv(path: Path) -> None:
    """A row has as many fields as the head; of a run that goes on the last one may be half."""
    rows = path.read_text().split("\n")[:-1]
    fields = {row.count(",") for row in rows if '"' not in row}
    promise(len(fields) <= 1, f"{path} has rows of different lengths")


def _dbn(path: Path) -> None:
    if "broken" not in path.parts:
        promise(verify_file(path).ok, verify_file(path).text())


JUDGES: dict[str, Callable[[Path], object]] = {
    "meta.json": _day,
    ".json": _json,
    ".parquet": pl.read_parquet,
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".csv": _csv,
    ".dbn.zst": _dbn,
    STORE: _store,
}
"""By how a name ends. Ledgers (.jsonl) may hold half a line where one was cut off: their readers pass it over."""
