"""Progress of long work as log lines: at most one every few seconds, none for what is quick."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

from utils.logger import get_logger

log = get_logger(__name__)
T_co = TypeVar("T_co", covariant=True)


class Countable(Iterable[T_co], Sized, Protocol[T_co]):
    """What can be walked through and counted."""


class DayProgress:
    """Listener of a backtest: how far each policy has come through the days."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._said = time.monotonic()

    def __call__(self, policy: str, done: int, total: int) -> None:
        """`done` of `total` seconds of the market have passed."""
        now = time.monotonic()
        if now - self._said >= self._every_s:
            log.info("%s: %d %% of the way through the days", policy, 100 * done // max(total, 1))
            self._said = now


def counted(items: Countable[T_co], what: str, every_s: float) -> Iterator[T_co]:
    """`items`, with a line every `every_s` seconds: how many are done, and how long the rest will take."""
    start = said = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - said >= every_s:
            left = (now - start) / done * (len(items) - done)
            log.info("%s: %d of %d, %.0f s left", what, done, len(items), left)
            said = now
        yield item
