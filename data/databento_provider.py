"""Databento files of a folder as record arrays, by symbol, New York date and schema."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import DataConfig
from data.calendar import is_session, session, utc_date, utc_midnight_ns
from data.catalog import Quarantined, Verdicts, scan
from data.daily_index import DailyIndex, consolidate, daily_index
from data.dbn_header import FileInfo
from data.dbn_stream import FileReader, Picks, gathered
from data.layout import DAILY_BAR, SECOND_NS
from data.provider import DataProvider
from data.rules import Repairs
from utils.logger import get_logger
from utils.paths import anchored, shown

log = get_logger(__name__)

DATABENTO = "databento"
"""The provider of real files unless another one is chosen, and that of the sample market."""
EVENT_SCHEMAS = ("mbp-1", "trades")
CONSOLIDATED = ("EQUS.", "DBEQ.")
"""Datasets over all venues; others hold one venue's book."""
CORE_S = 54_000
"""Seconds after 04:00 that lie in the UTC date of the same name in summer and winter (until 19:00 New York)."""

REMEMBERED = 16_384
"""Symbol-days of which the schemas and the files are kept in memory."""

Span = tuple[int, int]
"""[start, end) in ns."""


class _Piece(NamedTuple):
    """Read records of instrument `number` within [start, end) from the file."""

    file: int
    number: int
    start: int
    end: int


def _make_room(known: dict[Any, Any]) -> None:
    """Begin anew where a whole market would fill the memory: what is forgotten is quickly found again."""
    if len(known) >= REMEMBERED:
        known.clear()


def _minus(spans: list[Span], cut: Span) -> list[Span]:
    """`spans` without what `cut` covers."""
    left = [(a, min(b, cut[0])) for a, b in spans]
    right = [(max(a, cut[1]), b) for a, b in spans]
    return [(a, b) for a, b in sorted(left + right) if a < b]


class DatabentoProvider(DataProvider):
    """All DBN files below `folder`, found by their headers. Picklable: a worker gets the finished scan."""

    def __init__(self, folder: Path, config: DataConfig) -> None:
        super().__init__(folder, config)
        self._publisher = config.publisher
        self._cache = anchored(config.cache)
        self._verdicts = Verdicts(self._cache / "files.jsonl")
        self._catalog = scan(self._folder, self._verdicts)
        self._catalog.repairs.report(shown(self._folder))
        self._repairs = Repairs()
        self._daily: DailyIndex | None = None
        self._schemas: dict[tuple[str, dt.date], set[str]] = {}
        self._sources: dict[tuple[str, dt.date, str], list[Path]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without the memory-mapped daily bars and what is quickly found again: a worker opens its own."""
        return {**self.__dict__, "_daily": None, "_schemas": {}, "_sources": {}}

    # ------------------------------------------------------------ what there is
    @property
    def files(self) -> tuple[FileInfo, ...]:
        """Usable files."""
        return self._catalog.files

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """Files that are left out, with rule and reason."""
        return self._catalog.quarantined

    @property
    def repairs(self) -> dict[str, int]:
        """How often each repair was made in reading so far, by rule."""
        return dict(self._repairs.counts)

    def symbols(self) -> list[str]:
        """All symbols that any usable file maps, sorted."""
        return list(self._catalog.symbols)

    def dates(self, symbol: str) -> list[dt.date]:
        """Sessions of which a file with mbp-1 or trades covers some time before 19:00 New York, in order."""
        return self.covered(symbol, EVENT_SCHEMAS)

    def covered(self, symbol: str, schemas: tuple[str, ...]) -> list[dt.date]:
        """Sessions that files of any of `schemas` cover for the symbol, in order."""
        found: set[dt.date] = set()
        for row in self._catalog.rows(symbol, schemas):
            info = self.files[row["file"]]
            first = max(dt.date.fromordinal(int(row["first"])), utc_date(info.start_ns))
            last = min(dt.date.fromordinal(int(row["end"]) - 1), utc_date(info.end_ns - 1))
            days = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
            found.update(d for d in days if d not in found and is_session(d) and self._in_core(info, d))
        return sorted(found)

    def _in_core(self, info: FileInfo, date: dt.date) -> bool:
        start = session(date).start_ns
        return info.start_ns < start + CORE_S * SECOND_NS and info.end_ns > start

    def schemas(self, symbol: str, date: dt.date) -> set[str]:
        """Schemas in which the symbol's session (before 19:00 New York) is covered."""
        key = symbol, date
        if key not in self._schemas:
            _make_room(self._schemas)
            found = (self.files[n] for n in self._covering(symbol, date))
            self._schemas[key] = {info.schema for info in found if self._in_core(info, date)}
        return set(self._schemas[key])

    def _covering(self, symbol: str, date: dt.date) -> list[int]:
        rows = self._catalog.rows(symbol)
        ordinal = date.toordinal()
        mapped = rows["file"][(rows["first"] <= ordinal) & (rows["end"] > ordinal)]
        clock = session(date)
        return [
            int(n) for n in mapped if self.files[n].start_ns < clock.end_ns and self.files[n].end_ns > clock.start_ns
        ]

    def dataset(self, symbol: str, date: dt.date, schema: str) -> str:
        """Dataset code of the files that `chunks` reads, empty if there are none."""
        plan = self._plan(symbol, date, schema, Repairs())
        return self.files[plan[0].file].dataset if plan else ""

    def source_files(self, symbol: str, date: dt.date, schema: str | None = None) -> list[Path]:
        """Files that `chunks` reads for the session, of one schema or of all, sorted."""
        if schema is None:
            every = (self.source_files(symbol, date, s) for s in sorted(self.schemas(symbol, date)))
            return sorted({path for paths in every for path in paths})
        key = symbol, date, schema
        if key not in self._sources:
            _make_room(self._sources)
            pieces = self._plan(symbol, date, schema, Repairs())
            self._sources[key] = sorted({self.files[p.file].path for p in pieces})
        return list(self._sources[key])

    # ------------------------------------------------------------ which file for which time
    def _rank(self, file: int) -> tuple[bool, bool, str]:
        """Sort key of datasets: the chosen publisher's, then those over all venues, then by name."""
        info = self.files[file]
        other = bool(self._publisher) and info.publisher != self._publisher
        return other, not info.dataset.startswith(CONSOLIDATED), info.dataset

    def _numbers(self, symbol: str, schema: str, repairs: Repairs, spans: list[Span]) -> list[_Piece]:
        """What each file holds of the symbol within the one or two UTC dates `spans` of a session."""
        rows = self._catalog.rows(symbol, (schema,))
        by_file: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for n, (start, _) in enumerate(spans):
            ordinal = utc_date(start).toordinal()
            for row in rows[(rows["first"] <= ordinal) & (rows["end"] > ordinal)]:
                by_file[int(row["file"])][n] = int(row["id"])
        pieces: list[_Piece] = []
        for file, numbers in by_file.items():
            info = self.files[file]
            for n, (start, end) in enumerate(spans):
                a, b = max(start, info.start_ns), min(end, info.end_ns)
                if a >= b:
                    continue
                number = numbers.get(n)
                if number is None and n == 1:
                    number = numbers[0]
                    if self._catalog.holder(file, number, utc_date(start).toordinal()):
                        continue
                    repairs.count("map-short")
                if number is not None:
                    pieces.append(_Piece(file, number, a, b))
        return pieces

    def _plan(self, symbol: str, date: dt.date, schema: str, repairs: Repairs) -> list[_Piece]:
        """Pieces without overlap that cover as much of the session as the files of one dataset do, by time."""
        clock = session(date)
        midnight = utc_midnight_ns(date + dt.timedelta(days=1))
        spans = [(clock.start_ns, min(clock.end_ns, midnight))]
        if clock.end_ns > midnight:
            spans.append((midnight, clock.end_ns))
        pieces = self._numbers(symbol, schema, repairs, spans)
        if not pieces:
            return []
        best = min(self._rank(p.file) for p in pieces)
        chosen = [p for p in pieces if self.files[p.file].dataset == best[2]]
        repairs.count("datasets", len({self.files[p.file].dataset for p in pieces}) - 1)
        length: defaultdict[int, int] = defaultdict(int)
        for p in chosen:
            length[p.file] += p.end - p.start
        chosen.sort(key=lambda p: (self.files[p.file].limited, -length[p.file], self.files[p.file].name, p.start))
        open_spans: list[Span] = [(clock.start_ns, clock.end_ns)]
        plan: list[_Piece] = []
        for p in chosen:
            taken = [(max(a, p.start), min(b, p.end)) for a, b in open_spans if max(a, p.start) < min(b, p.end)]
            repairs.count("overlap", int(taken != [(p.start, p.end)]))
            plan += [_Piece(p.file, p.number, a, b) for a, b in taken]
            open_spans = _minus(open_spans, (p.start, p.end))
        repairs.count("utc-border", int(len({p.file for p in plan if p.end > midnight or p.start < midnight}) > 1))
        return sorted(plan, key=lambda p: p.start)

    # ------------------------------------------------------------ records
    def chunks(self, symbol: str, date: dt.date, schema: str) -> Iterator[npt.NDArray[np.void]]:
        """The session's records of the symbol in wire dtype, in order of arrival, 04:00-20:00 New York.

        Arrays are fresh and may be kept. Bars come as one array, one bar an interval. Raises DataError at once if the
        symbol, date or schema is missing; while reading (file, record, rule) if a file is damaged: whatever was
        yielded before must then be thrown away.
        """
        repairs = Repairs()
        plan = self._plan(symbol, date, schema, repairs)
        if not plan:
            raise self.missing(symbol, date, schema)
        read = self._read(plan, repairs, f"{symbol} {date} {schema}")
        return iter([self._bars(read, schema)]) if schema.startswith("ohlcv") else read

    def _read(self, plan: list[_Piece], repairs: Repairs, where: str) -> Iterator[npt.NDArray[np.void]]:
        done: set[int] = set()
        for file in (p.file for p in plan):
            if file in done:
                continue
            done.add(file)
            info = self.files[file]
            rows = [(p.number, p.start, p.end) for p in plan if p.file == file]
            verified = self._verdicts.of(info.path, info.size, info.mtime_ns) >= Verdicts.VERIFIED
            reader = FileReader(info, Picks.of(rows, self._publisher), verified)
            yield from reader
            reader.count_repairs(repairs)
            if reader.complete and reader.in_order:
                self._verdicts.note(info.path, info.size, info.mtime_ns, Verdicts.VERIFIED)
        self._verdicts.save()
        # Each kind of repair is told once a process; `repairs` holds the sums.
        repairs.new_to(self._repairs).report(where)

    def _bars(self, read: Iterator[npt.NDArray[np.void]], schema: str) -> npt.NDArray[np.void]:
        bars = gathered(read, schema)
        bars = bars[np.argsort(bars["ts_event"], kind="stable")]
        return consolidate(bars, bars["ts_event"].astype(np.int64))

    def daily(self, symbol: str) -> npt.NDArray[np.void]:
        """DAILY_BAR of the symbol by date, raw prices, from the ohlcv-1d files; empty if there are none."""
        if self._daily is None:
            ranked = [n for n, f in enumerate(self.files) if f.schema == "ohlcv-1d"]
            if not ranked:
                return np.zeros(0, DAILY_BAR)
            ranked.sort(key=lambda n: (*self._rank(n), self.files[n].limited, self.files[n].name))
            self._daily = daily_index(self._catalog, ranked, self._publisher, self._cache)
        return self._daily.of(symbol)
