"""Things that happen once in a run, and the log lines that are worth keeping with its numbers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What a note is about."""

    BEGIN = "begin"  # a run, or a part of it after an interruption
    STAGE = "stage"  # of the curriculum
    CHECKPOINT = "checkpoint"
    VALIDATION = "validation"
    EXPLANATION = "explanation"  # of a policy; `file` of its data is its path, empty if the check came to nothing
    WARNING = "warning"  # a log line of that level or above
    END = "end"
    REPORT = "report"  # of a backtest; `files` of its data are paths


class Notebook(Protocol):
    """Takes notes."""

    def note(self, step: int, kind: str, text: str) -> None:
        """Something happened at `step`."""
        ...


class _NotingHandler(logging.Handler):
    """Log lines become notes."""

    def __init__(self, notebook: Notebook, step: Callable[[], int]) -> None:
        super().__init__(logging.WARNING)
        self._notebook, self._step = notebook, step

    def emit(self, record: logging.LogRecord) -> None:
        """A note of the line."""
        self._notebook.note(self._step(), Kind.WARNING, record.getMessage())


@contextlib.contextmanager
def warnings_noted(notebook: Notebook, step: Callable[[], int]) -> Generator[None]:
    """Within the block every warning and error that is logged is noted too; `step` tells where the run stands."""
    handler = _NotingHandler(notebook, step)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
