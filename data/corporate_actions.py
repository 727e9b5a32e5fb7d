"""Splits from three places, merged: `data.splits` of the configuration, splits.csv, Databento's adjustment factors.

A factor is what prices before the date are multiplied by: 10 for a 1:10 reverse split, 0.5 for a 2:1 split. Volumes
before the date are divided by it. Only events that change the number of shares count. Cash dividends stay out: an
ordinary one moves the price by a fraction of a per cent, traders compare with the close as it was printed, and it
leaves volumes alone; the same goes for spin-offs and rights. Ticks, filters and fees always see raw prices.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from config.schema import SplitEntry
from data.rules import RULES, broken
from utils.errors import DataError
from utils.paths import shown

SPLITS_FILE = "splits.csv"
SAME_FACTOR = 1e-3
"""Relative difference up to which two places mean the same factor: 0.333 and 1/3."""
SHARE_EVENTS = frozenset({"FSPLT", "RSPLT", "SD", "CONSD", "BON", "DIV"})
"""Databento's event codes: forward and reverse split (United States), subdivision, consolidation, bonus issue, and
dividends, of which only those paid in shares count."""
USUAL_RATIOS = (*range(2, 11), 12, 15, 20, 25, 30, 35, 40, 50, 60, 75, 80, 100, 120, 150, 200, 250, 300, 500, 1000)
"""Old shares for a new one in reverse splits, as companies choose them."""
APPLIED = "A"
"""Databento's status of a factor that holds; others are pending (P) or rescinded (R)."""
FIRST_OPTION = "1"
"""Databento has a row for each choice that shareholders are given; the first one is the default."""
_OWN = ("symbol", "date", "factor")
_DATABENTO = ("symbol", "ex_date", "factor")
_NOTHING = ("", "nan", "none", "null", "<na>")
Row = dict[str, str]


class Split(NamedTuple):
    """One entry and where it stands."""

    symbol: str
    date: dt.date
    factor: float
    place: str


class Splits:
    """Splits by symbol."""

    def __init__(self, rows: dict[str, list[tuple[dt.date, float]]]) -> None:
        self._rows = {symbol: sorted(found) for symbol, found in rows.items()}

    @classmethod
    def read(cls, folder: Path, entries: Sequence[SplitEntry]) -> Splits:
        """From the configuration's `entries` and the tables in the folder's top level.

        Raises DataError `splits` with the line that cannot be read, `split-conflict` where two places contradict
        each other on a symbol and date.
        """
        found = [
            Split(entry.symbol, dt.date.fromisoformat(entry.date), entry.factor, f"data.splits[{n}]")
            for n, entry in enumerate(entries)
        ]
        for path in sorted(folder.glob("*.csv")):
            found += _own_table(path) if path.name == SPLITS_FILE else _databento_table(path)
        return cls(_merged(found, folder))

    def factor(self, symbol: str, earlier: dt.date, date: dt.date) -> float:
        """What prices of `earlier` are multiplied by to be comparable with those of `date`."""
        return math.prod(f for at, f in self._rows.get(symbol, ()) if earlier < at <= date)


def looks_split(symbol: str, date: dt.date, ratio: float) -> str:
    """Words for a price that opened at `ratio` times the previous close: the line that would explain it.

    The usual ratio nearest to it is told, which the overnight move can miss.
    """
    near = min(USUAL_RATIOS, key=lambda usual: abs(math.log(usual / ratio)))
    return (
        f"looks like a reverse split; if it is one, {SPLITS_FILE} needs the line {symbol},{date},{near} "
        f"(check the ratio; columns {','.join(_OWN)})"
    )


def _merged(found: Iterable[Split], folder: Path) -> dict[str, list[tuple[dt.date, float]]]:
    first: dict[tuple[str, dt.date], Split] = {}
    for split in found:
        known = first.setdefault((split.symbol, split.date), split)
        if not math.isclose(known.factor, split.factor, rel_tol=SAME_FACTOR):
            raise DataError(
                f"{split.symbol} has two factors for {split.date}: {known.factor:g} ({known.place}) and "
                f"{split.factor:g} ({split.place})",
                rule=RULES["split-conflict"].name,
                where=shown(folder),
                fix=RULES["split-conflict"].then,
            )
    rows: defaultdict[str, list[tuple[dt.date, float]]] = defaultdict(list)
    for split in first.values():
        rows[split.symbol].append((split.date, split.factor))
    return rows


def _own_table(path: Path) -> list[Split]:
    """Rows of splits.csv."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not set(_OWN) <= set(reader.fieldnames or ()):
            raise broken("splits", path, f"columns are {', '.join(reader.fieldnames or ())}")
        return [_split(path, reader.line_num, row["symbol"], row["date"], row["factor"]) for row in reader]


def _split(path: Path, line: int, symbol: str | None, date: str | None, factor: str | None) -> Split:
    """The entry of a line; a time of day behind the date is ignored. Raises DataError `splits`."""
    try:
        name, at, value = (symbol or "").strip(), dt.date.fromisoformat((date or "").strip()[:10]), float(factor or "")
    except ValueError as why:
        raise broken("splits", path, f"line {line}: {why}") from why
    if not name:
        raise broken("splits", path, f"line {line}: no symbol")
    if not (math.isfinite(value) and value > 0):
        raise broken("splits", path, f"line {line}: factor {value}")
    return Split(name, at, value, f"{path.name} line {line}")


def _databento_table(path: Path) -> list[Split]:
    """Share events of a table with the columns of Databento's adjustment factors; none of any other CSV file.

    Columns: https://databento.com/docs/schemas/adjustment-factors; symbol, ex_date and factor are needed. Of the
    updates of one event (event_id) the latest (ts_created) stands; events of one date multiply.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        if not set(_DATABENTO) <= set(reader.fieldnames or ()):
            return []
        latest: dict[tuple[str, ...], tuple[str, Row, Split]] = {}
        for row, split in _share_events(path, reader):
            key = (split.symbol, row.get("event_id") or f"{split.date} {_of(row, 'event')}")
            created = row.get("ts_created") or ""
            if key not in latest or created >= latest[key][0]:
                latest[key] = (created, row, split)
    merged: dict[tuple[str, dt.date], Split] = {}
    for _, row, split in latest.values():
        if "status" in row and _of(row, "status") != APPLIED:
            continue
        before = merged.get((split.symbol, split.date))
        merged[split.symbol, split.date] = split._replace(factor=before.factor * split.factor) if before else split
    return list(merged.values())


def _share_events(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[Row, Split]]:
    """Rows of events that change the number of shares, of the first option; those without a symbol are left out."""
    for row in reader:
        symbol = _of(row, "symbol") or _of(row, "nasdaq_symbol")
        cash = bool(_of(row, "gross_dividend"))
        other = "event" in row and _of(row, "event") not in SHARE_EVENTS
        choice = "option" in row and _of(row, "option").removesuffix(".0") != FIRST_OPTION
        if symbol and not (cash or other or choice):
            yield row, _split(path, reader.line_num, symbol, row["ex_date"], row["factor"])


def _of(row: Row, name: str) -> str:
    """The row's value of a column, empty where there is none."""
    text = (row.get(name) or "").strip()
    return "" if text.lower() in _NOTHING else text
