"""How training scales with lanes, network, window and days."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from scripts.bench.engine_page import write_page
from scripts.bench.registry import Figure, benchmark, out
from scripts.bench.scaling import AXES, HEAD, points


def _page(quick: bool) -> list[Path]:
    return write_page(points(quick))


@benchmark(*(f"scaling.{axis}" for axis in AXES), page=_page)
def scaling(quick: bool) -> list[Figure]:
    """training steps/s at the largest size against the smallest, and a table of all; `--docs`: docs/engine.md."""
    measured = points(quick)
    table = Table("size", *HEAD, title="64 lanes, d_model 64, window 60 and 4 days, but for the size named")
    for point in measured:
        table.add_row(f"{point.axis} {point.size}", *point.cells)
    out.print(table)
    figures: list[Figure] = []
    for axis in AXES:
        speeds = [point.measured.steps_per_s for point in measured if point.axis == axis]
        figures.append(Figure(f"scaling.{axis}", speeds[-1], "steps/s", speeds[0], speeds[-1] / speeds[0]))
    return figures
