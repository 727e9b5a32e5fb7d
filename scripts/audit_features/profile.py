"""Where the time of a day's features goes, kernel by kernel."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES
from feature.frame import Frame, Node

ROUNDS = 5


class Timed(NamedTuple):
    """All calls of a kernel with the same numbers, e.g. the same window."""

    name: str
    numbers: str
    calls: int
    ms: float


def slowest(extractor: FeatureExtractor, day: MarketDay) -> list[Timed]:
    """Every kernel of a day, series and features alike, slowest first; each call's median of some rounds."""
    frame = Frame(day)
    tables = {branch: extractor.branch(branch, frame) for branch in BRANCHES}
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for node in frame.nodes:
        numbers = ", ".join(f"{value:g}" for value in node.arguments if not isinstance(value, np.ndarray))
        seconds[node.kernel.__name__, numbers].append(_median(node))
    for branch, table in tables.items():
        start = time.perf_counter()
        table.rows()
        seconds["pack_nb", branch].append(time.perf_counter() - start)
    timed = [Timed(*key, len(times), 1e3 * sum(times)) for key, times in seconds.items()]
    return sorted(timed, key=lambda kernel: -kernel.ms)


def _median(node: Node) -> float:
    """Seconds that the kernel takes for all of its rows."""
    times: list[float] = []
    for _ in range(ROUNDS):
        out = np.zeros_like(node.out)
        start = time.perf_counter()
        node.kernel(*node.arguments, 0, node.done, out)
        times.append(time.perf_counter() - start)
    return statistics.median(times)
