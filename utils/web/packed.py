"""Arrays within a page: whole steps of their unit, as differences, deflated. A day of seconds is some 100 KB."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SCRIPT = Path(__file__).with_name("packed.js")
LEVEL = 6
UNKNOWN = -(2**29)
"""Code of nan, as in packed.js; all others are nearer to 0."""


class Series(NamedTuple):
    """What is packed."""

    values: npt.NDArray[np.floating | np.integer]
    """[n]; nan where unknown."""
    step: float
    """What one is rounded to."""


def packed(series: Mapping[str, Series]) -> str:
    """A line of JSON, `[[name, length, step], ...]`, and a line of base64, as packed.js reads them.

    Raises ValueError for what is infinite or takes more than 2^29 steps.
    """
    head = [[name, len(each.values), each.step] for name, each in series.items()]
    planes = b"".join(_planes(name, each) for name, each in series.items())
    return json.dumps(head) + "\n" + base64.b64encode(zlib.compress(planes, LEVEL)).decode()


def _planes(name: str, series: Series) -> bytes:
    """Differences with the sign in the last bit, all lowest bytes first: mostly zeros."""
    values = np.asarray(series.values, np.float64)
    codes = np.where(np.isnan(values), UNKNOWN, np.rint(values / series.step))
    if not (np.abs(codes) < -UNKNOWN).all(where=~np.isnan(values)):
        raise ValueError(f"{name} is infinite, or too large for steps of {series.step}")
    steps = np.diff(codes.astype(np.int64), prepend=0)
    coded = ((steps << 1) ^ (steps >> 63)).astype("<u4")
    return coded.view(np.uint8).reshape(-1, 4).T.tobytes()
