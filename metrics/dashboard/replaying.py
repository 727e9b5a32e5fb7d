"""Replays that a reader asks for: each a process of its own, `python -m scripts.replay`, that the server only watches.

Nothing of the agent is imported here: a replay computes, the dashboard shows what comes of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import flask

from metrics.replays import FOLDER, SUFFIX, replay_path
from metrics.runs import run_below
from utils.errors import ConfigError, FxError
from utils.paths import ROOT

SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MODEL = re.compile(r"[rv]\d+")
LOG_HEAD = re.compile(r"^(\d\d:\d\d:\d\d )?(INFO|WARNING|ERROR) ")
TOLD_LINES = 6
"""Of what a process said, these last ones are shown."""


class Asked(NamedTuple):
    """A replay that is made or could not be made."""

    name: str
    process: subprocess.Popen[bytes]
    told: Path
    """What it says."""


class Replaying:
    """One replay at a time: it takes a core from what trains."""

    def __init__(self, runs: Path) -> None:
        """runs: their folder."""
        self._runs = runs
        self._lock = threading.Lock()
        self._asked: dict[str, Asked] = {}

    def start(self, run: str, symbol: str, date: str, names: tuple[str, str]) -> dict[str, Any]:
        """Begin to make a replay; one that is there is not made again. Raises ConfigError for what is no name."""
        folder = run_below(self._runs, run)
        parts = ((SYMBOL, symbol), (DATE, date), (MODEL, names[0]), (MODEL, names[1]))
        if any(not pattern.fullmatch(word) for pattern, word in parts):
            raise ConfigError("that is no day or no checkpoint", fix="choose from the lists")
        path = replay_path(folder, symbol, date, names)
        with self._lock:
            busy = next((one.name for one in self._asked.values() if one.process.poll() is None), "")
            if busy and busy != path.stem:
                raise ConfigError(f"{busy} is being played", fix="wait until it is done")
            ready = not busy and _is_made(folder, path, names)
            if not busy and not ready:
                self._asked[folder.name] = _spawn(folder, path, [symbol, date], names)
        return {"name": path.stem, "ready": ready}

    def state(self, run: str) -> dict[str, Any]:
        """Of the replay that was asked for last: name, whether it is going, what it says; failed: in words."""
        asked = self._asked.get(run)
        if asked is None:
            return {"name": "", "going": False, "said": "", "failed": ""}
        code = asked.process.poll()
        said = _said(asked.told)
        if code == 0:
            asked.told.unlink(missing_ok=True)
        failed = "" if code in (None, 0) else "\n".join(said[-TOLD_LINES:]) or f"it ended with code {code}"
        return {"name": asked.name, "going": code is None, "said": said[-1] if said else "starting", "failed": failed}


def add_replays(server: flask.Flask, runs: Path) -> None:
    """Routes: ask for a replay, how it goes, and the file of one."""
    replaying = Replaying(runs)

    @server.post("/replays/<run>")
    def ask(run: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        told = {name: str(value) for name, value in dict(flask.request.get_json()).items()}
        symbol, _, date = told.get("day", "").partition(" ")
        try:
            return replaying.start(run, symbol, date, (told.get("first", ""), told.get("second", "")))
        except FxError as why:  # in words, for the page
            return {"refused": why.what, "fix": why.fix}

    @server.get("/replays/<run>")
    def state(run: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        return replaying.state(run)

    @server.get("/replays/<run>/<name>")
    def replay(run: str, name: str) -> flask.Response:  # pyright: ignore[reportUnusedFunction]
        path = run_below(runs, run) / FOLDER / f"{Path(name).name}{SUFFIX}"
        if not path.is_file():
            flask.abort(404)
        return flask.send_file(path.resolve(), mimetype="text/plain", conditional=True, max_age=0)


def _is_made(folder: Path, path: Path, names: tuple[str, str]) -> bool:
    """Whether it is there, and of the checkpoints that are there: a run that went on from an older one has others."""
    if not path.is_file():
        return False
    made = path.stat().st_mtime
    checkpoints = (folder / "checkpoints" / name for name in names)
    return all(checkpoint.stat().st_mtime <= made for checkpoint in checkpoints if checkpoint.is_dir())


def _spawn(folder: Path, path: Path, day: list[str], names: tuple[str, str]) -> Asked:
    path.parent.mkdir(exist_ok=True)
    told = path.with_suffix(".log")
    words = [sys.executable, "-m", "scripts.replay", str(folder.resolve()), "--day", *day, "--checkpoints", *names]
    with told.open("wb") as out:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it goes on if the dashboard is ended
        )
    return Asked(path.stem, process, told)


def _said(told: Path) -> list[str]:
    """Lines without time and level."""
    try:
        return [LOG_HEAD.sub("", line) for line in told.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return []
