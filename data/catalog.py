"""Which files a data folder holds, and which symbol has which instrument id in which file on which dates.

Only headers are read. The verdict on a file's structure and whether it was once read to its end are kept beside the
cache by size and time of change, so that a second scan does not repeat the checks.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.dbn_header import INTERVAL, Codes, FileInfo, coded, read_header
from data.rules import RULES, Repairs, broken
from utils.errors import DataError
from utils.hashing import file_hash
from utils.logger import get_logger
from utils.side_table import SideTable

log = get_logger(__name__)


class Quarantined(NamedTuple):
    """A file that is left out, the rule it breaks and why."""

    path: Path
    rule: str
    why: str


class Verdicts:
    """What is known of files by (size, mtime): 1 = structure whole, 2 = read to its end and in time order."""

    WHOLE = 1
    VERIFIED = 2

    def __init__(self, sidecar: Path) -> None:
        self._table: SideTable[int] = SideTable(sidecar)

    def of(self, path: Path, size: int, mtime_ns: int) -> int:
        """The verdict, 0 if none holds for this state of the file."""
        return self._table.get(path, size, mtime_ns) or 0

    def note(self, path: Path, size: int, mtime_ns: int, verdict: int) -> None:
        """Remember `verdict` unless a higher one is known."""
        if verdict > self.of(path, size, mtime_ns):
            self._table.note(path, size, mtime_ns, verdict)

    def save(self) -> None:
        """Keep what was learned."""
        self._table.save()


class Catalog:
    """Usable files, left-out files and the table of symbols."""

    def __init__(
        self,
        files: list[FileInfo],
        quarantined: list[Quarantined],
        mapped: list[npt.NDArray[np.void]],
        codes: Codes,
        repairs: Repairs,
    ) -> None:
        """`mapped`: INTERVAL rows by file, whose symbols are `codes`."""
        self.files = tuple(files)
        self.quarantined = tuple(quarantined)
        self.repairs = repairs
        names = list(codes)
        table = np.concatenate(mapped) if mapped else np.zeros(0, INTERVAL)
        table["file"] = np.repeat(np.arange(len(mapped)), [len(rows) for rows in mapped])
        present = np.unique(table["symbol"]).tolist()
        self.symbols = sorted(names[k] for k in present)
        self._place = {symbol: n for n, symbol in enumerate(self.symbols)}
        places = np.array([self._place.get(name, 0) for name in names], np.int32)
        table["symbol"] = places[table["symbol"]]
        self.intervals = table[np.lexsort((table["first"], table["file"], table["symbol"]))]
        self._bounds = np.searchsorted(self.intervals["symbol"], np.arange(len(self.symbols) + 1))
        self._by_file = np.argsort(self.intervals["file"], kind="stable").astype(np.int32)
        edges = np.cumsum([0, *(len(rows) for rows in mapped)])
        self._file_bounds = edges.astype(np.int64)
        self._schemas = np.array([file.schema for file in files], dtype="U16")
        self._count_reuse()

    def _count_reuse(self) -> None:
        pairs = np.unique(self.intervals["id"].astype(np.int64) << 32 | self.intervals["symbol"])
        self.repairs.count("id-reuse", len(pairs) - len(np.unique(pairs >> 32)))

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._place

    def rows(self, symbol: str, schemas: Collection[str] = ()) -> npt.NDArray[np.void]:
        """INTERVAL rows of the symbol, sorted by file and date, in files of `schemas` (all if empty)."""
        place = self._place.get(symbol)
        if place is None:
            return self.intervals[:0]
        found = self.intervals[self._bounds[place] : self._bounds[place + 1]]
        return found[np.isin(self._schemas[found["file"]], list(schemas))] if schemas else found

    def rows_of_file(self, file: int) -> npt.NDArray[np.void]:
        """INTERVAL rows of a file."""
        return self.intervals[self._by_file[self._file_bounds[file] : self._file_bounds[file + 1]]]

    def holder(self, file: int, number: int, ordinal: int) -> bool:
        """Whether any symbol has the id in that file on that UTC date."""
        table = self.rows_of_file(file)
        return bool(np.any((table["id"] == number) & (table["first"] <= ordinal) & (table["end"] > ordinal)))


def paths_below(folder: Path) -> Iterator[Path]:
    """All files below `folder` in a fixed order; links are followed once, hidden names left out."""
    seen: set[str] = set()
    for at, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(at)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield from (Path(at) / n for n in sorted(names) if not n.startswith("."))


def _duplicates(files: list[FileInfo]) -> set[int]:
    """Positions of files whose content an earlier file has too; only files of one size and range are read."""
    alike: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for n, file in enumerate(files):
        alike[file.size, file.schema, file.dataset, file.start_ns, file.end_ns].append(n)
    found: set[int] = set()
    for group in (g for g in alike.values() if len(g) > 1):
        first: dict[str, int] = {}
        found.update(n for n in group if first.setdefault(file_hash(files[n].path), n) != n)
    return found


def scan(folder: Path, verdicts: Verdicts) -> Catalog:
    """Read every header below `folder`; bad files are left out by name. Never raises for a bad file."""
    files: list[FileInfo] = []
    mapped: list[npt.NDArray[np.void]] = []
    codes: Codes = {}
    bad: list[Quarantined] = []
    repairs = Repairs()
    for path in paths_below(folder):
        try:
            stat = path.stat()
            known = verdicts.of(path, stat.st_size, stat.st_mtime_ns)
            found = read_header(path, path.relative_to(folder).as_posix(), checked=known >= Verdicts.WHOLE)
        except DataError as why:
            bad.append(Quarantined(path, why.rule, why.what))
            continue
        except OSError as why:
            bad.append(Quarantined(path, "unreadable", broken("unreadable", path, why.strerror or "").what))
            continue
        if found is None:
            continue
        info, rows = found
        verdicts.note(path, info.size, info.mtime_ns, Verdicts.WHOLE)
        if not info.readable:
            continue
        repairs.count("record-free", int(info.empty))
        repairs.count("no-checksum", int(not info.checksum))
        files.append(info)
        mapped.append(coded(rows, codes))
    twice = _duplicates(files)
    bad += [Quarantined(files[n].path, "duplicate-file", broken("duplicate-file", files[n].path).what) for n in twice]
    keep = [n for n in range(len(files)) if n not in twice]
    for item in bad:
        # A schema that is not used is no damage: such files may well lie in the folder.
        tell = log.info if item.rule == "schema" else log.warning
        tell("left out: %s; fix: %s", item.why, RULES[item.rule].then)
    verdicts.save()
    return Catalog([files[n] for n in keep], bad, [mapped[n] for n in keep], codes, repairs)
