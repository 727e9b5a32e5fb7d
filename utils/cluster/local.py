"""This machine: a pool of fresh processes, or, where that is not worth it, this process."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from utils.cluster.registry import (
    CLUSTERS,
    POOL_FROM,
    Cluster,
    R,
    T,
    Tally,
    Terms,
    Timed,
    Work,
    enter_worker,
    timed,
)

_work: list[Work[Any, Any]] = []
"""The copy of a worker process."""
FIX = "cluster.workers=1, or fewer than now: they may have run out of memory"


def _start(work: Work[Any, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides what to end
    threading.Thread(target=_follow_parent, daemon=True, name="parent").start()
    enter_worker()
    _work.append(work)


def _follow_parent() -> None:
    """A worker ends with the process it works for, also with one that is killed: it would wait for a task for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(task: Any) -> Timed[Any]:
    return timed(_work[0], task)


class Here:
    """This process, one task after the other."""

    elsewhere = False

    def run(
        self,
        work: Work[T, R],
        tasks: Sequence[T],
        *,
        doing: str,  # noqa: ARG002 - as every cluster
        pool_from: int = POOL_FROM,  # noqa: ARG002
    ) -> Generator[tuple[T, R]]:
        """See `Cluster.run`; in the order of the tasks."""
        for task in tasks:
            yield task, work(task)


class Local:
    """`workers` processes, 0: one per core; this one for few tasks."""

    elsewhere = False

    def __init__(self, workers: int, retries: int) -> None:
        self._workers, self._retries = workers, retries

    def run(
        self, work: Work[T, R], tasks: Sequence[T], *, doing: str, pool_from: int = POOL_FROM
    ) -> Generator[tuple[T, R]]:
        """See `Cluster.run`."""
        workers = min(self._workers or os.cpu_count() or 1, len(tasks))
        if workers <= 1 or len(tasks) < pool_from:
            yield from Here().run(work, tasks, doing=doing)
            return
        tally = Tally(doing, self._retries)
        left = dict(enumerate(tasks))
        deaths = 0
        try:
            while left:
                broken: BrokenProcessPool | None = None
                for number, done in _pooled(work, left, workers):
                    if isinstance(done, BrokenProcessPool):
                        broken = done
                        continue
                    tally.done(done.seconds, workers)
                    yield left.pop(number), done.result
                if broken is not None:  # which task it was is not known: what is left is done again
                    deaths += 1
                    tally.died(deaths, str(broken), FIX)
        finally:
            tally.tell()


def _pooled(work: Work[T, R], tasks: dict[int, T], workers: int) -> Generator[tuple[int, Timed[R] | BrokenProcessPool]]:
    """What comes of each task in one pool; once a process of it has died, nothing comes of those that are left."""
    # Fresh processes: a fork would copy the locks of polars', torch's and rich's threads in whatever state they are.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (work,))
    try:
        futures: dict[Future[Timed[R]], int] = {}
        with contextlib.suppress(BrokenProcessPool):
            for number, task in tasks.items():
                futures[pool.submit(_run, task)] = number
        for future in as_completed(futures):
            try:
                yield futures.pop(future), future.result()
            except BrokenProcessPool as why:
                yield -1, why
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _here(terms: Terms) -> Cluster:  # noqa: ARG001 - every cluster is made of its terms
    return Here()


def _local(terms: Terms) -> Cluster:
    return Local(terms.workers, terms.retries)


CLUSTERS.add("here", _here, __name__)
CLUSTERS.add("local", _local, __name__)
