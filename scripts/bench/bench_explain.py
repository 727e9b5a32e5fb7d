"""What being explained costs a training run."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from config.compose import config_yaml
from metrics.explanation import Explanation, explanations, failure
from metrics.runs import CONFIG
from scripts.bench.bench_metrics import Watched, learner, rollout
from scripts.bench.days import bench_days
from scripts.bench.registry import Figure, benchmark
from scripts.explaining import Explainer
from utils.atomic import write_text

DAYS = 4
LEAST = 0.95
"""Of the throughput without a check."""
WAIT_S = 600.0


@benchmark("explain.throughput", "explain.throughput_2", "explain.cpu_s", "explain.memory_mb", page=lambda _: [])
def explained(quick: bool) -> list[Figure]:
    """training while a check goes on all the time against training without, rollout by rollout in turn.

    The default network, rollout and check; with one thread of torch, and with as many as momentum_training asks for
    (_2). The median of the ratios of neighbours; a check that outlasts its rollout is ended, and the last one is waited
    for: its CPU time and memory. By default one rollout in explain.every begins a check. The load of the machine
    before it began goes to standard error: programs of others take from both sides, but not alike.
    """
    print(f"load of the last minute: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}", file=sys.stderr)
    bench = bench_days(DAYS)
    settings = replace(bench.config.explain, every=1, time_limit_s=WAIT_S, wait_s=WAIT_S)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "20250101T000000-bench"
        run.mkdir()
        write_text(run / CONFIG, config_yaml(replace(bench.config, explain=settings)))
        found: list[float] = []
        for threads in (1, bench.config.training.threads):
            trained = learner(bench, run / str(threads), threads=threads)
            assert trained.hub is not None

            def explainer(trained: Watched = trained) -> Explainer:
                days = [(day.symbol, day.date) for day in bench.days]
                assert trained.hub is not None
                return Explainer(settings, run, trained.agent, days, trained.hub)

            rollout(trained)
            pairs = [(rollout(trained).seconds, _explained(trained, explainer)) for _ in range(2 if quick else 8)]
            found.append(statistics.median(alone / beside for alone, beside in pairs))
            trained.hub.close()
        with explainer() as last:
            last.on_rollout(trained.agent.steps, {})
            last.finish(wait=True)
        cost = _check(run).cost
    unit = "% of that without"
    return [
        Figure("explain.throughput", 100 * found[0], unit, 100 * LEAST, found[0] / LEAST),
        Figure("explain.throughput_2", 100 * found[1], unit, 100 * LEAST, found[1] / LEAST),
        Figure("explain.cpu_s", cost.cpu_s, "s", cost.seconds, cost.seconds / cost.cpu_s),
        Figure("explain.memory_mb", cost.memory_mb, "MB", cost.limit_mb, cost.limit_mb / cost.memory_mb),
    ]


def _explained(trained: Watched, explainer: Callable[[], Explainer]) -> float:
    """Seconds of a rollout beside which a check goes on."""
    with explainer() as beside:
        beside.on_rollout(trained.agent.steps, {})
        return rollout(trained).seconds


def _check(run: Path) -> Explanation:
    """The one that was waited for."""
    if why := failure(run):
        raise AssertionError(f"the check {why.why}: {why.told}")
    return Explanation.read(explanations(run)[-1])
