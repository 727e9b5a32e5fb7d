"""Benchmarks by name: each measures itself against a baseline in the same run, as machines are shared and noisy."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

Run = Callable[[bool], "list[Figure]"]
Page = Callable[[bool], list[Path]]


@dataclass(frozen=True)
class Figure:
    """One measured number. `ratio` is how many times better than `baseline` it is."""

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float


@dataclass(frozen=True)
class Benchmark:
    """`run(quick)` measures and returns the figures called `names`."""

    names: tuple[str, ...]
    about: str
    run: Run
    page: Page | None
    """`page(quick)` writes pages of docs/ about what was measured and returns their paths. One that has a page takes
    minutes, so it runs only where it is asked for by name.
    """


BENCHMARKS: list[Benchmark] = []
out = Console(highlight=False, width=None if Console().is_terminal else 120)
"""Standard output: results only."""


def benchmark(*names: str, page: Page | None = None) -> Callable[[Run], Run]:
    """Register the decorated function; the first line of its docstring says what it measures."""

    def register(run: Run) -> Run:
        BENCHMARKS.append(Benchmark(names, (run.__doc__ or "").strip().splitlines()[0], run, page))
        return run

    return register


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    gc.collect()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def alternate(ours: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of both, run in turn (A B A B ...) after one warm-up of each."""
    ours()
    other()
    times = [(seconds(ours), seconds(other)) for _ in range(rounds)]
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times)
