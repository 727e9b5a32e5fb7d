"""Replays of a run: one trading day traded by two of its models, a file each in the run's folder.

`scripts.replay` writes them, the dashboard reads them. The first line of a file is JSON, what is known of the replay;
the rest are its arrays, packed (see utils/web/packed.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.atomic import write_text
from utils.paths import path_part

FOLDER = "replays"
"""In the run's folder."""
SUFFIX = ".replay"


def replay_path(run: Path, symbol: str, date: str, names: tuple[str, str]) -> Path:
    """Where the replay of a day by two models is kept."""
    return run / FOLDER / f"{path_part(symbol)}-{date}-{names[0]}-{names[1]}{SUFFIX}"


def write_replay(path: Path, facts: Mapping[str, Any], arrays: str) -> None:
    """The whole file, or nothing; what was there is replaced."""
    path.parent.mkdir(exist_ok=True)
    write_text(path, f"{json.dumps(facts, allow_nan=False)}\n{arrays}\n")


def replay_facts(path: Path) -> dict[str, Any]:
    """Its first line, with `name`. OSError or ValueError if it cannot be read."""
    with path.open() as file:
        return {**json.loads(file.readline()), "name": path.stem}


def list_replays(run: Path) -> list[dict[str, Any]]:
    """Facts of all of a run's replays, the newest first."""
    found: list[tuple[float, dict[str, Any]]] = []
    for path in run.glob(f"{FOLDER}/*{SUFFIX}"):
        try:
            found.append((path.stat().st_mtime, replay_facts(path)))
        except (OSError, ValueError):  # not one of ours, or just taken away
            continue
    return [facts for _, facts in sorted(found, key=lambda each: -each[0])]
