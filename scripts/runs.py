"""The folder of a run: its configuration, log, numbers and results."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from config.compose import config_yaml
from config.schema import Config
from utils.atomic import write_text
from utils.paths import anchored


@contextmanager
def run_folder(config: Config) -> Generator[Path]:
    """A new `<runs>/<UTC time>-<name>` with config.yaml; what is logged meanwhile also goes to run.log in it."""
    folder = _new(anchored(config.runs), config.name)
    write_text(folder / "config.yaml", config_yaml(config))
    handler = logging.FileHandler(folder / "run.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield folder
    finally:
        root.removeHandler(handler)
        handler.close()


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
