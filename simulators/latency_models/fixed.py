"""Every order takes as long."""

from __future__ import annotations

from simulators.models import latency_model

MS = 1e6


@latency_model("fixed", formula="ms", params={"ms": (0.0, 60_000.0)})
def fixed(stream, params, table, rows):
    """Nanoseconds."""
    return params["ms"] * MS
