"""All daily bars of a folder, sorted by symbol and date once and then memory-mapped: a symbol is one slice.

Bars of several publishers become one (see `consolidate`); where several datasets or files hold the same symbol and
date, the preferred one wins (see `rank` of the caller).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.calendar import DAY_NS, EPOCH_ORDINAL
from data.catalog import Catalog
from data.dbn_header import FileInfo, IdTable
from data.dbn_stream import file_records
from data.layout import DAILY_BAR, WIRE_OHLCV
from data.rules import VANISHED, Repairs
from utils.atomic import new_folder
from utils.errors import DataError
from utils.hashing import text_hash
from utils.logger import get_logger

log = get_logger(__name__)

DATE_BITS = 21
"""(symbol, date) becomes one sortable number: the ordinal of a date needs 20 bits."""
_FORMAT = "2"
_BARS, _BLOCK = "bars.bin", "block-{}"
SYMBOLS_AT_ONCE = 512
"""Symbols whose bars are sorted together, about 20 MB a year."""
PRICE_UNIT = 1e9
"""Dividing by it rounds correctly: 4.57 comes out as 4.57."""
_PRICES = ("open", "high", "low", "close")


def consolidate(bars: npt.NDArray[np.void], group: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    """One bar a group (sorted ids, one a row of `bars`): highest high, lowest low, summed volume.

    Open and close are those of the publisher with the largest volume: within one interval nothing tells which
    publisher traded first. Works on any dtype with the fields open, high, low, close, volume.
    """
    if not len(bars):
        return bars.copy()
    first = np.flatnonzero(_starts(group))
    if len(first) == len(bars):
        return bars.copy()
    # Within each group the largest volume comes first.
    largest = np.lexsort((-bars["volume"].astype(np.float64), group))[first]
    out = bars[largest]
    out["high"] = np.maximum.reduceat(bars["high"], first)
    out["low"] = np.minimum.reduceat(bars["low"], first)
    out["volume"] = np.add.reduceat(bars["volume"], first)
    return out


PLACED = np.dtype([("symbol", "i8"), ("day", "i8"), ("rank", "i8"), ("bar", WIRE_OHLCV)])
"""A daily bar with its symbol's place, its day since 1970 and the rank of its file."""


def _file_rows(
    info: FileInfo, intervals: npt.NDArray[np.void], publisher: int, rank: int, repairs: Repairs
) -> npt.NDArray[np.void]:
    """The mapped bars of a file, PLACED. `intervals`: INTERVAL rows of this file."""
    parts = [chunk.copy() for chunk in file_records(info)]
    bars = np.concatenate(parts) if parts else np.zeros(0, WIRE_OHLCV)
    if publisher:
        bars = bars[bars["publisher_id"] == publisher]
    day = bars["ts_event"].astype(np.int64) // DAY_NS
    found, ok = IdTable(intervals).find(bars["instrument_id"], day + EPOCH_ORDINAL)
    repairs.count("unmapped", int(np.count_nonzero(~ok)))
    rows = np.zeros(np.count_nonzero(ok), PLACED)
    rows["symbol"], rows["day"], rows["rank"], rows["bar"] = found["symbol"][ok], day[ok], rank, bars[ok]
    return rows


def _yyyymmdd(days: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month, day = months.astype(np.int64), (dates - months).astype(np.int64)
    return (month // 12 + 1970) * 10_000 + (month % 12 + 1) * 100 + day + 1


def _starts(key: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where a run of equal values begins."""
    first = np.ones(len(key), np.bool_)
    first[1:] = key[1:] != key[:-1]
    return first


def _merge(rows: npt.NDArray[np.void], repairs: Repairs) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """(symbol places, DAILY_BAR), sorted, of PLACED rows; of several files the best ranked that has the day wins."""
    rank, publisher = rows["rank"], rows["bar"]["publisher_id"]
    key = rows["symbol"] << DATE_BITS | (rows["day"] + EPOCH_ORDINAL)
    order = np.lexsort((publisher, rank, key))
    winner = rank[order][_starts(key[order])]
    won = winner[np.cumsum(_starts(key[order])) - 1] == rank[order]
    repairs.count("overlap", int(np.count_nonzero(~won)))
    order = order[won]
    # Of one publisher, a repeated day is a repeated record.
    fresh = _starts(key[order]) | _starts(publisher[order])
    repairs.count("duplicate", int(np.count_nonzero(~fresh)))
    order = order[fresh]
    one = _starts(key[order])
    repairs.count("publishers", int(np.count_nonzero(~one)))
    bars = consolidate(rows["bar"][order], key[order])
    out = np.zeros(len(bars), DAILY_BAR)
    out["date"] = _yyyymmdd(rows["day"][order][one])
    for name in _PRICES:
        out[name] = bars[name] / PRICE_UNIT
    out["volume"] = bars["volume"]
    return rows["symbol"][order][one], out


class DailyIndex(NamedTuple):
    """`bars` DAILY_BAR [n] memory-mapped; symbol k has rows [bounds[k], bounds[k + 1])."""

    bars: npt.NDArray[np.void]
    bounds: npt.NDArray[np.int64]
    place: dict[str, int]

    def of(self, symbol: str) -> npt.NDArray[np.void]:
        """The symbol's bars by date, a read-only view; none if it has none."""
        k = self.place.get(symbol)
        return self.bars[:0] if k is None else self.bars[self.bounds[k] : self.bounds[k + 1]]


def daily_index(catalog: Catalog, ranked: Sequence[int], publisher: int, cache: Path) -> DailyIndex:
    """The index over the ohlcv-1d files `ranked` (positions in the catalog, preferred first), built if need be.

    A file that turns out damaged is left out with a warning, now and whenever the stored index is opened.
    """
    stamps = [f"{catalog.files[n].name}:{catalog.files[n].size}:{catalog.files[n].mtime_ns}" for n in ranked]
    folder = cache / "daily" / text_hash(_FORMAT, str(publisher), *stamps)
    if not folder.is_dir():
        _build(catalog, ranked, publisher, folder)
    for why in json.loads((folder / "left_out.json").read_text()):
        log.warning("daily bars without %s", why)
    bounds = np.load(folder / "bounds.npy", allow_pickle=False)
    bars = np.memmap(folder / _BARS, DAILY_BAR, "r") if bounds[-1] else np.zeros(0, DAILY_BAR)
    symbols: list[str] = json.loads((folder / "symbols.json").read_text())
    return DailyIndex(bars, bounds, {s: k for k, s in enumerate(symbols)})


def _build(catalog: Catalog, ranked: Sequence[int], publisher: int, folder: Path) -> None:
    """Sort in two steps, so that memory holds one file, then one block of symbols, however large the market is."""
    repairs = Repairs()
    counts = np.zeros(len(catalog.symbols), np.int64)
    with new_folder(folder) as made:
        left_out = _deal_out(catalog, ranked, publisher, made, repairs)
        with (made / _BARS).open("wb") as file:
            for block in sorted(made.glob(_BLOCK.format("*"))):
                symbol, bars = _merge(np.fromfile(block, PLACED), repairs)
                counts += np.bincount(symbol, minlength=len(counts))
                file.write(bars.data)
                block.unlink()
        present = np.flatnonzero(counts)
        np.save(made / "bounds.npy", np.r_[0, np.cumsum(counts[present])], allow_pickle=False)
        (made / "left_out.json").write_text(json.dumps(left_out))
        (made / "symbols.json").write_text(json.dumps([catalog.symbols[k] for k in present]))
    repairs.report("daily bars")


def _deal_out(catalog: Catalog, ranked: Sequence[int], publisher: int, folder: Path, repairs: Repairs) -> list[str]:
    """Append every file's bars to the blocks of their symbols; returns why files were left out."""
    left_out: list[str] = []
    for rank, n in enumerate(ranked):
        try:
            rows = _file_rows(catalog.files[n], catalog.rows_of_file(n), publisher, rank, repairs)
        except DataError as why:
            if why.rule == VANISHED:  # it may come back: nothing to store
                raise
            left_out.append(why.text())
            continue
        block = rows["symbol"] // SYMBOLS_AT_ONCE
        for number in np.unique(block).tolist():
            with (folder / _BLOCK.format(f"{number:06d}")).open("ab") as file:
                file.write(np.ascontiguousarray(rows[block == number]).data)
    return left_out
