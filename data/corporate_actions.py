"""Splits of the user's own table: `splits.csv` (symbol,date,factor) anywhere in the data folder's top level.

A factor is what prices before the date are multiplied by: 10 for a 1:10 reverse split, 0.5 for a 2:1 split. Volumes
are divided by it.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections import defaultdict
from pathlib import Path

from data.rules import broken

SPLITS_FILE = "splits.csv"
_COLUMNS = ("symbol", "date", "factor")


class Splits:
    """Splits by symbol."""

    def __init__(self, rows: dict[str, list[tuple[dt.date, float]]]) -> None:
        self._rows = {symbol: sorted(found) for symbol, found in rows.items()}

    @classmethod
    def read(cls, folder: Path) -> Splits:
        """From the folder's table, none without one. Raises DataError `splits` with the line."""
        path = folder / SPLITS_FILE
        rows: defaultdict[str, list[tuple[dt.date, float]]] = defaultdict(list)
        if not path.is_file():
            return cls(rows)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not set(_COLUMNS) <= set(reader.fieldnames or ()):
                raise broken("splits", path, f"columns are {', '.join(reader.fieldnames or ())}")
            for row in reader:
                try:
                    date, factor = dt.date.fromisoformat(row["date"].strip()), float(row["factor"])
                except (ValueError, AttributeError, TypeError) as why:
                    raise broken("splits", path, f"line {reader.line_num}: {why}") from why
                if not (math.isfinite(factor) and factor > 0):
                    raise broken("splits", path, f"line {reader.line_num}: factor {factor}")
                rows[row["symbol"].strip()].append((date, factor))
        return cls(rows)

    def factor(self, symbol: str, earlier: dt.date, date: dt.date) -> float:
        """What prices of `earlier` are multiplied by to be comparable with those of `date`."""
        return math.prod(f for at, f in self._rows.get(symbol, ()) if earlier < at <= date)
