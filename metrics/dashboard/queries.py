"""Questions to a run's store that RunStore does not answer: rows of one place, sums by day and by stage."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from metrics.store_schema import DAYS, FILE


class Place(NamedTuple):
    """A lane on a day."""

    lane: int
    symbol: str
    date: str


def select(folder: Path, sql: str, arguments: tuple[Any, ...] = ()) -> pl.DataFrame:
    """Rows of the run in `folder`, read only. sqlite3.Error if it cannot be read."""
    with closing(sqlite3.connect(f"{(folder / FILE).resolve().as_uri()}?mode=ro", uri=True)) as db:
        cursor = db.execute(sql, arguments)
        heads = [column[0] for column in cursor.description]
        return pl.DataFrame(cursor.fetchall(), schema=heads, orient="row", infer_schema_length=None)


def rows_at(folder: Path, table: str, place: Place, seconds: tuple[int, int], steps: tuple[int, int]) -> pl.DataFrame:
    """Rows of a lane table at `place` within seconds of the day and environment steps, both ends included."""
    sql = (
        f"SELECT * FROM {table} WHERE lane = ? AND symbol = ? AND date = ? AND second BETWEEN ? AND ? "
        "AND step BETWEEN ? AND ? ORDER BY seq"
    )
    return select(folder, sql, (*place, *seconds, *steps))


def episodes_by_stage(folder: Path) -> pl.DataFrame:
    """One row a stage of the curriculum (-1: uniform draws): episodes, wins, mean log return and P&L, quality."""
    return select(
        folder,
        "SELECT stage, COUNT(*) AS episodes, AVG(log_return > 0) AS wins, AVG(log_return) AS log_return, "
        "AVG(pnl) AS pnl, AVG(trades) AS trades, AVG(quality) AS quality, AVG(difficulty) AS difficulty "
        "FROM episodes GROUP BY stage ORDER BY stage",
    )


def episodes_by_day(folder: Path) -> pl.DataFrame:
    """One row a training day: quality, reset points, how often it was played and what came of it."""
    return select(
        folder,
        "SELECT d.symbol, d.date, d.quality, json_array_length(d.points) AS points, COUNT(e.seq) AS episodes, "
        "COUNT(DISTINCT CASE WHEN e.point >= 0 THEN e.point END) AS used, AVG(e.log_return > 0) AS wins, "
        f"AVG(e.log_return) AS log_return, AVG(e.pnl) AS pnl, MAX(e.step) AS last FROM {DAYS} d "
        "LEFT JOIN episodes e USING (symbol, date) GROUP BY d.symbol, d.date ORDER BY episodes DESC, d.date",
    )


def newest_episodes(folder: Path, count: int) -> pl.DataFrame:
    """The last `count` episodes, oldest first."""
    return select(folder, f"SELECT * FROM (SELECT * FROM episodes ORDER BY seq DESC LIMIT {int(count)}) ORDER BY seq")
