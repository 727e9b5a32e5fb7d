"""Which pattern a moment of a day belongs to, for those who sort round trips by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data.layout import ResetKind

PATTERN_S = 300
"""An entry belongs to the last pattern of so many seconds before it."""
NO_PATTERN = "none"

Patterns = tuple[tuple[int, str], ...]
"""Second and name of detected patterns, by time."""


def patterns_of(points: Iterable[tuple[int, int]]) -> Patterns:
    """Of (second, ResetKind) of a day's reset points, by time; random controls are no pattern."""
    return tuple((second, ResetKind(kind).name.lower()) for second, kind in points if kind != ResetKind.RANDOM)


def pattern_at(second: int, patterns: Sequence[tuple[int, str]]) -> str:
    """Name of the last pattern up to PATTERN_S before `second`, or NO_PATTERN."""
    recent = [name for at, name in patterns if second - PATTERN_S <= at <= second]
    return recent[-1] if recent else NO_PATTERN
