"""What spreading work costs: the time between tasks that take none."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec

from config.compose import load_config
from config.schema import ClusterConfig
from scripts.bench.registry import Figure, benchmark
from utils.cluster.registry import open_cluster

TASKS, QUICK_TASKS = 2_000, 200
ASKED_MS = 10.0
"""A tenth of what a day takes to be judged."""
ASKED_START_S = 10.0


class Nothing:
    """Work that takes no time."""

    def __call__(self, task: int, /) -> int:
        return task


@benchmark("cluster.local_start_s", "cluster.local_task_ms", "cluster.ray_start_s", "cluster.ray_task_ms")
def cluster(quick: bool) -> list[Figure]:
    """Start of a process a core, and what a task costs that takes no time: the pool of this machine, and Ray."""
    terms = load_config("scan", []).cluster
    kinds = ["local", *(["ray"] if find_spec("ray") else [])]
    return [figure for kind in kinds for figure in _figures(replace(terms, kind=kind), QUICK_TASKS if quick else TASKS)]


def _figures(terms: ClusterConfig, tasks: int) -> list[Figure]:
    start_s = _seconds(terms, 2)
    task_ms = 1e3 * max(0.0, _seconds(terms, tasks) - (start_s if terms.kind == "local" else 0.0)) / tasks
    return [
        Figure(f"cluster.{terms.kind}_start_s", start_s, "s", ASKED_START_S, ASKED_START_S / start_s),
        Figure(f"cluster.{terms.kind}_task_ms", task_ms, "ms", ASKED_MS, ASKED_MS / max(task_ms, 1e-6)),
    ]


def _seconds(terms: ClusterConfig, tasks: int) -> float:
    """Wall time of empty tasks, start included: a pool is made for every run, Ray once a program."""
    began = time.perf_counter()
    with closing(open_cluster(terms).run(Nothing(), range(tasks), doing="nothing", pool_from=1)) as done:
        assert sum(1 for _ in done) == tasks
    return time.perf_counter() - began
