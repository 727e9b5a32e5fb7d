"""How a rate goes from its first value to its last as the training goes on."""

from __future__ import annotations

import math
from collections.abc import Callable

SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 0.0,
    "linear": lambda share: share,
    "cosine": lambda share: (1.0 - math.cos(math.pi * share)) / 2.0,
}
"""Share of the way that is gone by the share of the training that is done, by the names of the configuration."""


def scheduled(shape: str, first: float, last: float, share: float) -> float:
    """From `first` at share 0 to `last` at share 1; a constant stays at `first`."""
    return first + (last - first) * SHAPES[shape](share)
