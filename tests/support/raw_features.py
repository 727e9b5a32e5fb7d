"""Raw values of single features, before normalisation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data.market_day import MarketDay
from feature.extractor import ROWS
from feature.frame import Frame
from feature.registry import registered
from tests.support.wire import python_of


def raw_feature(day: MarketDay, name: str) -> npt.NDArray[np.float64]:
    """The column as its kernel fills it; NaN where it is unknown."""
    declared, kernel = next(entry for entry in registered() if entry.feature.name == name)
    frame, rows = Frame(day), ROWS[declared.branch]
    out = np.full(rows, np.inf)
    arguments = (*map(frame.value, declared.inputs), *declared.params)
    kernel(*arguments, 0, rows, out)
    return out


def python_rows(day: MarketDay, name: str, first: int, stop: int) -> npt.NDArray[np.float64]:
    """Rows [first, stop) by the uncompiled kernel."""
    declared, kernel = next(entry for entry in registered() if entry.feature.name == name)
    frame = Frame(day)
    out = raw_feature(day, name)
    with np.errstate(invalid="ignore", divide="ignore"):
        python_of(kernel)(*map(frame.value, declared.inputs), *declared.params, first, stop, out)
    return out[first:stop]
