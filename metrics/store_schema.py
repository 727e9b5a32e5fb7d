"""Tables of a run's `store.sqlite`, declared once for its writer and its readers.

Rows are added, never changed, but for three things: `snapshot` holds what is newest, a run that is resumed loses the
rows beyond the checkpoint that it goes on from (they come again, by new numbers), and `numbers` gains a column whenever
a new metric turns up. `seq` only ever grows, also then: whoever remembers the last one reads on from it.
"""

from __future__ import annotations

import numpy as np

from data.layout import HALT, RESET_POINT
from metrics.layout import EPISODE_ROW, LIVE_ROW, PARTS, TRADE_ROW
from simulators.layout import FILL

FILE = "store.sqlite"
FOLLOW = "follow"
"""File beside it: the number of the lane to follow from the next rollout on."""
VERSION = 2
"""Of these tables; raised whenever one changes. 2: a trade has PARTS."""
NUMBERS, NOTES, DAYS, CANDLES, SNAPSHOT, META = "numbers", "notes", "days", "candles", "snapshot", "meta"
TRADES = "trades"
LANE_TABLES: dict[str, np.dtype[np.void]] = {
    "episodes": EPISODE_ROW,
    TRADES: TRADE_ROW,
    "fills": FILL,
    "live": LIVE_ROW,
}
"""What lanes did, by table; `day` is stored as symbol and date."""
STEP_TABLES = (NUMBERS, NOTES, *LANE_TABLES)
"""Tables with `seq` and `step`."""
LIVE, LATEST = "live", "numbers"
"""Keys of `snapshot`: the followed lane's last decision, and the newest value of every metric."""
CANDLE_COLUMNS = ("open", "high", "low", "close", "volume")
HALT_FIELDS = HALT.names or ()
POINT_FIELDS = RESET_POINT.names or ()


def columns_of(dtype: np.dtype[np.void]) -> list[str]:
    """Columns of a lane table, in order, without padding; `parts` of a trade is JSON, reward by component."""
    names = [name for name in dtype.names or () if not name.startswith("_")]
    at = names.index("day")
    return [*names[:at], "symbol", "date", *names[at + 1 :], *([PARTS] if dtype is TRADE_ROW else [])]


def statements() -> list[str]:
    """SQL that makes an empty store."""
    head = "seq INTEGER PRIMARY KEY AUTOINCREMENT, step INTEGER NOT NULL"
    made = [
        f"CREATE TABLE {META} (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        f"CREATE TABLE {NUMBERS} ({head}, time REAL NOT NULL)",
        f"CREATE TABLE {NOTES} ({head}, time REAL NOT NULL, kind TEXT, text TEXT, data TEXT)",
        f"CREATE TABLE {DAYS} (symbol TEXT, date TEXT, start_ns INTEGER, open_s INTEGER, close_s INTEGER, "
        "quality REAL, synthetic INTEGER, halts TEXT, points TEXT, PRIMARY KEY (symbol, date))",
        f"CREATE TABLE {CANDLES} (symbol TEXT, date TEXT, data BLOB, PRIMARY KEY (symbol, date))",
        f"CREATE TABLE {SNAPSHOT} (key TEXT PRIMARY KEY, step INTEGER, time REAL, value TEXT NOT NULL)",
    ]
    for table, dtype in LANE_TABLES.items():
        made.append(f"CREATE TABLE {table} ({head}, {', '.join(_column(name, dtype) for name in columns_of(dtype))})")
    return [*made, f"PRAGMA user_version = {VERSION}"]


def quoted(name: str) -> str:
    """A name as a column: metrics have slashes in theirs, and `order` is a word of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _column(name: str, dtype: np.dtype[np.void]) -> str:
    if name in ("symbol", "date", PARTS):
        return f"{name} TEXT"
    return f"{quoted(name)} {'REAL' if dtype[name].kind == 'f' else 'INTEGER'}"
