"""A floor that physics and software set, and a skewed rest: brokers' round trips look like this."""

from __future__ import annotations

import numpy as np

from simulators.models import latency_model
from utils.seeding import normal_nb

MS = 1e6


@latency_model(
    "lognormal",
    formula="base_ms + LogNormal(ln median_ms, sigma)",
    params={"base_ms": (0.0, 60_000.0), "median_ms": (0.0, 60_000.0), "sigma": (0.0, 3.0)},
)
def lognormal(stream, params, table, rows):
    """Nanoseconds."""
    return (params["base_ms"] + params["median_ms"] * np.exp(params["sigma"] * normal_nb(stream, np.uint64(0)))) * MS
