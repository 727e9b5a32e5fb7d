"""Draws from measured latencies: the inverse of their distribution function, linear between the points."""

from __future__ import annotations

from simulators.models import latency_model
from utils.seeding import uniform_nb

MS = 1e6


@latency_model("empirical", formula="base_ms + a draw from the file", params={"base_ms": (0.0, 60_000.0)}, file=True)
def empirical(stream, params, table, rows):
    """Nanoseconds."""
    place = uniform_nb(stream, 0) * (rows - 1)
    left = min(int(place), max(rows - 2, 0))
    right = min(left + 1, rows - 1)
    return (params["base_ms"] + table[left] + (place - left) * (table[right] - table[left])) * MS
