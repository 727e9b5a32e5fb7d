"""Shares outstanding and float from reference.csv in the data folder, point in time.

A row holds from its date on: that is the day on whose morning the numbers were public, not the one they were counted
for, or days see what nobody knew. Splits after a row's date are applied to it.
"""

from __future__ import annotations

import bisect
import csv
import datetime as dt
import math
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from data.corporate_actions import Splits
from data.rules import broken

REFERENCE_FILE = "reference.csv"
COLUMNS = ("symbol", "date", "shares_outstanding", "float_shares")


class Shares(NamedTuple):
    """Shares of a company, as counts; 0 where unknown."""

    outstanding: float
    floating: float
    """Those that the public may trade."""


UNKNOWN = Shares(0.0, 0.0)


class Reference:
    """Rows of the table by symbol, oldest first."""

    def __init__(self, rows: dict[str, dict[dt.date, Shares]]) -> None:
        self._rows = {symbol: sorted(found.items()) for symbol, found in rows.items()}

    @classmethod
    def read(cls, folder: Path) -> Reference:
        """The table in the folder's top level; without one everything is unknown.

        Raises DataError `reference` with the line that cannot be read or contradicts another.
        """
        path = folder / REFERENCE_FILE
        if not path.is_file():
            return cls({})
        rows: defaultdict[str, dict[dt.date, Shares]] = defaultdict(dict)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise broken("reference", path, f"columns are {', '.join(reader.fieldnames or ())}")
            for row in reader:
                symbol, date, shares = _entry(path, reader.line_num, row)
                if rows[symbol].setdefault(date, shares) != shares:
                    raise broken("reference", path, f"line {reader.line_num}: {symbol} has other numbers for {date}")
        return cls(rows)

    def shares(self, symbol: str, date: dt.date, splits: Splits) -> Shares:
        """What was in force on the morning of `date`, in shares of that date."""
        rows = self._rows.get(symbol, [])
        place = bisect.bisect_right(rows, date, key=lambda row: row[0])
        if place == 0:
            return UNKNOWN
        since, shares = rows[place - 1]
        factor = splits.factor(symbol, since, date)
        return Shares(shares.outstanding / factor, shares.floating / factor)


def _entry(path: Path, line: int, row: dict[str, str]) -> tuple[str, dt.date, Shares]:
    """A line of the table. Raises DataError `reference`."""
    name = (row["symbol"] or "").strip()
    try:
        date = dt.date.fromisoformat((row["date"] or "").strip()[:10])
        shares = Shares(_count(row["shares_outstanding"]), _count(row["float_shares"]))
    except ValueError as why:
        raise broken("reference", path, f"line {line}: {why}") from why
    if not name:
        raise broken("reference", path, f"line {line}: no symbol")
    if 0 < shares.outstanding < shares.floating:
        raise broken("reference", path, f"line {line}: {name} has more shares in the float than outstanding")
    return name, date, shares


def _count(text: str | None) -> float:
    """Shares; empty: unknown, 0. Raises ValueError."""
    value = float((text or "").strip() or 0.0)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{value} shares")
    return value
