"""What being explained costs a training run."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from config.compose import config_yaml
from metrics.explanation import Explanation, explanations, failure
from metrics.runs import CONFIG
from scripts.bench.bench_metrics import Spent, Watched, learner, rollout
from scripts.bench.days import bench_days
from scripts.bench.registry import Figure, benchmark
from scripts.explain.explainer import Explainer
from utils.atomic import write_text

DAYS = 4
LEAST = 0.95
"""Of the throughput without a check."""
WAIT_S = 600.0


@benchmark("explain.throughput", "explain.cpu_overhead", "explain.cpu_s", "explain.memory_mb", page=lambda _: [])
def explained(quick: bool) -> list[Figure]:
    """training while a check goes on all the time against training without, rollout by rollout in turn.

    The default network, rollout, check and threads; a check that outlasts its rollout is ended, and one more is waited
    for: its CPU time and memory. By default only one rollout in `explain.every` begins a check. Medians of the ratios
    of neighbours. The CPU time of the training depends little on who else uses the machine; the throughput does, so
    the load before it began goes to standard error: where programs of others leave no core idle, a check gets no time.
    """
    print(f"load of the last minute: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}", file=sys.stderr)
    bench = bench_days(DAYS)
    days = [(day.symbol, day.date) for day in bench.days]
    settings = replace(bench.config.explain, every=1, time_limit_s=WAIT_S, wait_s=WAIT_S)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "20250101T000000-bench"
        trained = learner(bench, run, threads=bench.config.training.threads)
        assert trained.hub is not None
        write_text(run / CONFIG, config_yaml(replace(bench.config, explain=settings)))
        with trained.hub as hub, Explainer(settings, run, trained.agent, days, hub) as explainer:
            rollout(trained)
            pairs = [(rollout(trained), _explained(trained, explainer)) for _ in range(2 if quick else 8)]
            explainer.on_rollout(trained.agent.steps, {})
            explainer.finish(wait=True)
        cost = _check(run).cost
    speed = statistics.median(alone.seconds / beside.seconds for alone, beside in pairs)
    cpu = statistics.median(beside.cpu_s / alone.cpu_s for alone, beside in pairs)
    return [
        Figure("explain.throughput", 100 * speed, "% of that without", 100 * LEAST, speed / LEAST),
        Figure("explain.cpu_overhead", 100 * (cpu - 1), "%", 100 * (1 / LEAST - 1), cpu),
        Figure("explain.cpu_s", cost.cpu_s, "s", cost.seconds, cost.seconds / cost.cpu_s),
        Figure("explain.memory_mb", cost.memory_mb, "MB", cost.limit_mb, cost.limit_mb / cost.memory_mb),
    ]


def _explained(trained: Watched, explainer: Explainer) -> Spent:
    """A rollout beside which a check goes on."""
    explainer.on_rollout(trained.agent.steps, {})
    spent = rollout(trained)
    explainer.finish(wait=False)
    return spent


def _check(run: Path) -> Explanation:
    """The one that was waited for."""
    if why := failure(run):
        raise AssertionError(f"the check {why.why}: {why.told}")
    return Explanation.read(explanations(run)[-1])
