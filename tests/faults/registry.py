"""What can go wrong, as a registry: one small function a fault, which makes it happen and says what came of it.

A function that returns has shown what its row of docs/reliability.md says; one that raises has found a broken promise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

NOTHING = "nothing"
IN_FLIGHT = "what was in flight"
LIMIT_S = 10.0
"""Within so many seconds of a fault a program has recovered or ended, on a machine that has a core for it."""


class Setting(NamedTuple):
    """Where a fault happens, and how often."""

    folder: Path
    """Of its own, empty."""
    tries: int
    """How often what is drawn is drawn; 1 is the least that shows anything."""
    chance: np.random.Generator
    slack: float = 1.0
    """By so much LIMIT_S is longer where others use the machine too."""

    @property
    def limit_s(self) -> float:
        """LIMIT_S here."""
        return LIMIT_S * self.slack


class Outcome(NamedTuple):
    """What came of a fault: words that are the same every time, and figures that are not."""

    did: str
    """What the system did."""
    lost: str = NOTHING
    tries: int = 1
    """How often it happened."""
    slowest_s: float | None = None
    """From the fault to the recovery or the end; None where no time passes."""


class Fault(NamedTuple):
    """A row of the page that a function of this folder proves."""

    group: str
    name: str
    done: str
    """What is done."""
    happen: Callable[[Setting], Outcome]
    dear: bool
    """Too slow for the tests: `./fx faults` alone makes it happen."""


class Proven(NamedTuple):
    """A row of the page that tests elsewhere prove: `did` and `lost` are what they assert."""

    group: str
    name: str
    done: str
    did: str
    tests: tuple[str, ...]
    """Ids of pytest, without parameters."""
    lost: str = NOTHING


FAULTS: list[Fault] = []


def fault(
    group: str, name: str, done: str, *, dear: bool = False
) -> Callable[[Callable[[Setting], Outcome]], Callable[[Setting], Outcome]]:
    """Register the decorated function."""

    def register(happen: Callable[[Setting], Outcome]) -> Callable[[Setting], Outcome]:
        FAULTS.append(Fault(group, name, done, happen, dear))
        return happen

    return register


def promise(kept: bool, what: str, said: str = "") -> None:
    """Raise AssertionError with what was broken, and what the program said."""
    if not kept:
        raise AssertionError(f"{what}\n{said}" if said else what)
