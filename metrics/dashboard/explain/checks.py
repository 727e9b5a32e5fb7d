"""The explanations of a run, each file read once for as long as it stays as it is."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from metrics.explanation import Decision, Explanation, State, explanations
from metrics.reading import faithfulness, summed
from utils.errors import ModelError

SEEN, DIGESTS = 4, 4_096
"""Explanations and their digests that are kept in memory."""
MOST = 60
"""Checks that lines over the training are made of; of more every so many are left out."""


class Place(NamedTuple):
    """Where a decision was taken, and what it was."""

    symbol: str
    date: str
    lane: int
    stratum: str


class Digest(NamedTuple):
    """What lines over many checks and the search for a decision need of one."""

    step: int
    shares: dict[str, float]
    """By feature."""
    branches: dict[str, float]
    families: dict[str, float]
    figures: dict[str, float]
    """Soundness and cost by name; nan where not known."""
    states: dict[str, int]
    """Features by state."""
    places: dict[Place, tuple[int, ...]]
    """Seconds of its decisions."""


class Check(NamedTuple):
    """A file of a run's folder, as it was when it was looked for."""

    step: int
    path: Path
    mtime_ns: int

    def digest(self) -> Digest | None:
        """None: the file is damaged, or has made room."""
        return digest_of(self.path, self.mtime_ns)

    def opened(self) -> Explanation:
        """Raises ModelError if it is damaged, FileNotFoundError if it has made room."""
        return _read(self.path, self.mtime_ns)


def checks(folder: Path) -> list[Check]:
    """Of the training of a run, the oldest first; no file is read yet."""
    found: list[Check] = []
    for path in explanations(folder):
        try:
            found.append(Check(int(path.stem), path, path.stat().st_mtime_ns))
        except FileNotFoundError:  # an old one has just made room
            continue
    return found


def thinned(found: list[Check]) -> list[Check]:
    """At most MOST of them, the newest among them."""
    every = math.ceil(len(found) / MOST)
    return found[::-1][:: max(every, 1)][::-1]


Explained = dict[Place, list[tuple[int, Check]]]
"""Seconds at which decisions were taken, with the checks that explain them."""


@lru_cache(maxsize=SEEN)
def explained_places(found: tuple[Check, ...]) -> Explained:
    """Of all decisions of all checks."""
    made: Explained = {}
    for check in found:
        digest = check.digest()
        for place, seconds in digest.places.items() if digest else ():
            made.setdefault(place, []).extend((second, check) for second in seconds)
    return made


def _places(decisions: list[Decision]) -> dict[Place, tuple[int, ...]]:
    made: dict[Place, tuple[int, ...]] = {}
    for one in decisions:
        place = Place(one.symbol, one.date, one.lane, one.stratum)
        made[place] = (*made.get(place, ()), one.second)
    return made


@lru_cache(maxsize=SEEN)
def _read(path: Path, mtime_ns: int) -> Explanation:  # noqa: ARG001 - what the file was then
    return Explanation.read(path)


@lru_cache(maxsize=DIGESTS)
def digest_of(path: Path, mtime_ns: int) -> Digest | None:  # noqa: ARG001 - as above
    """Of a file; None if it is damaged or has gone."""
    try:
        told = Explanation.read(path)  # not by `_read`: a run's checks would push out the few that are looked at
    except (ModelError, FileNotFoundError):
        return None
    return Digest(
        step=told.step,
        shares={use.name: use.action for use in told.features},
        branches=summed(told.features, "branch"),
        families=summed(told.features, "family"),
        figures={
            "delta": told.delta,
            "agreement": told.agreement,
            "randomised": told.randomised,
            "faithfulness": faithfulness(told.curve) if told.curve else math.nan,
            "memory_mb": told.cost.memory_mb,
        },
        states={state: sum(use.state == state for use in told.features) for state in State},
        places=_places(told.decisions),
    )
