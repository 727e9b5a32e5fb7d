"""The runs below a folder at a glance: what state each is in, and its newest numbers."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from metrics.notes import Kind
from metrics.run_store import RunStore, Snapshot
from metrics.store_schema import FILE, LATEST, LIVE
from utils.errors import ModelError, nearest
from utils.paths import shown

CONFIG = "config.yaml"
RESULT = "result.json"
"""How the run ended; it is not there while the run goes on, or if it was killed."""
ABOUT = "about.json"
"""Where the run comes from: code, data, seed, libraries."""
LAST = "last"


class State(StrEnum):
    """What a run is doing."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"  # by a signal: it can go on
    STOPPED = "stopped"  # killed or failed: it can go on if it has a checkpoint
    OTHER = "no training"  # a backtest, an index


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run."""

    folder: Path
    state: State
    about: dict[str, Any]
    """about.json; empty for what did not train."""
    result: dict[str, Any]
    """result.json; empty while there is none."""
    numbers: Snapshot | None
    """Newest value of every metric."""
    live: Snapshot | None
    """Last decision of the lane that is followed."""
    stage: dict[str, Any]
    """Of the curriculum, as its note tells; empty before the first."""

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name

    @property
    def group(self) -> str:
        """Its lineage."""
        return str(self.about.get("group", ""))

    @property
    def step(self) -> int:
        """Environment steps so far."""
        return self.numbers.step if self.numbers else 0


def list_runs(folder: Path) -> list[RunSummary]:
    """Every run below `folder`, the newest first."""
    if not folder.is_dir():
        return []
    return [summary_of(path) for path in sorted(folder.iterdir(), reverse=True) if (path / CONFIG).is_file()]


def find_run(folder: Path, name: str) -> Path:
    """The folder of a run: "last" (the newest that trains, else that has trained), a name below `folder`, or a path.

    Raises ModelError with the nearest names.
    """
    runs = _below(folder)
    if name == LAST and runs:
        trained = [path for path in runs if (path / FILE).is_file()]
        return next((path for path in reversed(trained) if is_running(path)), (trained or runs)[-1])
    for path in (folder / name, Path(name)):
        if name != LAST and (path / CONFIG).is_file():
            return path
    raise _no_run(folder, name)


def run_below(folder: Path, name: str) -> Path:
    """The folder of a run that somebody names from outside: "last", or one below `folder`, never a path.

    Raises ModelError as `find_run`.
    """
    if name == LAST or name in [path.name for path in _below(folder)]:
        return find_run(folder, name)
    raise _no_run(folder, name)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if (path / CONFIG).is_file()) if folder.is_dir() else []


def _no_run(folder: Path, name: str) -> ModelError:
    names = [path.name for path in _below(folder)]
    near = nearest(name, names) or names[-3:]
    return ModelError(f"there is no run {name!r}", where=shown(folder), near=near, fix="./fx quick makes one")


def summary_of(folder: Path) -> RunSummary:
    """What is known of the run in `folder`."""
    numbers = live = None
    stage: dict[str, Any] = {}
    try:
        with RunStore(folder) as store:
            numbers, live = store.snapshot(LATEST), store.snapshot(LIVE)
            stage = store.last_note(Kind.STAGE)
    except (ModelError, sqlite3.Error):  # a run without a store, of another version, or just being made
        pass
    result = _json(folder / RESULT)
    return RunSummary(
        folder=folder,
        state=_state(folder, result),
        about=_json(folder / ABOUT),
        result=result,
        numbers=numbers,
        live=live,
        stage=stage,
    )


def is_running(folder: Path) -> bool:
    """Whether a process holds the run, see `scripts.runs.run_folder`."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _state(folder: Path, result: dict[str, Any]) -> State:
    if is_running(folder):
        return State.RUNNING
    if not result:
        return State.STOPPED if (folder / ABOUT).is_file() else State.OTHER
    return State.INTERRUPTED if result.get("interrupted") else State.ENDED


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
