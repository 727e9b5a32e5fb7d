"""A full check of Databento files: every record read, every rule of `data/rules.py` judged or counted.

Reading does the structural checks on its way (see `dbn_header`, `dbn_stream`); this is for commands and for doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.calendar import DAY_NS, EPOCH_ORDINAL
from data.catalog import paths_below
from data.dbn_header import FileInfo, IdTable, Mapping, claims_dbn, coded, layout_word, read_header
from data.dbn_stream import MAX_DISORDER, MIN_DISORDERED, file_records, time_field
from data.layout import F_LAST, UNDEF_PRICE
from data.rules import RULES, Repairs, broken
from utils.errors import DataError
from utils.paths import shown


@dataclass
class Report:
    """What one full pass found. `counts` holds repairs by rule; `errors` (rule, what) is empty for a good file."""

    path: Path
    schema: str = ""
    dataset: str = ""
    version: int = 0
    records: int = 0
    first_ns: int = 0
    last_ns: int = 0
    publishers: dict[int, int] = field(default_factory=dict[int, int])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def ok(self) -> bool:
        """Whether the file can be used."""
        return not self.errors

    def text(self) -> str:
        """For people, one line a finding."""
        unused = [rule for rule, _ in self.errors] == ["schema"]
        head = f"{shown(self.path)}: {'good' if self.ok else 'not used' if unused else 'BAD'}"
        if self.schema:
            head += f", {self.records:,} records of {self.schema} (DBN {self.version}, {self.dataset})"
        lines = [head]
        lines += [f"  error  {rule}: {what}\n         fix: {RULES[rule].then}" for rule, what in self.errors]
        lines += [f"  repair {rule} x {n:,}: {RULES[rule].what}: {RULES[rule].then}" for rule, n in self.counts.items()]
        return "\n".join(lines)


class _Pass:
    """State of one pass over a file's records."""

    def __init__(self, info: FileInfo, mappings: list[Mapping], report: Report) -> None:
        self._info = info
        self._report = report
        self._repairs = Repairs(report.counts)
        self._last = np.int64(np.iinfo(np.int64).min)
        self._disordered = 0
        self._tail: npt.NDArray[np.void] | None = None
        self._ids = IdTable(coded(mappings, {}))

    def add(self, records: npt.NDArray[np.void]) -> None:
        """Judge and count one chunk. Raises DataError `record-layout`."""
        self._layout(records)
        self._time(records[time_field(self._info.schema)].astype(np.int64))
        self._repeats(records)
        self._mapped(records)
        for publisher, count in zip(*np.unique(records["publisher_id"], return_counts=True), strict=True):
            of = self._report.publishers
            of[int(publisher)] = of.get(int(publisher), 0) + int(count)
        if self._info.schema == "mbp-1":
            self._book(records)
        self._report.records += len(records)

    def _layout(self, records: npt.NDArray[np.void]) -> None:
        word = records["length"].astype(np.int64) | records["rtype"].astype(np.int64) << 8
        bad = np.flatnonzero(word != layout_word(self._info))
        if len(bad):
            raise broken("record-layout", self._info.path, record=self._report.records + int(bad[0]))

    def _time(self, time: npt.NDArray[np.int64]) -> None:
        if not self._report.records:
            self._report.first_ns = int(time[0])
        running = np.maximum.accumulate(np.r_[self._last, time])
        late = int(np.count_nonzero(time < running[:-1]))
        self._repairs.count("out-of-order", late)
        self._disordered += late
        self._last = running[-1]
        self._report.last_ns = int(self._last)

    def _repeats(self, records: npt.NDArray[np.void]) -> None:
        both = records if self._tail is None else np.concatenate([self._tail, records])
        same = both[1:] == both[:-1]
        if "sequence" in (both.dtype.names or ()):
            same &= both["sequence"][1:] != 0
        self._repairs.count("duplicate", int(np.count_nonzero(same)))
        self._tail = records[-1:].copy()

    def _mapped(self, records: npt.NDArray[np.void]) -> None:
        ordinal = records[time_field(self._info.schema)].astype(np.int64) // DAY_NS + EPOCH_ORDINAL
        _, known = self._ids.find(records["instrument_id"], ordinal)
        self._repairs.count("unmapped", int(np.count_nonzero(~known)))

    def _book(self, records: npt.NDArray[np.void]) -> None:
        undefined = (records["bid_px"] == UNDEF_PRICE) | (records["ask_px"] == UNDEF_PRICE)
        zero = (records["bid_ct"] == 0) & (records["bid_sz"] > 0) | (records["ask_ct"] == 0) & (records["ask_sz"] > 0)
        self._repairs.count("undefined-price", int(np.count_nonzero(undefined)))
        self._repairs.count("open-event", int(np.count_nonzero((records["flags"] & F_LAST) == 0)))
        self._repairs.count("zero-count", int(np.count_nonzero(zero)))

    def close(self) -> None:
        """Judge the whole. Raises DataError `order`."""
        report = self._report
        if len(report.publishers) > 1:
            self._repairs.count("publishers", report.records - max(report.publishers.values()))
        self._repairs.count("record-free", int(report.records == 0))
        self._repairs.count("no-checksum", int(not self._info.checksum))
        if self._disordered > max(MIN_DISORDERED, MAX_DISORDER * report.records):
            raise broken("order", self._info.path, f"{self._disordered:,} of {report.records:,}")


def verify_file(path: Path) -> Report:
    """Read the whole file and judge it; never raises for a bad one."""
    report = Report(path)
    try:
        found = read_header(path, path.name)
        if found is None:
            raise broken("not-dbn", path)
        info, mappings = found
        report.schema, report.dataset, report.version = info.schema, info.dataset, info.version
        if info.readable:
            run = _Pass(info, mappings, report)
            for records in file_records(info):
                run.add(records)
            run.close()
    except DataError as why:
        report.errors.append((why.rule, why.what))
    except OSError as why:
        report.errors.append(("unreadable", broken("unreadable", path, why.strerror or "").what))
    return report


def verify_folder(folder: Path) -> Iterator[Report]:
    """A report for every file below `folder` that is Databento's or claims to be."""
    for path in paths_below(folder):
        report = verify_file(path)
        foreign = [rule for rule, _ in report.errors] == ["not-dbn"] and not claims_dbn(path)
        if not foreign:
            yield report
