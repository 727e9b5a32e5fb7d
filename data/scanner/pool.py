"""Judging days in parallel: a pool of fresh processes, and an orderly end on Ctrl-C."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple, Protocol

from data.scanner.judge import Judged
from utils.errors import DataError

INLINE_BELOW = 32
"""Fewer days than this are done in this process: a fresh one takes seconds to start (numba), a day 0.1 s."""


class Task(NamedTuple):
    """One day to judge; `key` names its result in the cache."""

    symbol: str
    date: dt.date
    key: str


class DayWork(Protocol):
    """What is done to a day. Must pickle: every worker gets a copy."""

    def __call__(self, task: Task) -> Judged: ...


_work: list[DayWork] = []
"""The copy of a worker process."""


def _start(work: DayWork) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides what to end
    _work.append(work)


def _run(task: Task) -> Judged:
    return _work[0](task)


def judge_all(work: DayWork, tasks: Sequence[Task], workers: int) -> Generator[tuple[Task, Judged]]:
    """Do `work` on every task, in the order in which they get done; workers 0: one per core.

    Closing the generator, or any error in it, drops the waiting tasks and waits for those under way, so no result is
    half written. Raises what the work raised, or DataError if a process was killed.
    """
    workers = min(workers or os.cpu_count() or 1, len(tasks))
    if workers <= 1 or len(tasks) < INLINE_BELOW:
        for task in tasks:
            yield task, work(task)
        return
    # Fresh processes: a fork would copy the locks of polars', torch's and rich's threads in whatever state they are.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (work,))
    try:
        futures: dict[Future[Judged], Task] = {pool.submit(_run, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    except BrokenProcessPool as why:
        raise DataError(
            "a worker of the scan died (out of memory?)", rule="worker-died", fix="scanner.workers=1, or fewer than now"
        ) from why
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
