"""Runs a target on inputs drawn from a seed, and keeps every input that it does not stand."""

from __future__ import annotations

import math
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import xxhash

from scripts.fuzz.target import Target
from scripts.progress import counted
from utils.errors import DataError, FxError
from utils.paths import ROOT
from utils.seeding import stream

SAID_EVERY_S = 10.0
HANG_S = 10.0
"""No input may take longer."""
MEMORY_FOLDER = Path("/dev/shm")
"""Where inputs are written, if there is one: a million files would wear a disk."""


class Crash(NamedTuple):
    """An input that was not stood."""

    target: str
    name: str
    """Of its file: target and sum."""
    data: bytes
    why: str


class Report(NamedTuple):
    """What became of the inputs of one target."""

    target: Target
    inputs: int
    seconds: float
    outcomes: Counter[str]
    crashes: list[Crash]


class HangError(Exception):
    """It took too long."""


def fuzz(target: Target, count: int, seed: int, until: float = math.inf) -> Report:
    """Up to `count` inputs, drawn from `seed`; none is begun after `until`, by time.monotonic."""
    draw = stream(seed, "fuzz", target.name)
    with input_folder() as folder:
        seeds = target.seeds(folder)

        def inputs() -> Iterable[bytes]:
            for _ in counted(range(count), f"fuzzing {target.name}", SAID_EVERY_S):
                if time.monotonic() >= until:
                    return
                yield target.draw(seeds, draw)

        return _tried(target, inputs(), folder)


def replay(target: Target, inputs: Iterable[bytes]) -> Report:
    """The same with inputs that were kept."""
    with input_folder() as folder:
        return _tried(target, inputs, folder)


@contextmanager
def input_folder() -> Generator[Path]:
    """A new folder for inputs, in memory where there is such a place."""
    place = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fx-fuzz-", dir=place) as folder:
        yield Path(folder)


def _tried(target: Target, inputs: Iterable[bytes], folder: Path) -> Report:
    outcomes: Counter[str] = Counter()
    crashes: dict[str, Crash] = {}  # one for every place where it breaks
    began = time.monotonic()
    with _time_limit():
        for data in inputs:
            signal.setitimer(signal.ITIMER_REAL, HANG_S)
            try:
                outcomes[target.read(data, folder)] += 1
            except DataError as why:
                outcomes[f"refused: {why.rule}"] += 1
            except FxError as why:
                outcomes[f"refused: {type(why).__name__}"] += 1
            except Exception as why:  # noqa: BLE001 - whatever gets here is what is looked for
                outcomes["CRASH"] += 1
                crashes.setdefault(_place(why), _crash(target, data, why))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0.0)
    return Report(target, sum(outcomes.values()), time.monotonic() - began, outcomes, list(crashes.values()))


def _crash(target: Target, data: bytes, why: Exception) -> Crash:
    name = f"{target.name}-{xxhash.xxh3_64_hexdigest(data)}.bin"
    lines = [*traceback.format_list(_ours(why)[1:]), *traceback.format_exception_only(why)]
    return Crash(target.name, name, data, "".join(lines))


def _place(why: Exception) -> str:
    """Kind of error, and the last line of ours on the way to it: the same bug once."""
    last = _ours(why)[-1]
    return f"{type(why).__name__} {last.filename}:{last.lineno}"


def _ours(why: Exception) -> list[traceback.FrameSummary]:
    """The way to the error, without what libraries did on it."""
    return [at for at in traceback.extract_tb(why.__traceback__) if at.filename in _sources()]


@cache
def _sources() -> frozenset[str]:
    return frozenset(str(path) for path in ROOT.glob("*/**/*.py") if not path.is_relative_to(ROOT / ".venv"))


@contextmanager
def _time_limit() -> Generator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise HangError(f"an input took longer than {HANG_S:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
