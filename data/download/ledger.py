"""What was downloaded into a data folder: `downloads.jsonl`, one line an event, only ever added to.

A line is written once its file is whole and in place; a line that a power cut left half is ignored. So a download that
was broken off, however, goes on where it stopped.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from data.calendar import sessions_between
from data.download.plan import ALL_SYMBOLS, Piece, folder_of

FILE = "downloads.jsonl"


class Got(NamedTuple):
    """A file, checked to its last byte."""

    path: str
    size: int
    sha256: str
    records: int


class Job(NamedTuple):
    """A batch job that was paid for."""

    name: str
    pieces: tuple[Piece, ...]


class Ledger:
    """The events of one data folder, for one dataset."""

    def __init__(self, folder: Path, dataset: str) -> None:
        self.folder, self.dataset = folder, dataset
        self._lock = threading.Lock()
        self._files: dict[str, int] = {}  # size by path
        self._covered: dict[tuple[str, str, dt.date], list[str]] = {}  # the files that a session needs
        self._jobs: dict[str, Job] = {}
        self._done: set[str] = set()
        self.conditions: dict[dt.date, str] = {}
        """By UTC date, as the server told last."""
        for event in self._read():
            self._take(event)

    # ------------------------------------------------------------ what is known
    def has(self, schema: str, symbol: str, date: dt.date) -> bool:
        """Whether a session was got (or found to hold nothing), and its files are still there as they were."""
        for name in (symbol, ALL_SYMBOLS):
            files = self._covered.get((schema, name, date))
            if files is not None and all(self._there(path) for path in files):
                return True
        return False

    @property
    def jobs(self) -> list[Job]:
        """Batch jobs whose files are not all here yet."""
        return [job for name, job in self._jobs.items() if name not in self._done]

    def _there(self, path: str) -> bool:
        try:
            return (self.folder / path).stat().st_size == self._files[path]
        except (FileNotFoundError, KeyError):
            return False

    # ------------------------------------------------------------ what happens
    def got(self, piece: Piece, file: Got) -> None:
        """A piece is in its place."""
        self._add({"event": "file", **_plain(piece), **file._asdict()})

    def nothing(self, piece: Piece, why: str) -> None:
        """There is nothing to get: the symbol was not listed, or the day is missing."""
        self._add({"event": "nothing", **_plain(piece), "why": why})

    def condition(self, date: dt.date, condition: str) -> None:
        """What the server says of a date: available, degraded, pending, missing."""
        if self.conditions.get(date) != condition:
            self._add({"event": "condition", "date": date.isoformat(), "condition": condition})

    def submitted(self, job: Job) -> None:
        """A job was ordered: from here on it costs."""
        self._add({"event": "job", "job": job.name, "pieces": [_plain(piece) for piece in job.pieces]})

    def finished(self, job: Job, files: Iterable[Got]) -> None:
        """All files of a job are in their place."""
        self._add({"event": "job-done", "job": job.name, "files": [file._asdict() for file in files]})

    # ------------------------------------------------------------ the file
    def _read(self) -> Iterable[dict[str, Any]]:
        try:
            lines = (self.folder / FILE).read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("dataset") == self.dataset:
                yield event

    def _add(self, event: dict[str, Any]) -> None:
        line = json.dumps({"dataset": self.dataset, "at": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}", **event})
        path = self.folder / FILE
        with self._lock:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                if file.tell() and not _ends_a_line(file):
                    line = "\n" + line  # what was cut off must not take this line with it
                file.write(f"{line}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "condition":
            self.conditions[dt.date.fromisoformat(event["date"])] = event["condition"]
        elif kind == "job":
            self._jobs[event["job"]] = Job(event["job"], tuple(_piece(told) for told in event["pieces"]))
        elif kind == "job-done":
            self._done.add(event["job"])
            self._files.update({file["path"]: file["size"] for file in event["files"]})
            for piece in self._jobs[event["job"]].pieces:
                at = folder_of(piece.symbol)
                self._cover(piece, [file["path"] for file in event["files"] if file["path"].startswith(at)])
        elif kind == "file":
            self._files[event["path"]] = event["size"]
            self._cover(_piece(event), [event["path"]])
        else:
            self._cover(_piece(event), [])

    def _cover(self, piece: Piece, files: list[str]) -> None:
        for date in sessions_between(piece.first, piece.last):
            self._covered[piece.schema, piece.symbol, date] = files


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _plain(piece: Piece) -> dict[str, str]:
    return {
        "schema": piece.schema,
        "symbol": piece.symbol,
        "first": piece.first.isoformat(),
        "last": piece.last.isoformat(),
    }


def _piece(told: dict[str, Any]) -> Piece:
    first, last = (dt.date.fromisoformat(told[name]) for name in ("first", "last"))
    return Piece(told["schema"], told["symbol"], first, last)
