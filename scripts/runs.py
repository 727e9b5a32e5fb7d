"""The folder of a run: its configuration, log, numbers, checkpoints and results."""

from __future__ import annotations

import dataclasses
import datetime as dt
import fcntl
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from config.compose import config_yaml, saved_config, unlike_saved
from config.schema import Config
from metrics.runs import ABOUT, CONFIG, LAST, RESULT
from scripts.influence import influences
from utils.atomic import write_text
from utils.errors import ModelError, nearest
from utils.logger import get_logger
from utils.paths import anchored, shown

log = get_logger(__name__)

LIBRARIES = ("torch", "numpy", "numba", "stable-baselines3", "sb3-contrib")
CHECKPOINTS = "checkpoints"
LOCK_S = 0.5
"""Who looks whether a run goes on (`metrics.runs.is_running`) holds its folder for an instant."""


@contextmanager
def run_folder(config: Config) -> Generator[Path]:
    """The folder of this run: a new `<runs>/<UTC time>-<name>`, or that of `training.resume`, by one process at a time.

    It gets config.yaml; what is logged meanwhile also goes to run.log in it.
    """
    resumed = bool(config.training.resume)
    folder = anchored(config.training.resume) if resumed else _new(anchored(config.runs), config.name)
    with _alone(folder):
        if resumed:
            _tell_changes(folder, config)
        (folder / RESULT).unlink(missing_ok=True)
        save_config(folder, config)
        handler = _RunLog(folder / "run.log")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            yield folder
        finally:
            root.removeHandler(handler)
            handler.close()


class _RunLog(logging.FileHandler):
    """Where the disk refuses, that is said once: every line is on standard error all the same."""

    _refused = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's name for it
        """Instead of a traceback for every line."""
        if not self._refused:
            self._refused = True
            sys.stderr.write(f"{shown(self.baseFilename)} cannot be written: {sys.exception()}\n")

    def close(self) -> None:
        """Close it; what was refused is not written any more."""
        with suppress(OSError):
            super().close()


def write_about(folder: Path, origin: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Write about.json: where the run comes from, and each of its parts. Returns it.

    A part is what ran from `step` on in one process: a run that is resumed has several.
    """
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    python = platform.python_version()
    part = {"time": now, "step": step, "git": origin["git"], "python": python, "versions": libraries()}
    known = {name: value for name, value in origin.items() if name != "config"}  # which lies beside it
    made = {**known, "parts": [*about_of(folder).get("parts", []), part]}
    write_text(folder / ABOUT, json.dumps(made, indent=1, default=str))
    return made


def libraries() -> dict[str, str]:
    """Versions of those that numbers come from."""
    return {name: metadata.version(name) for name in LIBRARIES}


def about_of(folder: Path) -> dict[str, Any]:
    """What `write_about` wrote; empty if nothing was."""
    path = folder / ABOUT
    return json.loads(path.read_text()) if path.is_file() else {}


def save_config(folder: Path, config: Config) -> None:
    """Write the configuration that the run goes by."""
    write_text(folder / CONFIG, config_yaml(config))


def resumed(config: Config, overrides: Sequence[str]) -> Config:
    """The configuration of the run that `training.resume` of `config` names, with the `key=value` words on top.

    Raises ModelError if there is no such run, or nothing to go on with.
    """
    folder = _find(anchored(config.runs), config.training.resume)
    saved = saved_config(folder / CONFIG, overrides)
    return dataclasses.replace(saved, training=dataclasses.replace(saved.training, resume=str(folder)))


def _find(runs: Path, name: str) -> Path:
    """ "last", the name of a run below `runs`, or its folder."""
    unfinished = sorted(path for path in runs.glob("*") if _can_go_on(path))
    if name == LAST:
        if not unfinished:
            raise ModelError("no run was interrupted", where=shown(runs), fix="./fx momentum starts one")
        return unfinished[-1]
    folder = runs / name if (runs / name).is_dir() else anchored(name)
    if _can_go_on(folder):
        return folder
    near = nearest(name, [path.name for path in unfinished]) or [path.name for path in unfinished[-3:]]
    if (folder / RESULT).is_file():
        what = f"the run {folder.name} has come to its end"
        raise ModelError(what, where=shown(folder), near=near, fix="./fx momentum-continue goes on from its model")
    what = f"{folder.name} has no checkpoint yet" if folder.is_dir() else f"there is no run {name!r}"
    raise ModelError(what, where=shown(folder if folder.is_dir() else runs), near=near, fix="training.resume=last")


def _can_go_on(folder: Path) -> bool:
    if not (folder / CONFIG).is_file() or not any((folder / CHECKPOINTS).glob("r*")):
        return False
    result = folder / RESULT
    return not result.is_file() or bool(json.loads(result.read_text())["interrupted"])


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Held until the process ends, however it does. ModelError if another one has it."""
    handle = os.open(folder, os.O_RDONLY)
    until = time.monotonic() + LOCK_S
    while not _locked(handle):
        if time.monotonic() > until:
            os.close(handle)
            raise ModelError("this run is still going on", where=shown(folder), fix="wait for it, or stop it")
        time.sleep(LOCK_S / 10)
    try:
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _tell_changes(folder: Path, config: Config) -> None:
    """With other values it learns something else than the run that was interrupted."""
    unlike = [key for key in unlike_saved(folder / CONFIG, config) if influences(key)]
    if unlike:
        log.warning("the run goes on with other values than before: %s", ", ".join(unlike))


def _new(runs: Path, name: str) -> Path:
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    number = 1
    while True:  # two runs in one second are two runs
        folder = runs / (f"{stamp}-{name}" if number == 1 else f"{stamp}-{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder
