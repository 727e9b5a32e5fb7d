"""The scan: daily bars choose candidates, their timelines judge them, the verdicts make the index.

Every judged day is stored by the hash of all that it depends on, so a second scan only reads.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numba
import numpy as np
import numpy.typing as npt

from config.schema import ScannerConfig
from data.calendar import date_number
from data.layout import DAILY_BAR
from data.market_day import MarketDay
from data.rules import VANISHED
from data.scanner.daily import GAPS, QUARANTINED, TO_TIMELINE, Screen, Verdict, screen
from data.scanner.index import Key, MomentumIndex
from data.scanner.judge import Judged, Status, from_plain, judge, to_plain, without_timeline
from utils.atomic import write_text
from utils.cluster.registry import Cluster
from utils.errors import DataError
from utils.hashing import code_hash, json_hash, text_hash
from utils.logger import get_logger
from utils.progress import with_progress

log = get_logger(__name__)
Timeline = Callable[[str, dt.date], MarketDay]
JUDGING = ("judge.py", "quality.py", "trigger.py", "patterns.py", "reset_points.py", "../layout.py")
"""Files that decide what becomes of a day's timeline."""
LISTED_WITHOUT_FILES = 20
SCREENED_AT_ONCE = 512
"""Symbols whose daily bars are looked at together."""


class DayContext(Protocol):
    """What a day is compared with, adjusted to it."""

    @property
    def previous_close(self) -> float: ...
    @property
    def adjustment(self) -> float: ...
    @property
    def average_volume(self) -> float: ...


class MarketData(Protocol):
    """The part of the DataManager that a scan reads."""

    def symbols(self) -> list[str]: ...
    def resolve(self, symbol: str) -> str: ...
    def sessions(self, symbol: str) -> list[dt.date]: ...
    def daily(self, symbol: str) -> npt.NDArray[Any]: ...
    def context(self, symbol: str, date: dt.date) -> DayContext: ...
    def sources(self, symbol: str, date: dt.date) -> dict[str, str]: ...


def code_of(timeline: Timeline) -> str:
    """Hash of all code, and of the timeline's configuration, that a judgement depends on.

    What `timeline` belongs to tells its own `fingerprint` (MarketSimulator does); else every kernel counts.
    """
    made_with = getattr(getattr(timeline, "__self__", None), "fingerprint", None) or code_hash()
    files = [Path(__file__).parent / name for name in JUDGING]
    return text_hash(made_with, np.__version__, numba.__version__, *(path.read_text() for path in files))


def judging_config(config: ScannerConfig) -> dict[str, Any]:
    """The part of the configuration that changes a judgement, as plain data."""
    plain = dataclasses.asdict(config)
    for display in ("threshold", "log_every_s"):
        plain.pop(display)
    return plain


class Task(NamedTuple):
    """One day to judge; `key` names its result in the cache."""

    symbol: str
    date: dt.date
    key: str


@dataclasses.dataclass(frozen=True)
class _JudgeDay:
    """Build a day's timeline, judge it, store the verdict. Goes to the workers."""

    config: ScannerConfig
    timeline: Timeline
    folder: Path

    def __call__(self, task: Task) -> Judged:
        try:
            judged = judge(self.timeline(task.symbol, task.date), self.config)
        except DataError as why:  # a bad file costs its own day only
            if why.rule == VANISHED:  # it may come back: no verdict to keep
                raise
            judged = without_timeline(Status.QUARANTINED, str(why))
        write_text(self.path(task.key), json.dumps(to_plain(judged)))
        return judged

    def stored(self, task: Task) -> Judged | None:
        """The verdict of an earlier scan, if there is one in good order."""
        try:
            return from_plain(json.loads(self.path(task.key).read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


class _Plan(NamedTuple):
    """What stage 1 leaves."""

    settled: list[tuple[str, dt.date, Judged]]
    """Verdicts that stand."""
    open: dict[Key, str]
    """Days to look at, and why."""
    without_files: Mapping[str, Any] = MappingProxyType({})
    """Daily bars that stand out, but have no intraday files: counts, and the largest moves."""


class MomentumScanner:
    """Scans `data`; `timeline` gives a day's arrays (MarketSimulator.day); verdicts are kept below `cache`/index."""

    def __init__(
        self, config: ScannerConfig, data: MarketData, timeline: Timeline, cache: Path, cluster: Cluster
    ) -> None:
        """cluster: who judges the days."""
        self._config = config
        self._data = data
        self._code = code_of(timeline)
        self._cluster = cluster
        self._judge = _JudgeDay(config, timeline, cache / "index" / "days")

    def build_index(self, symbols: Sequence[str] | None = None) -> MomentumIndex:
        """Scan `symbols` (all, if none are named). Raises DataError for a symbol that is not in the data.

        Every session with events is a row: taken (its timeline was judged), rejected (by its daily bar) or quarantined
        (looks like a split, or its files are bad); `reason` says why. Days that only have a daily bar are counted in
        the summary. Ctrl-C leaves what was judged so far in the cache.
        """
        names = [self._data.resolve(s) for s in symbols] if symbols else self._data.symbols()
        plan = self._screened(list(dict.fromkeys(names)))
        sources = {key: self._data.sources(*key) for key in plan.open}
        settings = json_hash([judging_config(self._config), self._code])
        tasks = [Task(*key, text_hash(settings, *key_text(key), json_hash(sources[key]))) for key in plan.open]
        results = dict(self._judged(tasks))
        judged = [*plan.settled]
        for task in tasks:
            result = results[task]
            row = {**result.row, "reason": result.row["reason"] or plan.open[task.symbol, task.date]}
            judged.append((task.symbol, task.date, Judged(row, result.points)))
        about = {
            "config": judging_config(self._config),
            "config_hash": json_hash(judging_config(self._config)),
            "data_hash": json_hash({" ".join(key_text(key)): value for key, value in sources.items()}),
            "code": self._code,
            "without_files": dict(plan.without_files),
        }
        return MomentumIndex.of(judged, about)

    def _judged(self, tasks: Sequence[Task]) -> list[tuple[Task, Judged]]:
        known = [(task, found) for task in tasks if (found := self._judge.stored(task)) is not None]
        have = {task for task, _ in known}
        todo = [task for task in tasks if task not in have]
        log.info("scan: %d days to judge, %d of them known from before", len(tasks), len(known))
        with closing(self._cluster.run(self._judge, todo, doing="scanning")) as work:
            return [*known, *with_progress(work, len(todo), self._config.log_every_s, "scanning", "days")]

    # ------------------------------------------------------------ stage 1
    def _screened(self, symbols: Sequence[str]) -> _Plan:
        """Symbols in blocks: memory holds the daily bars of one block, however large the market is."""
        plan, bare = _Plan([], {}), _WithoutFiles()
        bars = 0
        for start in range(0, len(symbols), SCREENED_AT_ONCE):
            some = symbols[start : start + SCREENED_AT_ONCE]
            sessions = {symbol: self._data.sessions(symbol) for symbol in some}
            found = screen({symbol: self._bars(symbol) for symbol in some}, self._config)
            covered = _covered(found, sessions)
            bare.add(found, ~covered)
            left = {(symbol, date) for symbol, dates in sessions.items() for date in dates}
            for row in np.flatnonzero(covered).tolist():
                key = found.key(row)
                left.discard(key)
                self._settle(plan, key, found, row)
            for key in sorted(left):
                plan.open[key] = "no daily bar: judged by its timeline alone"
            bars += len(found.date)
        log.info("scan: %d daily bars, %d symbols, %d days to look at", bars, len(symbols), len(plan.open))
        return plan._replace(without_files=bare.plain())

    def _bars(self, symbol: str) -> npt.NDArray[Any]:
        try:
            return self._data.daily(symbol)
        except DataError as why:
            if why.rule == VANISHED:
                raise
            log.warning("scan: no daily bars for %s, its timelines decide: %s", symbol, why)
            return np.zeros(0, DAILY_BAR)

    def _settle(self, plan: _Plan, key: Key, found: Screen, row: int) -> None:
        """Put one daily bar's day where it belongs."""
        verdict, why = Verdict(int(found.verdict[row])), found.why(row, self._config)
        if verdict in GAPS and (adjusted := self._adjusted(key)) is not None:
            day, factor = adjusted
            verdict, why = Verdict(int(day.verdict[1])), f"after a known split: {day.why(1, self._config, factor)}"
        if verdict in QUARANTINED:
            plan.settled.append((*key, without_timeline(Status.QUARANTINED, why)))
        elif verdict in TO_TIMELINE:
            plan.open[key] = why
        else:
            plan.settled.append((*key, without_timeline(Status.REJECTED, why)))

    def _adjusted(self, key: Key) -> tuple[Screen, float] | None:
        """(The day screened again, as row 1, after a bar in today's shares; the factor), None if no split is known."""
        context, bars = self._data.context(*key), self._data.daily(key[0])
        if context.adjustment == 1.0:
            return None
        close, volume = context.previous_close, context.average_volume
        before = np.array([(0, close, close, close, close, volume)], DAILY_BAR)
        today = bars[bars["date"] == date_number(key[1])]
        return screen({key[0]: np.concatenate([before, today])}, self._config), context.adjustment


def key_text(key: Key) -> tuple[str, str]:
    """(symbol, ISO date)"""
    return key[0], key[1].isoformat()


def _covered(found: Screen, sessions: Mapping[str, Sequence[dt.date]]) -> npt.NDArray[np.bool_]:
    """[n] whether the daily bar's session has events."""
    rank = {symbol: i * 100_000_000 for i, symbol in enumerate(found.symbols)}
    wanted = [rank[symbol] + date_number(date) for symbol, dates in sessions.items() for date in dates]
    return np.isin(found.symbol * 100_000_000 + found.date, np.array(wanted, np.int64))


class _WithoutFiles:
    """Daily bars that stand out, but have no intraday files: how many, and the largest moves."""

    def __init__(self) -> None:
        self._candidates = self._quarantined = 0
        self._largest: list[tuple[float, Key]] = []

    def add(self, found: Screen, bare: npt.NDArray[np.bool_]) -> None:
        """Take in a block of symbols; `bare`: [n] whether the daily bar's session has no events."""
        rows = np.flatnonzero(bare & (found.verdict == Verdict.CANDIDATE))
        self._candidates += len(rows)
        self._quarantined += int((bare & np.isin(found.verdict, QUARANTINED)).sum())
        best = rows[np.argsort(-found.move[rows], kind="stable")][:LISTED_WITHOUT_FILES]
        self._largest += [(float(found.move[row]), found.key(row)) for row in best.tolist()]
        self._largest = sorted(self._largest, key=lambda each: -each[0])[:LISTED_WITHOUT_FILES]

    def plain(self) -> dict[str, Any]:
        """For the summary."""
        largest = [" ".join(key_text(key)) for _, key in self._largest]
        return {"candidates": self._candidates, "quarantined": self._quarantined, "largest": largest}
