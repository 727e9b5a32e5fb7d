"""Reads what a run has stored, while it goes on or afterwards: series, trades, episodes, the lane that is followed.

with RunStore(folder) as store:
    store.series(["train/loss"], points=1000)   # one row a bucket: step, mean, low and high
    store.tail("trades", since=4711)            # what came after the last look
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from data.day_clock import FIRST_HOUR, HOUR_S
from data.layout import SECONDS
from data.scanner.recent_pattern import pattern_at, patterns_of
from metrics.store_schema import (
    CANDLE_COLUMNS,
    CANDLES,
    DAYS,
    FILE,
    FOLLOW,
    HALT_FIELDS,
    META,
    NOTES,
    NUMBERS,
    POINT_FIELDS,
    SNAPSHOT,
    STEP_TABLES,
    VERSION,
    quoted,
)
from utils.atomic import write_text
from utils.errors import ModelError, nearest
from utils.paths import shown

if TYPE_CHECKING:
    import polars as pl  # slow to import, and how a run is doing is told without tables


class Snapshot(NamedTuple):
    """Something of which only the newest is of interest."""

    step: int
    time: float
    """Unix seconds."""
    value: dict[str, Any]


class RunStore:
    """One run's store, read only. Tables are those of metrics/store_schema.py."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelError if the run has no store, or one of another version."""
        self.folder = folder
        path = folder / FILE
        if not path.is_file():
            fix = "metrics.sinks of its configuration has to name store; ./fx status lists the runs"
            raise ModelError(f"{folder.name} has no {FILE}", where=shown(folder), fix=fix)
        self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            self._db.close()
            old = f"about.json beside it names the commit that reads it; new runs are written in version {VERSION}"
            fix = old if version else "wait until the run has begun"
            raise ModelError(
                f"{FILE} is of version {version}, this program reads {VERSION}", where=shown(path), fix=fix
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # ------------------------------------------------------------ numbers
    def names(self) -> list[str]:
        """Every metric that was recorded, sorted."""
        columns = [row[1] for row in self._db.execute(f"PRAGMA table_info({NUMBERS})")]
        return sorted(columns[3:])  # after seq, step and time

    def series(self, names: Sequence[str], points: int = 2000, steps: tuple[int, int] | None = None) -> pl.DataFrame:
        """`step` and per metric `name`, `name|low`, `name|high`: mean and range of each of `points` stretches of steps.

        steps: first and last; None: all. Where a stretch is one rollout, the three are the same. Raises ModelError,
        with the nearest, for a metric that was not recorded.
        """
        import polars as pl

        known = self.names()
        for name in names:
            if name not in known:
                raise ModelError(f"{name!r} was not recorded", where=shown(self.folder), near=nearest(name, known))
        first, last = steps or self._ends()
        picked = ["MAX(step) AS step"]
        for name in names:
            column = quoted(name)
            picked += [f"AVG({column})", f"MIN({column})", f"MAX({column})"]
        sql = (
            f"SELECT {', '.join(picked)} FROM {NUMBERS} WHERE step BETWEEN ? AND ? "
            "GROUP BY (step - ?) * ? / (? - ? + 1) ORDER BY 1"
        )
        rows = self._db.execute(sql, (first, last, first, points, last, first)).fetchall()
        heads = ["step", *(f"{name}{part}" for name in names for part in ("", "|low", "|high"))]
        types = [pl.Int64, *[pl.Float64] * (len(heads) - 1)]
        return pl.DataFrame(rows, schema=dict(zip(heads, types, strict=True)), orient="row")

    def _ends(self) -> tuple[int, int]:
        first, last = self._db.execute(f"SELECT MIN(step), MAX(step) FROM {NUMBERS}").fetchone()
        return (0, 0) if first is None else (first, last)

    # ------------------------------------------------------------ tables
    def tail(self, table: str, since: int = 0, limit: int = 100_000) -> pl.DataFrame:
        """Rows of `table` after sequence number `since`, the oldest first; `seq` of the last one reads on.

        Where a run was resumed, a BEGIN note follows: what a reader keeps of later steps than its own is void.
        """
        if table not in STEP_TABLES:
            raise ModelError(f"there is no table {table!r}", near=nearest(table, STEP_TABLES))
        return self._frame(f"SELECT * FROM {table} WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit))

    def last_seq(self, table: str) -> int:
        """Sequence number of the newest row, 0 before the first."""
        return self._db.execute(f"SELECT COALESCE(MAX(seq), 0) FROM {table}").fetchone()[0]

    def trades(self, limit: int = 100_000) -> pl.DataFrame:
        """The newest `limit` round trips, oldest first, with `hour` (ET, of the entry), `pattern` and `quality`.

        pattern: see `data.scanner.recent_pattern`.
        """
        import polars as pl

        newest = f"SELECT *, second - held_s AS entry_second FROM trades ORDER BY seq DESC LIMIT {int(limit)}"
        hour = f"CAST(entry_second AS INTEGER) / {HOUR_S} + {FIRST_HOUR} AS hour"
        rows = self._frame(
            f"SELECT t.*, d.quality, {hour} FROM ({newest}) t LEFT JOIN {DAYS} d USING (symbol, date) ORDER BY seq"
        )
        return rows.with_columns(pl.Series("pattern", self._patterns(rows), pl.String))

    def _patterns(self, trades: pl.DataFrame) -> list[str]:
        told = self._db.execute(f"SELECT symbol, date, points FROM {DAYS}")
        known = {(symbol, date): patterns_of(_points(text)) for symbol, date, text in told}
        entries = trades.select("entry_second", "symbol", "date").iter_rows()
        return [pattern_at(entry, known.get((symbol, date), ())) for entry, symbol, date in entries]

    def notes(self, since: int = 0) -> pl.DataFrame:
        """What happened, oldest first; `data` is JSON."""
        return self.tail(NOTES, since)

    def last_note(self, kind: str) -> dict[str, Any]:
        """Data of the newest note of that kind; empty if there is none."""
        sql = f"SELECT data FROM {NOTES} WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(sql, (str(kind),)).fetchone()
        return {} if row is None else json.loads(row[0])

    def _frame(self, sql: str, arguments: tuple[Any, ...] = ()) -> pl.DataFrame:
        import polars as pl

        cursor = self._db.execute(sql, arguments)
        heads = [column[0] for column in cursor.description]
        return pl.DataFrame(cursor.fetchall(), schema=heads, orient="row", infer_schema_length=None)

    # ------------------------------------------------------------ what is now
    def snapshot(self, key: str) -> Snapshot | None:
        """The newest of `key` (metrics.store_schema.LIVE or LATEST); None if there is none yet."""
        row = self._db.execute(f"SELECT step, time, value FROM {SNAPSHOT} WHERE key = ?", (key,)).fetchone()
        return None if row is None else Snapshot(row[0], row[1], json.loads(row[2]))

    def follow(self, lane: int) -> None:
        """Ask a run that goes on to follow that lane from its next rollout on. OSError if its folder is read only."""
        write_text(self.folder / FOLLOW, f"{lane}\n")

    # ------------------------------------------------------------ days
    def day(self, symbol: str, date: str) -> dict[str, Any] | None:
        """What is known of a training day: hours, quality, `halts` and `points` as lists of dicts; None if nothing."""
        cursor = self._db.execute(f"SELECT * FROM {DAYS} WHERE symbol = ? AND date = ?", (symbol, date))
        row = cursor.fetchone()
        if row is None:
            return None
        told = dict(zip([column[0] for column in cursor.description], row, strict=True))
        for name, fields in (("halts", HALT_FIELDS), ("points", POINT_FIELDS)):
            told[name] = [dict(zip(fields, values, strict=True)) for values in json.loads(told[name])]
        return told

    def candles(self, symbol: str, date: str) -> npt.NDArray[np.float32] | None:
        """CANDLE_COLUMNS of every second [57600, 5], prices 0 before the first.

        None if no recorded lane traded on the day, or that was CANDLE_DAYS other days ago.
        """
        sql = f"SELECT data FROM {CANDLES} WHERE symbol = ? AND date = ?"
        row = self._db.execute(sql, (symbol, date)).fetchone()
        if row is None:
            return None
        return np.frombuffer(zlib.decompress(row[0]), np.float32).reshape(SECONDS, len(CANDLE_COLUMNS))

    def about(self) -> dict[str, str]:
        """Name and lineage of the run."""
        return dict(self._db.execute(f"SELECT key, value FROM {META}"))


def _points(text: str) -> list[tuple[int, int]]:
    """(second, kind) of the reset points, by time."""
    second, kind = POINT_FIELDS.index("second"), POINT_FIELDS.index("kind")
    return sorted((point[second], point[kind]) for point in json.loads(text))
