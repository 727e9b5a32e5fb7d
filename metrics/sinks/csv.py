"""metrics.csv in the run's folder: one row per rollout, readable while the run goes on."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from metrics.hub import RunInfo, metric_sink
from metrics.registry import STEP
from utils.atomic import write_text

FILE = "metrics.csv"


@metric_sink("csv")
class CsvSink:
    """Rows are appended; the file is rewritten whole only when a new column turns up, or when a run goes on."""

    def __init__(self, run: RunInfo) -> None:
        self._path = run.folder / FILE
        self._path.parent.mkdir(parents=True, exist_ok=True)
        rows: list[list[str]] = []
        if run.resumed_at is not None and self._path.is_file():
            rows = _rows_up_to(self._path, run.resumed_at)
        self._columns = rows[0] if rows else [STEP]
        write_text(self._path, "".join(f"{','.join(row)}\n" for row in rows or [self._columns]))
        self._file = self._path.open("a", newline="")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One row; columns that are missing in it stay empty."""
        new = [name for name in values if name not in self._columns]
        if new:
            self._widen(new)
        row = {STEP: str(step), **{name: repr(value) for name, value in values.items()}}
        csv.DictWriter(self._file, self._columns, lineterminator="\n").writerow(row)
        self._file.flush()

    def _widen(self, new: list[str]) -> None:
        """Where the disk refuses, everything stays as it was, to be tried again."""
        self._file.flush()
        with self._path.open(newline="") as file:
            rows = list(csv.reader(file))
        columns = [*self._columns, *sorted(new)]
        head, body = ",".join(columns), [",".join([*row, *[""] * len(new)]) for row in rows[1:]]
        write_text(self._path, "\n".join([head, *body]) + "\n")
        self._file.close()
        self._columns, self._file = columns, self._path.open("a", newline="")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _rows_up_to(path: Path, step: int) -> list[list[str]]:
    """The head and one whole row per rollout up to `step`; a kill may have left half a row."""
    with path.open(newline="") as file:
        head, *rows = list(csv.reader(file)) or [[STEP]]
    kept, last = [head], 0
    for row in rows:
        if len(row) == len(head) and row[0].isdigit() and last < int(row[0]) <= step:
            kept.append(row)
            last = int(row[0])
    return kept
