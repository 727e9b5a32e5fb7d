"""Every way in which a Databento file can mislead, by name: an error with its fix, or a counted repair.

`RULES` is the registry; the documentation's table is made from it (`table`). Code that meets a broken rule calls
`broken`, code that mends something counts it in `Repairs`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from utils.errors import DataError
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)


class Kind(Enum):
    """What happens where a rule is broken."""

    ERROR = "error"
    REPAIR = "repair"


@dataclass(frozen=True)
class Rule:
    """One rule. `stage`: scan (when a folder is searched), read (while records stream), timeline (day builder)."""

    name: str
    kind: Kind
    stage: str
    what: str
    then: str
    """The fix for the reader (errors) or what is done about it (repairs)."""


VANISHED = "vanished"
"""The one rule whose breaking ends a run: the others leave a file out, but this file is part of what was hashed."""
_AGAIN = "download the file again, or move it out of the data folder"

_ALL = (
    # ---------------------------------------------------------------- files
    Rule("empty-file", Kind.ERROR, "scan", "the file has no bytes", _AGAIN),
    Rule("dbz", Kind.ERROR, "scan", "the file is in the retired DBZ format", "request the data again as DBN"),
    Rule("not-dbn", Kind.ERROR, "scan", "the name says DBN, the content does not", _AGAIN),
    Rule("header", Kind.ERROR, "scan", "the DBN header cannot be decoded", _AGAIN),
    Rule("version", Kind.ERROR, "scan", "the DBN version is none of 1, 2, 3", "convert it with `dbn --upgrade`"),
    Rule("truncated", Kind.ERROR, "scan", "the zstd frame does not end, or the last record is cut", _AGAIN),
    Rule(
        "concatenated",
        Kind.ERROR,
        "scan",
        "bytes follow the end of the zstd frame: several files in one",
        "split it: decompress each part to a file of its own",
    ),
    Rule(
        "schema",
        Kind.ERROR,
        "scan",
        "the schema is none of those in use",
        "request mbp-1, trades, ohlcv-1s, ohlcv-1m, ohlcv-1d or status",
    ),
    Rule("record-layout", Kind.ERROR, "read", "a record is not of the header's schema", _AGAIN),
    Rule(
        "no-symbols",
        Kind.ERROR,
        "scan",
        "the header maps no symbol to an instrument id",
        "request the data with stype_in=raw_symbol and stype_out=instrument_id",
    ),
    Rule("duplicate-file", Kind.ERROR, "scan", "another file has the very same content", "remove one of the two"),
    Rule("checksum", Kind.ERROR, "read", "the content does not match its checksum, or cannot be decompressed", _AGAIN),
    Rule("unreadable", Kind.ERROR, "scan", "the operating system refuses to read it", "check the file's permissions"),
    Rule(
        "order",
        Kind.ERROR,
        "read",
        "more than 1 % of the records are older than their predecessor",
        "sort the records by ts_recv, or download the file again",
    ),
    Rule(
        VANISHED,
        Kind.ERROR,
        "read",
        "the file was there when the folder was searched and is gone now",
        "put it back under the same name, or start again without it",
    ),
    # ---------------------------------------------------------------- requests
    Rule("no-files", Kind.ERROR, "scan", "the folder holds no usable DBN file", "see the message"),
    Rule("unknown-symbol", Kind.ERROR, "scan", "no file maps this symbol", "see the message"),
    Rule("no-data", Kind.ERROR, "scan", "no file covers this symbol on this date", "see the message"),
    Rule("missing-schema", Kind.ERROR, "scan", "the date is covered, but not in this schema", "see the message"),
    Rule(
        "splits",
        Kind.ERROR,
        "scan",
        "a table of splits cannot be read",
        "columns of splits.csv: symbol,date,factor (1:10 reverse = 10); Databento's adjustment factors as downloaded",
    ),
    Rule(
        "split-conflict",
        Kind.ERROR,
        "scan",
        "two places give different factors for the same symbol and date",
        "look up the ratio (a factor is what earlier prices are multiplied by: 1:10 reverse = 10, 2:1 = 0.5) and "
        "remove the wrong entry",
    ),
    Rule(
        "reference",
        Kind.ERROR,
        "scan",
        "the table of shares cannot be read",
        "columns of reference.csv: symbol,date,shares_outstanding,float_shares; a row holds from its date on, counts "
        "are shares (not millions), empty where unknown",
    ),
    # ---------------------------------------------------------------- repairs
    Rule("record-free", Kind.REPAIR, "scan", "a file without records", "valid: the days it covers are empty"),
    Rule(
        "no-checksum",
        Kind.REPAIR,
        "scan",
        "a file without a checksum: flipped bits would go unnoticed",
        "read all the same, and noted",
    ),
    Rule(
        "utc-border",
        Kind.REPAIR,
        "read",
        "19:00-20:00 New York lies in the next UTC date in winter",
        "the day is put together from both files, each with the instrument id of its own UTC date",
    ),
    Rule(
        "map-short",
        Kind.REPAIR,
        "read",
        "the symbol map ends at UTC midnight, inside the session",
        "the last id is kept until 20:00 New York unless another symbol has it",
    ),
    Rule(
        "id-reuse",
        Kind.REPAIR,
        "scan",
        "instrument ids are given to other symbols from day to day",
        "ids are looked up by (id, UTC date)",
    ),
    Rule(
        "unmapped",
        Kind.REPAIR,
        "read",
        "records whose id has no symbol on that date",
        "skipped, counted by verify_file",
    ),
    Rule(
        "publishers",
        Kind.REPAIR,
        "read",
        "several publishers in one series",
        "bars: one per interval (highest high, lowest low, summed volume, open and close of the largest); "
        "events: as they come, or only data.publisher",
    ),
    Rule(
        "datasets",
        Kind.REPAIR,
        "read",
        "several datasets hold the same symbol, date and schema",
        "one is taken: consolidated feeds (EQUS, DBEQ) first, then by name",
    ),
    Rule("out-of-order", Kind.REPAIR, "read", "a record is older than its predecessor", "its arrival is set to that"),
    Rule("duplicate", Kind.REPAIR, "read", "a record repeats its predecessor, sequence included", "dropped"),
    Rule("overlap", Kind.REPAIR, "read", "several files cover the same time", "each moment is read from one of them"),
    Rule("undefined-price", Kind.REPAIR, "timeline", "one-sided or cleared book (2^63 - 1)", "no quote on that side"),
    Rule("open-event", Kind.REPAIR, "timeline", "a record without F_LAST", "the book is used from the next F_LAST on"),
    Rule(
        "zero-count",
        Kind.REPAIR,
        "timeline",
        "bid_ct or ask_ct is 0 where the size is not",
        "counts are ignored, a level is empty only without price",
    ),
    Rule(
        "bar-start",
        Kind.REPAIR,
        "read",
        "ts_event of a bar is its start; intervals without a trade have no record",
        "a bar is known at its end; missing bars carry the price forward with volume 0",
    ),
    Rule(
        "own-copy",
        Kind.REPAIR,
        "read",
        "databento's arrays are read-only, and pandas 3 changes string columns",
        "records are decoded into own arrays, without pandas",
    ),
)
RULES: Mapping[str, Rule] = {rule.name: rule for rule in _ALL}


ROUTINE = frozenset({"utc-border", "id-reuse", "undefined-price", "open-event", "zero-count", "bar-start", "own-copy"})
"""Repairs that every good file may need: nobody has to act on them."""


def table() -> list[tuple[str, str, str, str, str]]:
    """(name, kind, stage, what, then) by rule, for the documentation."""
    return [(r.name, r.kind.value, r.stage, r.what, r.then) for r in _ALL]


def broken(name: str, path: Path, detail: str = "", *, record: int | None = None) -> DataError:
    """The error of rule `name` in file `path`; `record` counts from 0."""
    rule = RULES[name]
    at = f", record {record:,}" if record is not None else ""
    text = f"{path.name}{at}: {rule.what}" + (f" ({detail})" if detail else "")
    return DataError(text, rule=name, where=shown(path), fix=rule.then)


@dataclass
class Repairs:
    """How often each repair was made; add with `count`, tell with `report`."""

    counts: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, name: str, times: int = 1) -> None:
        """Note `times` repairs of rule `name`."""
        if times:
            self.counts[RULES[name].name] = self.counts.get(name, 0) + times

    def report(self, where: str) -> None:
        """One log line a rule; what is common in good files goes to the debug level."""
        for name, times in self.counts.items():
            rule = RULES[name]
            level = logging.DEBUG if name in ROUTINE else logging.INFO
            log.log(level, "%s: %s x %s (%s): %s", where, name, f"{times:,}", rule.what, rule.then)

    def new_to(self, total: Repairs) -> Repairs:
        """Those of rules that `total` has not met yet; all are added to it."""
        new = Repairs({name: times for name, times in self.counts.items() if name not in total.counts})
        for name, times in self.counts.items():
            total.count(name, times)
        return new
