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
INT32 = 2**31 - 1


class Series(NamedTuple):
    """What is packed."""

    values: npt.NDArray[np.floating | np.integer]
    """[n], finite."""
    step: float
    """What one is rounded to."""


def packed(series: Mapping[str, Series]) -> str:
    """A line of JSON, `[[name, length, step], ...]`, and a line of base64, as packed.js reads them.

    Raises ValueError for what is not finite or takes more than 32 bits of steps.
    """
    head = [[name, len(each.values), each.step] for name, each in series.items()]
    planes = b"".join(_planes(name, each) for name, each in series.items())
    return json.dumps(head) + "\n" + base64.b64encode(zlib.compress(planes, LEVEL)).decode()


def _planes(name: str, series: Series) -> bytes:
    """Differences with the sign in the last bit, all lowest bytes first: mostly zeros."""
    codes = np.rint(np.asarray(series.values, np.float64) / series.step)
    if not np.isfinite(codes).all() or np.abs(codes).max(initial=0) > INT32 // 4:
        raise ValueError(f"{name} is not finite, or too large for steps of {series.step}")
    steps = np.diff(codes.astype(np.int64), prepend=0)
    coded = ((steps << 1) ^ (steps >> 63)).astype("<u4")
    return coded.view(np.uint8).reshape(-1, 4).T.tobytes()
