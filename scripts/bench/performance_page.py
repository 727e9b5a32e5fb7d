"""docs/performance.md: what `./fx bench` measured, each table with the command that measures it again."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from agent.threads import usable_cores
from scripts.bench.registry import Benchmark, Figure
from scripts.docs import FOLDER
from utils.atomic import write_text
from utils.markdown import markdown

PAGE = FOLDER / "performance.md"

TEXT = """<!-- Measured by `./fx bench --docs`; the text is in scripts/bench/performance_page.py. -->

# Performance

Machines differ, so what counts is the ratio: each figure is measured against a baseline in the same run, in turn with
it where both are programs. A ratio is how many times better than the baseline it is. Where the baseline is a limit that
was set, the description says so.

Measured on {cores} cores ({machine}) with Python {python}, torch {torch}, numba {numba}. Load average of the minute
before: {load:.1f}{busy}. `./fx bench --docs` measures it all again and writes this page; [the training
engine](engine.md) has the sizes one by one.

{tables}"""


def write_page(results: Sequence[tuple[Benchmark, Sequence[Figure]]], load: float) -> Path:
    """Write the page. load: programs that wanted a core before anything was measured (1 minute's average)."""
    write_text(PAGE, page(results, load))
    return PAGE


def page(results: Sequence[tuple[Benchmark, Sequence[Figure]]], load: float) -> str:
    """The page with these figures."""
    cores = usable_cores()
    return TEXT.format(
        cores=cores,
        machine=platform.machine(),
        python=platform.python_version(),
        torch=version("torch"),
        numba=version("numba"),
        load=load,
        busy=", so other programs may have disturbed it" if load > cores / 2 else "",
        tables="\n".join(_section(bench, figures) for bench, figures in results),
    )


def _section(bench: Benchmark, figures: Sequence[Figure]) -> str:
    about = bench.about[:1].upper() + bench.about[1:]
    rows = [[f"`{f.name}`", _short(f.value), f.unit, _short(f.baseline), f"{f.ratio:,.1f}"] for f in figures]
    table = markdown(["figure", "value", "unit", "baseline", "ratio"], rows)
    return f"## {bench.names[0]}\n\n{about}\n\n```sh\n./fx bench --only {bench.names[0]}\n```\n\n{table}"


def _short(value: float) -> str:
    """Three digits that count, and never an exponent in thousands: 0.256, 1,230, 1,920,000."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"
