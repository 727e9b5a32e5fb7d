"""A Ray cluster: one that runs already, or one that is started on this machine for as long as the program runs.

Nothing is sent to anybody: no usage statistics, no dashboard, and a cluster of our own listens on the loopback device
only. Nodes need this repository, its data and its caches at the same paths; see docs/cluster.md.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import sys
import time
import uuid
from collections.abc import Generator, Sequence
from types import ModuleType
from typing import Any

from utils.cluster.registry import (
    CLUSTERS,
    POOL_FROM,
    R,
    T,
    Tally,
    Terms,
    Timed,
    Work,
    enter_worker,
    timed,
)
from utils.errors import ClusterError
from utils.jit import kernel_sources_hash
from utils.logger import get_logger
from utils.paths import ROOT

log = get_logger(__name__)

POLL_S = 1.0
STOP_S = 120.0
"""Tasks that are interrupted get so long to end in order: a training finishes its rollout and saves."""
AHEAD = 2
"""Tasks handed over for each that is at work: a worker that is done has its next one, and a cluster that grows by
demand sees some."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system: the loopback device only
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),  # other users of this machine do not know it
}
"""Of a cluster that is started here."""
PASSED_ON = ("NUMBA_CACHE_DIR",)
"""Environment variables that workers get from us."""
FIX = "a larger cluster.cpus puts fewer tasks on a node: they may have run out of memory"


class RayCluster:
    """Tasks as Ray tasks, done again by us when a worker or a node dies: so we can say so, and how often."""

    elsewhere = True

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def run(
        self,
        work: Work[T, R],
        tasks: Sequence[T],
        *,
        doing: str,
        pool_from: int = POOL_FROM,  # noqa: ARG002 - whoever asks for a cluster gets it
    ) -> Generator[tuple[T, R]]:
        """See `Cluster.run`."""
        if not tasks:
            return
        running = _Running(connected(self._terms), self._terms, work, tasks)
        tally = Tally(doing, self._terms.retries)
        try:
            while running.go_on():
                for number, done in running.ready():
                    if isinstance(done, Timed):
                        tally.done(done.seconds, running.at_once())
                        yield tasks[number], done.result
                    else:
                        tally.died(running.again(number), f"{type(done).__name__} of Ray", FIX)
        finally:
            running.end()
            tally.tell()


class _Running:
    """Tasks on their way through the cluster."""

    def __init__(self, ray: ModuleType, terms: Terms, work: Work[Any, Any], tasks: Sequence[Any]) -> None:
        self._ray, self._terms, self._tasks = ray, terms, tasks
        self._number, self._code = uuid.uuid4().hex, kernel_sources_hash()
        self._work = [ray.put(work)]  # in a list: Ray would fetch and unpickle it for every task
        options = {"num_cpus": terms.cpus, "num_gpus": terms.gpus, "max_retries": 0}
        self._do = ray.remote(**options)(_do)
        self._waiting = list(range(len(tasks)))[::-1]
        self._deaths = [0] * len(tasks)
        self._under_way: dict[Any, int] = {}
        self._room, self._looked = 0, -math.inf

    def go_on(self) -> bool:
        """Hand over as many as there is room for; False once all are done."""
        room = self._terms.workers or AHEAD * self.at_once()
        while self._waiting and len(self._under_way) < room:
            number = self._waiting.pop()
            ref = self._do.remote(self._number, self._work, self._code, self._tasks[number])
            self._under_way[ref] = number
        return bool(self._under_way)

    def at_once(self) -> int:
        """Tasks that the nodes have room for as they are now, of those that there are. Looked up once in a while."""
        if time.monotonic() - self._looked > POLL_S:
            self._looked = time.monotonic()
            self._room = sum(_room(node["Resources"], self._terms) for node in self._ray.nodes() if node["Alive"])
        return max(1, min(self._room, self._terms.workers or self._room, len(self._tasks)))

    def ready(self) -> Generator[tuple[int, Timed[Any] | Exception]]:
        """What came of tasks that have ended, or the death that they ended by. Raises what they raised."""
        refs = list(self._under_way)
        done, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        if not done:
            done, _ = self._ray.wait(refs, num_returns=1, timeout=POLL_S)
        for ref in done:
            yield self._under_way.pop(ref), self._outcome(ref)

    def _outcome(self, ref: Any) -> Timed[Any] | Exception:
        ray = self._ray.exceptions
        try:
            done, said = self._ray.get(ref)
        except (ray.WorkerCrashedError, ray.NodeDiedError, ray.OutOfMemoryError, ray.ObjectLostError) as why:
            return why
        except ray.RayTaskError as why:
            raise _cause(why) from why
        for line in said:
            log.warning("%s", line)
        return done

    def again(self, number: int) -> int:
        """Its worker died: it is next. How often that has happened to it."""
        self._waiting.append(number)
        self._deaths[number] += 1
        return self._deaths[number]

    def end(self) -> None:
        """Interrupt what is under way, wait for it, and kill what does not end."""
        refs = list(self._under_way)
        for ref in refs:
            self._ray.cancel(ref)
        _, left = self._ray.wait(refs, num_returns=len(refs), timeout=STOP_S) if refs else ([], [])
        for ref in left:
            self._ray.cancel(ref, force=True)


class _Said(logging.Handler):
    """Keeps warnings of a worker for whoever waits for its task: files of Ray are read by nobody."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """One more."""
        self.lines.append(record.getMessage())


_said = _Said()
_kept: dict[str, Work[Any, Any]] = {}
"""The work of a worker process, by the number of its run."""


def _do(number: str, held: list[Any], code: str, task: Any) -> tuple[Timed[Any], list[str]]:
    """In a worker: the work of a run on a task. Raises ClusterError if the node's code is not the driver's."""
    if number not in _kept:
        import ray

        if kernel_sources_hash() != code:
            what = f"{os.uname().nodename} has another version of the code"
            raise ClusterError(what, where=str(ROOT), fix="put the same commit on every node")
        if not _kept:
            enter_worker()
            logging.basicConfig(level=logging.INFO, handlers=[_said], force=True)
        _kept.clear()
        _kept[number] = ray.get(held[0])
    _said.lines.clear()
    return timed(_kept[number], task), list(_said.lines)


def _cause(why: Any) -> Exception:
    """What a task raised."""
    if isinstance(why.cause, ModuleNotFoundError):
        fix = "put this repository and its environment at the same path on every node"
        return ClusterError(f"a node of the cluster cannot import {why.cause.name}", where=str(ROOT), fix=fix)
    return why.cause


def _room(node: dict[str, float], terms: Terms) -> int:
    """Tasks that a node with these resources can do at once."""
    wanted = {"CPU": terms.cpus, "GPU": terms.gpus}
    return min(int(node.get(name, 0.0) / each) for name, each in wanted.items() if each)


def connected(terms: Terms) -> ModuleType:
    """The library, in a program that has joined the cluster. Raises ClusterError if there is no Ray, or no cluster."""
    os.environ.update(QUIET if terms.address else QUIET | ALONE)  # read when the library is imported
    try:
        import ray
    except ModuleNotFoundError as why:
        fix = "poetry install -E cluster, or do without: cluster=local"
        raise ClusterError("Ray is not installed", where="cluster.kind=ray", fix=fix) from why
    if ray.is_initialized():
        return ray
    began = time.perf_counter()
    threads = str(max(1, int(terms.cpus)))
    own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    shares = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), threads)
    job = {"env_vars": {**own, **shares, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}}
    try:
        ray.init(**_place(terms), runtime_env=job, log_to_driver=False, logging_level=logging.WARNING)
    except Exception as why:  # just that is what Ray raises where a node does not come up in time
        told = str(why).partition("\n")[0]
        fix = "ray start --head on one node, then cluster.address=auto there; empty: one is started on this machine"
        raise ClusterError(f"no Ray cluster: {told}", where=f"cluster.address={terms.address!r}", fix=fix) from why
    nodes = [node for node in ray.nodes() if node["Alive"]]
    there, took_s = ray.cluster_resources(), time.perf_counter() - began
    cpus, gpus = there.get("CPU", 0), there.get("GPU", 0)
    log.info("Ray %s: %d nodes, %g CPUs, %g GPUs; joined in %.1f s", ray.__version__, len(nodes), cpus, gpus, took_s)
    if not any(_room(node["Resources"], terms) for node in nodes):
        log.warning("no node has %g CPUs and %g GPUs for a task: it waits for one", terms.cpus, terms.gpus)
    return ray


def _place(terms: Terms) -> dict[str, Any]:
    """Of `ray.init`."""
    if terms.address:
        return {"address": terms.address}
    return {"address": "local", "include_dashboard": False}


CLUSTERS.add("ray", RayCluster, __name__)
