"""Several real processes around one training, without the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.forks import FORKS
from utils.group import MEETING

SIZE = 2
JOIN_S = 900
"""How long processes may take on a crowded machine."""


def start(folder: Path, work: Callable[..., None], *given: Any) -> list[Any]:
    """`work(*given)` begun in SIZE processes that meet in `folder`."""
    children = [FORKS.Process(target=_work, args=(folder, rank, work, given)) for rank in range(SIZE)]
    for child in children:
        child.start()
    return children


def ended(children: list[Any]) -> list[int | None]:
    """Exit codes, minus the signal that ended a process; None for one that hangs, which is killed."""
    codes: list[int | None] = []
    for child in children:
        child.join(JOIN_S)
        codes.append(child.exitcode)
        child.kill()
    return codes


def _work(folder: Path, rank: int, work: Callable[..., None], given: tuple[Any, ...]) -> None:
    size = str(SIZE)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=size, LOCAL_WORLD_SIZE=size)
    os.environ[MEETING] = str(folder / "meeting")
    work(*given)
