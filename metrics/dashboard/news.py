"""Answers to what a browser asks: the parts of its page that are new, as soon as something is."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from metrics.dashboard.page import PAGES, Page, View
from metrics.figures import progress, speed_line
from metrics.run_store import RunStore
from metrics.runs import LAST, RunSummary, State, list_runs, run_below, summary_of
from metrics.store_schema import FILE
from utils.errors import ModelError

HOLD_S, FIND_S, LOOK_S = 5.0, 1.0, 0.04
"""How long a question waits for news, until the run is looked for again, and between two looks at its store."""
LIST_S = 3.0
"""The list of runs is looked through so often."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a browser has, and what it shows."""

    page: str
    run: str
    since: Mapping[str, int]
    options: Mapping[str, Any]
    key: str
    """Names the run's state and the list of runs that it has."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Of JSON."""
        since = {str(table): int(seq) for table, seq in dict(told.get("since") or {}).items()}
        return cls(
            page=str(told.get("page") or ""),
            run=str(told.get("run") or LAST),
            since=since,
            options=dict(told.get("options") or {}),
            key=str(told.get("key") or ""),
        )


class News:
    """Answers of all browsers: it keeps nothing of them."""

    def __init__(self, runs: Path) -> None:
        """runs: their folder."""
        self._runs = runs
        self._lock = threading.Lock()
        self._listed: tuple[float, list[RunSummary]] = (float("-inf"), [])

    def answer(self, question: Question, hold_s: float) -> dict[str, Any] | None:
        """What is new; None if nothing was within `hold_s` seconds.

        `run`: name, `since`: what the browser has then, `parts`: by name, `head`: of the run, `runs`: all of them,
        `spent`: seconds of processor time that it took.
        """
        page = PAGES.get(question.page)
        until = time.monotonic() + hold_s
        while True:
            told = self._watch(page, question, min(until, time.monotonic() + FIND_S))
            if told is not None or time.monotonic() >= until:
                return told

    def _watch(self, page: Page, question: Question, until: float) -> dict[str, Any] | None:
        """Find the run and look at its store until there is news."""
        runs = self._list()
        try:
            folder = run_below(self._runs, question.run)
            store = _opened(folder)
        except ModelError as why:
            told = self._nothing(question, runs, why)
            if told is None:
                time.sleep(max(until - time.monotonic(), 0.0))
            return told
        with store:
            while True:
                told = self._of_run(page, question, store, runs)
                if told is not None or time.monotonic() >= until:
                    return told
                time.sleep(LOOK_S)

    def _of_run(self, page: Page, question: Question, store: RunStore, runs: list[RunSummary]) -> dict[str, Any] | None:
        folder = store.folder
        seen = {table: store.last_seq(table) for table in page.tables}
        seen |= {name: _stamp(folder / name) for name in page.folders}
        state = next((str(run.state) for run in runs if run.folder == folder), "")
        key = f"{folder.name} {state} {len(runs)}"
        if seen == {name: question.since.get(name, 0) for name in seen} and key == question.key:
            return None
        began = time.thread_time()
        summary = summary_of(folder)
        view = View(
            runs=self._runs, summary=summary, store=store, since=question.since, seen=seen, options=question.options
        )
        told = {"run": folder.name, "since": seen, "key": key, "parts": page.news(view), "head": _full(summary)}
        return told | {"runs": [_line(run) for run in runs], "spent": time.thread_time() - began}

    def _nothing(self, question: Question, runs: list[RunSummary], why: ModelError) -> dict[str, Any] | None:
        """What to say where there is no store to read."""
        key = f"{why.what} {len(runs)}"
        if key == question.key:
            return None
        told = {"run": "", "since": {}, "key": key, "parts": {}, "head": None, "what": why.what, "fix": why.fix}
        return told | {"runs": [_line(run) for run in runs]}

    def _list(self) -> list[RunSummary]:
        """Runs that have trained, the newest first; those that go on before all others."""
        with self._lock:
            when, listed = self._listed
            if time.monotonic() - when >= LIST_S:
                found = [run for run in list_runs(self._runs) if run.state != State.OTHER]
                listed = sorted(found, key=lambda run: run.state != State.RUNNING)
                self._listed = time.monotonic(), listed
            return listed


def _stamp(folder: Path) -> int:
    """Changes with the files in `folder`; 0: there is none. In microseconds: browsers count no further than 2^53."""
    try:
        return folder.stat().st_mtime_ns // 1_000
    except FileNotFoundError:
        return 0


def _opened(folder: Path) -> RunStore:
    """Raises ModelError if there is nothing to read: no store yet, or one of another version."""
    if not (folder / FILE).is_file():
        fix = "wait until it has collected its first rollout, or choose another run above"
        raise ModelError(f"{folder.name} has recorded nothing yet", fix=fix)
    return RunStore(folder)


def _line(run: RunSummary) -> dict[str, Any]:
    return {"value": run.name, "label": f"{run.name} ({run.state})"}


def _full(summary: RunSummary) -> dict[str, Any]:
    """Of the run, for the head of every page."""
    values = summary.numbers.value if summary.numbers else {}
    return {
        "name": summary.name,
        "state": str(summary.state),
        "line": speed_line(summary.step, values) if summary.numbers else "no numbers yet",
        "progress": 1.0 if summary.state == State.ENDED else progress(values),
        "time": summary.numbers.time if summary.numbers else None,
        "synthetic": bool(summary.about.get("synthetic")),
    }
