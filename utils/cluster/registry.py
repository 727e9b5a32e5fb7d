"""The same work on many tasks, wherever: `cluster` of the configuration names who does it.

    work, tasks = JudgeDay(...), [Task(...), ...]
    with closing(open_cluster(config.cluster).run(work, tasks, doing="scanning")) as done:
        for task, result in done:
            ...

Work is copied to workers, so it must pickle, and so must tasks and results. A worker that dies takes its tasks with it
and they are done again: what work stores it stores by key and atomically. Every result is handed out exactly once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from utils.errors import ClusterError
from utils.logger import get_logger
from utils.registry import Registry

log = get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

POOL_FROM = 32
"""Tasks of a tenth of a second that are worth fresh processes on this machine: one takes seconds to start (numba)."""
ONE_BY_ONE = 1_000_000_000
"""As `pool_from` of tasks that use all cores of a machine, such as trainings."""


class Terms(Protocol):
    """`config.schema.ClusterConfig`."""

    kind: str
    workers: int
    address: str
    cpus: float
    gpus: float
    retries: int


class Work(Protocol[T_contra, R_co]):
    """What is done to a task. A worker keeps one copy for all its tasks, so what it opens it opens once."""

    def __call__(self, task: T_contra, /) -> R_co: ...


class Cluster(Protocol):
    """Who does it."""

    elsewhere: bool
    """Whether it is done in processes that somebody else looks after, maybe on other machines."""

    def run(
        self, work: Work[T, R], tasks: Sequence[T], *, doing: str, pool_from: int = POOL_FROM
    ) -> Generator[tuple[T, R]]:
        """Do `work` on every task; (task, result) in the order in which they get done.

        doing: for messages; pool_from: as many tasks are worth processes of their own on this machine. Closing the
        generator, or any error in it, drops the waiting tasks and ends those under way in order, so that nothing is
        half written. Raises what the work raised, or ClusterError if workers keep dying.
        """
        ...


CLUSTERS: Registry[Callable[[Terms], Cluster]] = Registry("cluster", "utils.cluster", "cluster.kind")
_inside: list[bool] = []
"""Not empty in a worker."""


def open_cluster(terms: Terms) -> Cluster:
    """The one that `terms.kind` names; in a worker one that does all itself. ConfigError if there is no such one."""
    return CLUSTERS.get("here" if _inside else terms.kind)(terms)


def enter_worker() -> None:
    """This process works for another one: it spreads nothing itself."""
    _inside.append(True)


class Timed(NamedTuple, Generic[R]):
    """What came of a task."""

    result: R
    seconds: float


def timed(work: Work[T, R], task: T) -> Timed[R]:
    """Do it, and look at the clock."""
    began = time.perf_counter()
    result = work(task)
    return Timed(result, time.perf_counter() - began)


class Tally:
    """What spreading cost. Counts deaths, and gives up after too many of them for one task."""

    def __init__(self, doing: str, retries: int) -> None:
        self._doing, self._retries = doing, retries
        self._began = time.perf_counter()
        self._tasks, self._deaths, self._most = 0, 0, 0
        self._busy_s = 0.0

    def done(self, seconds: float, workers: int) -> None:
        """A task took so long; so many are at work at once."""
        self._tasks += 1
        self._busy_s += seconds
        self._most = max(self._most, workers)

    def died(self, times: int, why: str, fix: str) -> None:
        """A worker did, for the `times`-th time at the same task. Raises ClusterError if that is too often."""
        self._deaths += 1
        if times > self._retries:
            raise ClusterError(f"{self._doing}: a worker died {times} times at the same task: {why}", fix=fix)
        log.warning("%s: a worker died (%s); its task is done again", self._doing, why)

    def tell(self) -> None:
        """A line: tasks, seconds, overhead a task, deaths. Overhead: the workers' time in which no task was done."""
        if not self._tasks:
            return
        wall = time.perf_counter() - self._began
        idle = max(0.0, wall * self._most - self._busy_s)
        log.info(
            "%s: %d tasks by %d workers in %.1f s; a task took %.4g s and %.2g s of overhead; %d retried",
            self._doing,
            self._tasks,
            self._most,
            wall,
            self._busy_s / self._tasks,
            idle / self._tasks,
            self._deaths,
        )
