"""A latency model: every other order is slow."""

from __future__ import annotations

from simulators.models import latency_model
from utils.seeding import uniform_nb

MS = 1e6


@latency_model("two_speeds", formula="fast or slow", params={"fast_ms": (0.0, 1e3), "slow_ms": (0.0, 1e4)})
def two_speeds(stream, params, table, rows):
    """Nanoseconds from decision to arrival."""
    return (params["fast_ms"] if uniform_nb(stream, 0) < 0.5 else params["slow_ms"]) * MS
