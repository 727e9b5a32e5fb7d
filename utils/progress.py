"""Progress of long work for people: a bar on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from utils.logger import console, get_logger

log = get_logger(__name__)
T = TypeVar("T")


def with_progress(items: Iterable[T], total: int, log_every_s: float, doing: str, unit: str) -> Generator[T]:
    """`items`, with a bar on a terminal and a log line now and then elsewhere."""
    if total == 0:
        yield from items
    elif console.is_terminal:
        columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            job = bar.add_task("", total=total)
            for item in items:
                yield item
                bar.advance(job)
    else:
        yield from _with_lines(items, total, log_every_s, doing, unit)


def _with_lines(items: Iterable[T], total: int, log_every_s: float, doing: str, unit: str) -> Generator[T]:
    start = said = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said >= log_every_s or done == total:
            said, rate = now, done / max(now - start, 1e-9)
            left = (total - done) / rate
            log.info("%s: %d of %d %s, %.1f a second, %.0f s left", doing, done, total, unit, rate, left)
