"""The index of days: which were looked at, what they are worth to training, and where their reset points are."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from data.layout import RESET_POINT, ResetKind
from data.scanner.judge import Judged, Row, Status
from data.split import Split
from utils.atomic import write_text
from utils.errors import DataError
from utils.tables import write_parquet

VERSION = 2
"""Of the files below; raised whenever a column changes its meaning."""
DAYS, POINTS, SUMMARY = "days.parquet", "reset_points.parquet", "summary.json"
_FIX = "run `poe build-index`"

Key = tuple[str, dt.date]

COLUMNS: Mapping[str, Any] = {
    "symbol": pl.String,
    "date": pl.Date,
    "status": pl.String,  # taken | rejected | quarantined
    "reason": pl.String,
    # ex post, training only: the weighted sum and its unweighted parts in [0, 1]
    "quality": pl.Float64,
    "quality_range": pl.Float64,
    "quality_rvol": pl.Float64,
    "quality_dollar_volume": pl.Float64,
    "quality_trend": pl.Float64,
    "quality_halts": pl.Float64,
    "quality_spread": pl.Float64,
    # ex ante: all that a backtest may select by
    "triggered": pl.Boolean,
    "trigger_s": pl.Int64,  # known at the end of this second; -1 never
    "trigger_price": pl.Float64,
    "trigger_gain": pl.Float64,
    "trigger_rvol": pl.Float64,
    "trigger_dollar_volume": pl.Float64,
    "trigger_float_shares": pl.Float64,
    # the whole day
    "range": pl.Float64,  # (high - low) / previous close
    "gap": pl.Float64,  # first regular trade / previous close - 1
    "rvol": pl.Float64,
    "dollar_volume": pl.Float64,
    "trend": pl.Float64,
    "halts": pl.Int64,
    "spread_bps": pl.Float64,
    "previous_close": pl.Float64,
    "change": pl.Float64,  # last trade / previous close - 1
    "faded": pl.Boolean,  # last trade below the first
    "reset_points": pl.Int64,
    "first_quote_s": pl.Int64,  # -1 without a book
    "end_s": pl.Int64,
    "adjustment": pl.Float64,
    "synthetic": pl.Boolean,
    "flags": pl.List(pl.String),
}
"""Columns of `days`; null from `quality` on where no timeline was judged, but for triggered (false) and trigger_s (-1).

Floats may be nan: measured, but not defined (no previous close, no book).
"""
_DEFAULTS: Row = {"triggered": False, "trigger_s": -1, "halts": 0, "reset_points": 0}


class MomentumIndex:
    """Days and reset points. Build one with `MomentumIndex.of`, `load` one, or scan."""

    def __init__(self, days: pl.DataFrame, points: Mapping[Key, npt.NDArray[Any]], about: Mapping[str, Any]) -> None:
        self.days = days
        self.about = dict(about)
        """Configuration, hash of the data, code: what the index was made of."""
        self._points = dict(points)

    @classmethod
    def of(cls, judged: Iterable[tuple[str, dt.date, Judged]], about: Mapping[str, Any]) -> MomentumIndex:
        """An index of these (symbol, date, judgement), by symbol and date."""
        ordered = sorted(judged, key=lambda item: item[:2])
        rows = [{**_DEFAULTS, **j.row, "symbol": symbol, "date": date} for symbol, date, j in ordered]
        days = pl.DataFrame(rows, schema=dict(COLUMNS), orient="row")
        return cls(days, {(s, d): j.points for s, d, j in ordered if len(j.points)}, about)

    def __len__(self) -> int:
        return len(self.days)

    def fix_split(self, split: Split) -> None:
        """Write into the index which sessions train, validate and test; `save` keeps it in the summary."""
        self.about |= {"split": split.plain(), "split_hash": split.hash}

    @property
    def split(self) -> Split:
        """What `fix_split` wrote. Raises DataError if nothing did."""
        if "split" not in self.about:
            raise DataError("the index does not say which sessions train and which test", rule="index-split", fix=_FIX)
        return Split.of_plain(self.about["split"])

    def fold(self, split: Split, left_out: Collection[Key] = ()) -> MomentumIndex:
        """A copy with another split, without the days of `left_out`."""
        kept = [key not in left_out for key in self.days.select("symbol", "date").iter_rows()]
        points = {key: points for key, points in self._points.items() if key not in left_out}
        copy = MomentumIndex(self.days.filter(pl.Series(kept, dtype=pl.Boolean)), points, self.about)
        copy.fix_split(split)
        return copy

    def reset_points(self, symbol: str, date: dt.date) -> npt.NDArray[Any]:
        """RESET_POINT array of a day, by time; empty if the day has none or is not here."""
        return self._points.get((symbol, date), np.zeros(0, RESET_POINT))

    def row(self, symbol: str, date: dt.date) -> Row | None:
        """The day's row as a dict, or None."""
        found = self.days.filter((pl.col("symbol") == symbol) & (pl.col("date") == date))
        return found.row(0, named=True) if len(found) else None

    def summary(self) -> dict[str, Any]:
        """Counts and origin, as written to summary.json."""
        counts = dict(self.days["status"].value_counts().iter_rows())
        taken = self.days.filter(pl.col("status") == str(Status.TAKEN))
        kinds = np.concatenate([p["kind"] for p in self._points.values()]) if self._points else np.zeros(0, np.int32)
        dates = self.days["date"]
        return {
            "version": VERSION,
            "days": {str(status): int(counts.get(str(status), 0)) for status in Status},
            "triggered": int(self.days["triggered"].sum()),
            "symbols": int(self.days["symbol"].n_unique()),
            "first": str(dates.min()) if len(dates) else None,
            "last": str(dates.max()) if len(dates) else None,
            "mean_quality": float(np.mean(taken["quality"].to_numpy())) if len(taken) else None,
            "reset_points": {kind.name.lower(): int((kinds == kind).sum()) for kind in ResetKind},
            **self.about,
        }

    def save(self, folder: Path) -> None:
        """Write three files; each is whole or not there, and the summary, which `load` asks for, comes last."""
        summary = folder / SUMMARY
        summary.unlink(missing_ok=True)
        for name, table in ((DAYS, self.days), (POINTS, self._points_table())):
            write_parquet(folder / name, table)
        write_text(summary, json.dumps(self.summary(), indent=1, sort_keys=True))

    def _points_table(self) -> pl.DataFrame:
        keys = sorted(self._points)
        lengths = [len(self._points[k]) for k in keys]
        points = np.concatenate([self._points[k] for k in keys]) if keys else np.zeros(0, RESET_POINT)
        fields = {name: np.ascontiguousarray(points[name]) for name in RESET_POINT.names or ()}
        owner = pl.DataFrame({"symbol": [k[0] for k in keys], "date": [k[1] for k in keys]}, schema=_KEY_SCHEMA)
        rows = np.repeat(np.arange(len(keys)), lengths)
        return owner[rows].hstack(pl.DataFrame(fields).get_columns())

    @classmethod
    def load(cls, folder: Path) -> MomentumIndex:
        """Read what `save` wrote. Raises DataError if it is not there, damaged, or of another version."""
        if not (folder / SUMMARY).is_file():
            raise DataError("there is no index of momentum days yet", rule="index-missing", where=folder, fix=_FIX)
        try:
            about: dict[str, Any] = json.loads((folder / SUMMARY).read_text())
            version = about.pop("version", None)
            if version != VERSION:
                what = f"the index has version {version}, this program reads {VERSION}"
                raise DataError(what, rule="index-version", where=folder, fix=_FIX)
            days = pl.read_parquet(folder / DAYS)
            points = _points_by_day(pl.read_parquet(folder / POINTS))
        except (ValueError, OSError, pl.exceptions.PolarsError) as why:
            what = f"the index cannot be read: {why}"
            raise DataError(what, rule="index-damaged", where=folder, fix=_FIX) from why
        if days.schema != pl.Schema(COLUMNS):
            raise DataError("the index has other columns", rule="index-version", where=folder, fix=_FIX)
        for derived in ("days", "triggered", "symbols", "first", "last", "mean_quality", "reset_points"):
            about.pop(derived, None)
        return cls(days, points, about)


_KEY_SCHEMA: dict[str, Any] = {"symbol": pl.String, "date": pl.Date}


def _points_by_day(table: pl.DataFrame) -> dict[Key, npt.NDArray[Any]]:
    """Cut the table (sorted by symbol and date) into one RESET_POINT array per day."""
    points = np.zeros(len(table), RESET_POINT)
    for name in RESET_POINT.names or ():
        points[name] = table[name].to_numpy()
    runs = table.select("symbol", "date").group_by("symbol", "date", maintain_order=True).len()
    found: dict[Key, npt.NDArray[Any]] = {}
    row = 0
    for symbol, date, count in runs.iter_rows():
        found[symbol, date] = points[row : row + count]
        row += count
    return found
