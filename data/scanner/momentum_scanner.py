"""The scan: daily bars choose candidates, their timelines judge them, the verdicts make the index.

Every judged day is stored by the hash of all that it depends on, so a second scan only reads.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from config.schema import ScannerConfig
from data.layout import DAILY_BAR
from data.market_day import MarketDay
from data.scanner.daily import QUARANTINED, TO_TIMELINE, Screen, Verdict, screen
from data.scanner.index import MomentumIndex
from data.scanner.judge import Judged, Status, from_plain, iso, judge, to_plain, without_timeline
from data.scanner.pool import Task, judge_all, with_progress
from utils.atomic import write_text
from utils.errors import DataError
from utils.hashing import code_hash, json_hash, text_hash
from utils.logger import get_logger

log = get_logger(__name__)
Timeline = Callable[[str, dt.date], MarketDay]


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


def scanner_code() -> str:
    """Hash of all code that a judgement depends on."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return text_hash(code_hash(), *(path.read_text() for path in files))


def judging_config(config: ScannerConfig) -> dict[str, Any]:
    """The part of the configuration that changes a judgement, as plain data."""
    plain = dataclasses.asdict(config)
    for display in ("workers", "threshold", "log_every_s"):
        plain.pop(display)
    return plain


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
    """What stage 1 leaves: verdicts that stand, and days to look at (with the reason why)."""

    settled: list[tuple[str, dt.date, Judged]]
    open: dict[tuple[str, dt.date], str]


class MomentumScanner:
    """Scans `data`; `timeline` gives a day's arrays (MarketSimulator.day); verdicts are kept below `cache`/index."""

    def __init__(self, config: ScannerConfig, data: MarketData, timeline: Timeline, cache: Path) -> None:
        self._config = config
        self._data = data
        self._judge = _JudgeDay(config, timeline, cache / "index" / "days")

    def build_index(self, symbols: Sequence[str] | None = None) -> MomentumIndex:
        """Scan `symbols` (all, if none are named). Raises DataError for a symbol that is not in the data.

        A session is taken (its timeline was judged), rejected (by its daily bar) or quarantined (looks like a split,
        or its files are bad); `reason` says why. Ctrl-C leaves what was judged so far in the cache.
        """
        names = [self._data.resolve(s) for s in symbols] if symbols else self._data.symbols()
        plan = self._screened(list(dict.fromkeys(names)))
        sources = {key: self._data.sources(*key) for key in plan.open}
        settings = json_hash([judging_config(self._config), scanner_code()])
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
            "code": scanner_code(),
        }
        return MomentumIndex.of(judged, about)

    def _judged(self, tasks: Sequence[Task]) -> list[tuple[Task, Judged]]:
        known = [(task, found) for task in tasks if (found := self._judge.stored(task)) is not None]
        have = {task for task, _ in known}
        todo = [task for task in tasks if task not in have]
        log.info("scan: %d days to judge, %d of them known from before", len(tasks), len(known))
        with closing(judge_all(self._judge, todo, self._config.workers)) as work:
            return [*known, *with_progress(work, len(todo), self._config.log_every_s)]

    # ------------------------------------------------------------ stage 1
    def _screened(self, symbols: Sequence[str]) -> _Plan:
        sessions = {symbol: self._data.sessions(symbol) for symbol in symbols}
        bars = {symbol: self._bars(symbol) for symbol in symbols}
        found = screen(bars, self._config)
        plan = _Plan([], {})
        have = {symbol: set(dates) for symbol, dates in sessions.items()}
        seen: set[tuple[str, dt.date]] = set()
        for row in _worth_a_row(found, have):
            key = found.symbols[found.symbol[row]], iso(int(found.date[row]))
            seen.add(key)
            self._settle(plan, key, found, row, key[1] in have[key[0]])
        for symbol, dates in sessions.items():
            for date in dates:
                if (symbol, date) not in seen:
                    plan.open[symbol, date] = "no daily bar: judged by its timeline alone"
        log.info("scan: %d daily bars of %d symbols, %d days to look at", len(found.date), len(symbols), len(plan.open))
        return plan

    def _bars(self, symbol: str) -> npt.NDArray[Any]:
        try:
            return self._data.daily(symbol)
        except DataError as why:
            log.warning("scan: no daily bars for %s, its timelines decide: %s", symbol, why)
            return np.zeros(0, DAILY_BAR)

    def _settle(self, plan: _Plan, key: tuple[str, dt.date], found: Screen, row: int, has_events: bool) -> None:
        """Put one daily bar's day where it belongs."""
        verdict, why = Verdict(int(found.verdict[row])), found.why(row, self._config)
        if verdict == Verdict.SPLIT_GAP and has_events and self._data.context(*key).adjustment != 1.0:
            verdict, why = Verdict.CANDIDATE, "a known split: judged against the adjusted previous close"
        if verdict in QUARANTINED:
            plan.settled.append((*key, without_timeline(Status.QUARANTINED, why)))
        elif verdict not in TO_TIMELINE:
            plan.settled.append((*key, without_timeline(Status.REJECTED, why)))
        elif has_events:
            plan.open[key] = why
        else:
            why = f"{why}; but there are no intraday files of this date"
            plan.settled.append((*key, without_timeline(Status.REJECTED, why)))


def key_text(key: tuple[str, dt.date]) -> tuple[str, str]:
    """(symbol, ISO date)"""
    return key[0], key[1].isoformat()


def _worth_a_row(found: Screen, have: dict[str, set[dt.date]]) -> list[int]:
    """Rows of the screen that the index shows: every session with events, and what stands out among the rest."""
    rank = {symbol: i * 100_000_000 for i, symbol in enumerate(found.symbols)}
    sessions = [rank[symbol] + d.year * 10_000 + d.month * 100 + d.day for symbol, dates in have.items() for d in dates]
    covered = np.isin(found.symbol * 100_000_000 + found.date, np.array(sessions, np.int64))
    notable = np.isin(found.verdict, (*QUARANTINED, Verdict.CANDIDATE))
    return np.flatnonzero(notable | covered).tolist()
