"""The index as a table for people."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
from rich import box
from rich.markup import escape
from rich.table import Table

from data import day_clock
from data.scanner.index import MomentumIndex
from data.scanner.judge import Row, Status

_STYLES = {Status.TAKEN: "green", Status.REJECTED: "dim", Status.QUARANTINED: "yellow"}
_SHORT = ("qual", "ra vo  $ tr ha sp")
_PARTS = ("range", "rvol", "dollar_volume", "trend", "halts", "spread")


def clock(second: int) -> str:
    """New York time at the end of a second of the day, e.g. 19,799 -> "09:30"; a dash for -1."""
    return "-" if second < 0 else day_clock.clock(second + 1)


def listed(index: MomentumIndex, threshold: float, statuses: tuple[str, ...] = (), rows: int = 0) -> pl.DataFrame:
    """Days of the index to show, best first: quality at or above `threshold`, or one of `statuses`.

    `statuses`: empty means taken ones only; others are shown whatever their quality, since they have none.
    rows: at most that many; 0: all.
    """
    wanted = statuses or (str(Status.TAKEN),)
    good = (pl.col("status") != str(Status.TAKEN)) | (pl.col("quality") >= threshold)
    found = index.days.filter(pl.col("status").is_in(list(wanted)) & good)
    found = found.sort("quality", "date", "symbol", descending=[True, False, False], nulls_last=True)
    return found.head(rows) if rows else found


def render_table(index: MomentumIndex, threshold: float, statuses: tuple[str, ...] = (), rows: int = 0) -> Table:
    """`listed` as a rich table."""
    found = listed(index, threshold, statuses, rows)
    counts = dict(index.days["status"].value_counts().iter_rows())
    told = ", ".join(f"{counts.get(str(s), 0)} {s}" for s in Status)
    synthetic = " - synthetic data" if found["synthetic"].any() else ""
    table = Table(
        title=f"Momentum days with quality >= {threshold:g}{synthetic}",
        caption=f"{len(found)} of {len(index)} days ({told}).\n"
        "Quality (parts in %: range, volume, dollars, trend, halts, spread) is known after the fact: training only.",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    # Days that were not judged have a reason and no measures: one takes the place of the other.
    reasons = any(status != Status.TAKEN for status in found["status"])
    names = ("qual", "gap", "RVOL", "trigger ET") if reasons else (*_SHORT, "gap", "RVOL", "hlt", "pts", "trigger ET")
    table.add_column("date", no_wrap=True)
    table.add_column("symbol", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    if reasons:
        table.add_column("reason", overflow="fold")
    for row in found.iter_rows(named=True):
        cells, status = _cells(row), Status(row["status"])
        last = [f"[{_STYLES[status]}]{status}[/]", *([escape(row["reason"].partition("\n")[0])] if reasons else [])]
        table.add_row(str(row["date"]), row["symbol"], *(cells[name] for name in names), *last)
    return table


def _cells(row: Row) -> dict[str, str]:
    """By the column's name."""
    taken = row["status"] == str(Status.TAKEN)
    return {
        "qual": _number(row["quality"], "{:.2f}"),
        _SHORT[1]: " ".join(_percent(row[f"quality_{part}"]) for part in _PARTS),
        "gap": _number(row["gap"], "{:+.0%}"),
        "RVOL": _number(row["rvol"], "{:.1f}x"),
        "hlt": _number(row["halts"] if taken else None, "{:d}"),
        "pts": _number(row["reset_points"] if taken else None, "{:d}"),
        "trigger ET": clock(row["trigger_s"]),
    }


def _percent(part: float | None) -> str:
    """A share in two places; 99 stands for all of it."""
    return " -" if part is None else f"{min(round(100 * part), 99):2d}"


def _number(value: Any, form: str) -> str:
    """`value` in `form`; a dash where it is not known."""
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else form.format(value)
