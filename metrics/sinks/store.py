"""The run store: one SQLite file in the run's folder, readable while it is written. See metrics/store_schema.py.

Every message is one transaction, so a killed process loses what was still waiting and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.layout import Bar
from data.market_day import MarketDay
from metrics.hub import metric_sink
from metrics.layout import PARTS
from metrics.publisher import Note
from metrics.run_info import DayFacts, RunInfo
from metrics.store_schema import (
    CANDLE_COLUMNS,
    CANDLES,
    DAYS,
    FILE,
    HALT_FIELDS,
    LANE_TABLES,
    LATEST,
    LIVE,
    META,
    NOTES,
    NUMBERS,
    POINT_FIELDS,
    SNAPSHOT,
    STEP_TABLES,
    TRADES,
    VERSION,
    columns_of,
    quoted,
    statements,
)
from utils.errors import ModelError
from utils.paths import shown

BUSY_S = 5.0
"""How long a write waits for another process that holds the file, e.g. a backup."""
CANDLE_DAYS = 400
"""Days whose candles are kept, those of the last trades: 60 to 200 kB each, so that no file grows without end."""


@metric_sink("store")
class StoreSink:
    """Writes `store.sqlite`. ModelError if there is one of another version, sqlite3.Error if the disk refuses."""

    def __init__(self, run: RunInfo) -> None:
        run.folder.mkdir(parents=True, exist_ok=True)
        self._run = run
        self._db = sqlite3.connect(run.folder / FILE, timeout=BUSY_S)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # whole after a kill; a power failure may cost the last seconds
        self._open()
        self._columns = {row[1] for row in self._db.execute(f"PRAGMA table_info({NUMBERS})")}
        told = self._db.execute(f"SELECT step, value FROM {SNAPSHOT} WHERE key = ?", (LATEST,)).fetchone()
        self._latest: dict[str, float] = json.loads(told[1]) if told else {}
        self._step: int = run.resumed_at if run.resumed_at is not None else told[0] if told else 0
        self._symbols = np.array([facts.day.symbol for facts in run.days], object)
        self._dates = np.array([facts.day.date.isoformat() for facts in run.days], object)
        self._drawn = dict.fromkeys(self._db.execute(f"SELECT symbol, date FROM {CANDLES} ORDER BY rowid"))
        self._inserts = {
            table: f"INSERT INTO {table} (step, {', '.join(map(quoted, names))}) VALUES (?{', ?' * len(names)})"
            for table, names in ((table, columns_of(dtype)) for table, dtype in LANE_TABLES.items())
        }

    def _open(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise ModelError(
                f"{FILE} is of version {version}, not {VERSION}",
                where=shown(self._run.folder),
                fix="move the file away: a new one is made, and the run goes on in it",
            )
        with self._db:
            self._db.execute("BEGIN")
            for statement in statements() if version == 0 else ():
                self._db.execute(statement)
            facts = {"name": self._run.name, "group": self._run.group}
            self._db.executemany(f"INSERT OR REPLACE INTO {META} VALUES (?, ?)", facts.items())
            self._db.executemany(f"INSERT OR REPLACE INTO {DAYS} VALUES ({_marks(9)})", map(_day_row, self._run.days))
            if self._run.resumed_at is not None:
                for table in STEP_TABLES:
                    self._db.execute(f"DELETE FROM {table} WHERE step > ?", (self._run.resumed_at,))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One row, with a column of its own for each metric."""
        new = [name for name in values if name not in self._columns]
        now, names = time.time(), ", ".join(["step", "time", *map(quoted, values)])
        with self._db:
            self._db.execute("BEGIN")
            for name in new:
                self._db.execute(f"ALTER TABLE {NUMBERS} ADD COLUMN {quoted(name)} REAL")
            row = (step, now, *values.values())
            self._db.execute(f"INSERT INTO {NUMBERS} ({names}) VALUES ({_marks(len(row))})", row)
            self._latest |= {name: value for name, value in values.items() if np.isfinite(value)}
            self._step = max(self._step, step)  # a validation comes later than the step that it is of
            self._newest(LATEST, self._step, now, self._latest)
        self._columns.update(new)

    def rows(self, step: int, tables: Mapping[str, npt.NDArray[np.void]]) -> None:
        """All rows of a rollout, and the candles of the days on which lanes traded or one was followed."""
        with self._db:
            self._db.execute("BEGIN")
            for table, rows in tables.items():
                self._db.executemany(self._inserts[table], self._tuples(step, table, rows))
            seen = [rows["day"] for table, rows in tables.items() if table in (LIVE, TRADES)]
            drawn = self._draw(np.unique(np.concatenate(seen)).tolist()) if seen else self._drawn
            if LIVE in tables:
                self._newest(LIVE, step, time.time(), self._newest_decision(tables[LIVE]))
        self._drawn = drawn

    def note(self, note: Note) -> None:
        """One row."""
        told = (note.step, note.time, str(note.kind), note.text, json.dumps(note.data, default=str))
        with self._db:
            self._db.execute(f"INSERT INTO {NOTES} (step, time, kind, text, data) VALUES ({_marks(5)})", told)

    def close(self) -> None:
        """Close the file; what the WAL held goes into it."""
        self._db.close()

    def _tuples(self, step: int, table: str, rows: npt.NDArray[np.void]) -> zip[tuple[Any, ...]]:
        """Rows as SQLite takes them; nan becomes NULL."""
        known = {"symbol": self._symbols[rows["day"]], "date": self._dates[rows["day"]]}
        if table == TRADES:
            known[PARTS] = self._parts(rows)
        names = columns_of(LANE_TABLES[table])
        columns = [(known[name] if name in known else rows[name]).tolist() for name in names]
        return zip([step] * len(rows), *columns, strict=True)

    def _parts(self, trades: npt.NDArray[np.void]) -> npt.NDArray[np.object_]:
        """What the components paid, as JSON; those that paid nothing are left out."""
        paid = trades[PARTS].tolist() if PARTS in (trades.dtype.names or ()) else [[]] * len(trades)
        told = [{n: v for n, v in zip(self._run.components, row, strict=False) if v} for row in paid]
        return np.array([json.dumps(one) for one in told], object)

    def _draw(self, days: Sequence[int]) -> dict[tuple[str, str], None]:
        """Add the candles of those that have none, drop those that nothing was seen of for longest; what there is."""
        drawn = self._drawn.copy()
        for number in days:
            day = self._run.days[number].day
            key = day.symbol, day.date.isoformat()
            if key not in drawn:
                self._db.execute(f"INSERT INTO {CANDLES} VALUES (?, ?, ?)", (*key, packed_candles(day)))
            drawn.pop(key, None)
            drawn[key] = None  # the last seen stands last
        for key in list(drawn)[:-CANDLE_DAYS]:
            self._db.execute(f"DELETE FROM {CANDLES} WHERE symbol = ? AND date = ?", key)
            del drawn[key]
        return drawn

    def _newest_decision(self, live: npt.NDArray[np.void]) -> dict[str, Any]:
        row = live[-1]
        told = {name: row[name].item() for name in live.dtype.names or ()}
        number = told.pop("day")
        told |= {"symbol": self._symbols[number], "date": self._dates[number]}
        return {name: None if value != value else value for name, value in told.items()}  # noqa: PLR0124 - nan

    def _newest(self, key: str, step: int, now: float, value: Mapping[str, Any]) -> None:
        told = (key, step, now, json.dumps(value))
        self._db.execute(f"INSERT OR REPLACE INTO {SNAPSHOT} VALUES ({_marks(4)})", told)


def packed_candles(day: MarketDay) -> bytes:
    """CANDLE_COLUMNS of every second, float32 [57600, 5], compressed."""
    columns = [Bar[name.upper()] for name in CANDLE_COLUMNS]
    return zlib.compress(np.ascontiguousarray(day.bars[:, columns], np.float32).tobytes(), 1)


def _day_row(facts: DayFacts) -> tuple[Any, ...]:
    day, quality, points = facts
    halts = [[row[name].item() for name in HALT_FIELDS] for row in day.halts]
    told = [[row[name].item() for name in POINT_FIELDS] for row in points]
    known = None if np.isnan(quality) else quality
    times = day.start_ns, day.open_s, day.close_s
    return day.symbol, day.date.isoformat(), *times, known, int(day.synthetic), json.dumps(halts), json.dumps(told)


def _marks(count: int) -> str:
    return ", ".join("?" * count)
