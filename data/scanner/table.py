"""The index as a table for people."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
from rich.table import Table

from data.scanner.index import MomentumIndex
from data.scanner.judge import Row, Status

_STYLES = {Status.TAKEN: "green", Status.REJECTED: "dim", Status.QUARANTINED: "yellow"}
_PARTS = ("range", "rvol", "dollar_volume", "trend", "halts", "spread")


def clock(second: int) -> str:
    """Second of the day -> New York time, e.g. 19,800 -> "09:30:00"; nothing for -1."""
    if second < 0:
        return "-"
    s = second + 4 * 3600
    return f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}"


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
        caption=f"{len(found)} of {len(index)} days ({told}). Quality is known after the fact: for training only.",
    )
    reasons = any(status != Status.TAKEN for status in found["status"])
    table.add_column("date", no_wrap=True)
    table.add_column("symbol", no_wrap=True)
    for name in ("quality", "range", "rvol", "$vol", "trend", "halt", "spread", "gap", "RVOL", "halts", "points"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("trigger ET", no_wrap=True)
    table.add_column("status", no_wrap=True)
    if reasons:
        table.add_column("reason", overflow="fold", min_width=24)
    for row in found.iter_rows(named=True):
        table.add_row(*_cells(row), *([row["reason"].partition("\n")[0]] if reasons else []))
    return table


def _cells(row: Row) -> list[str]:
    status = Status(row["status"])
    return [
        str(row["date"]),
        row["symbol"],
        _number(row["quality"], "{:.2f}"),
        *(_number(row[f"quality_{part}"], "{:.2f}") for part in _PARTS),
        _number(row["gap"], "{:+.0%}"),
        _number(row["rvol"], "{:.1f}x"),
        _number(row["halts"] if status == Status.TAKEN else None, "{:d}"),
        _number(row["reset_points"] if status == Status.TAKEN else None, "{:d}"),
        clock(row["trigger_s"]),
        f"[{_STYLES[status]}]{status}[/]",
    ]


def _number(value: Any, form: str) -> str:
    """`value` in `form`; a dash where it is not known."""
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else form.format(value)
