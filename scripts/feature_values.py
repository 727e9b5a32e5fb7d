"""The features of a day one by one, with what is unknown told from what is 0."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from data.layout import SECOND_NS, SECONDS, Bar
from data.market_day import MarketDay
from feature.extractor import ROWS
from feature.frame import Frame
from feature.kernels import normalise_nb
from feature.registry import Registered

Values = npt.NDArray[np.float64]


def day_values(day: MarketDay, entries: Iterable[Registered]) -> dict[str, Values]:
    """f64 [rows of its branch] by name: normalised as the model sees it, but NaN where it is unknown."""
    frame = Frame(day)
    found: dict[str, Values] = {}
    for declared, kernel in entries:
        rows = ROWS[declared.branch]
        raw, values = np.empty(rows), np.empty(rows)
        frame.add(kernel, (*map(frame.value, declared.inputs), *declared.params), rows, raw)
        normalise_nb(raw, int(declared.scaling.shape), declared.scaling.scale, values)
        known = np.isfinite(raw)
        found[declared.name] = np.where(known, np.clip(values, declared.low, declared.high), np.nan)
    return found


def first_price(day: MarketDay) -> int | None:
    """The second of the day's first trade or book; None if there is none. Warm-ups begin there."""
    priced = (day.bars[:, Bar.CLOSE] > 0) | (day.bars[:, Bar.BID] > 0)
    return int(np.argmax(priced)) if priced.any() else None


def halts(day: MarketDay) -> list[tuple[int, int]]:
    """(first second, second after the last) of every halt."""
    spans = (((int(h["start_ns"]) - day.start_ns), (int(h["end_ns"]) - day.start_ns)) for h in day.halts)
    return [(start // SECOND_NS, min(-(-stop // SECOND_NS), SECONDS)) for start, stop in spans]
