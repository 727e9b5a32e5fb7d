"""What measuring a training run costs."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agent.curriculum import Curriculum
from agent.evaluations import Evaluations
from agent.ppo_agent import PPOAgent
from agent.vec_env import LaneVecEnv
from ai.feature_store import TensorStore
from config.compose import load_config, plain_config
from config.schema import MetricsConfig
from data.layout import RESET_POINT
from data.scanner.index import MomentumIndex
from envs.vector_environment import VectorTradingEnvironment
from metrics.hub import MetricsHub, RunInfo, open_hub
from metrics.run_info import DayFacts
from rewards.composite import CompositeReward
from scripts.bench.days import BenchDays, bench_days
from scripts.bench.registry import Figure, benchmark
from scripts.listeners import Recorder
from scripts.recording import Observed, Recording
from simulators.day_bank import DayBank

SEED = 0
DAYS = 4
WAIT_S = 60.0
MOST = 2.0
"""Percent of the training time that metrics may cost."""
SINKS = ["store", "csv"]
"""W&B and the terminal are left out: they belong to other processes."""


class Watched(NamedTuple):
    """A learner, and who watches it."""

    agent: PPOAgent
    recorder: Recorder | None
    hub: MetricsHub | None


@benchmark("metrics.cpu_overhead", "metrics.overhead", "metrics.collect_share")
def collecting(quick: bool) -> list[Figure]:
    """training with all collectors, run store and CSV against training with none, rollout by rollout in turn.

    The default network and rollout of momentum_training; medians of the ratios of neighbours. The CPU time is that of
    all threads, and does not depend on who else uses the machine; for the wall time, what sinks have not written when
    a rollout ends is waited for, as if there were no other core. collect_share: of the training thread's time.
    """
    bench = bench_days(DAYS)
    with tempfile.TemporaryDirectory() as folder:
        watched, alone = learner(bench, Path(folder)), learner(bench, None)
        pairs = [(rollout(watched), rollout(alone)) for _ in range(4 if quick else 24)][2:]
        assert watched.hub is not None
        watched.hub.close()
    if watched.agent.parameters_sha256() != alone.agent.parameters_sha256():
        raise AssertionError("the two have not learnt the same")
    cpu = statistics.median(a.cpu_s / b.cpu_s for a, b in pairs)
    wall = statistics.median(a.seconds / b.seconds for a, b in pairs)
    share = statistics.median(a.collect_s / a.seconds for a, _ in pairs)
    return [
        Figure("metrics.cpu_overhead", 100 * (cpu - 1), "%", MOST, cpu),
        Figure("metrics.overhead", 100 * (wall - 1), "%", MOST, wall),
        Figure("metrics.collect_share", 100 * share, "%", MOST, 1 + share),
    ]


class Spent(NamedTuple):
    """One rollout with its update and all that follows."""

    seconds: float
    cpu_s: float
    collect_s: float
    """Of them in the training thread for metrics."""


def rollout(watched: Watched) -> Spent:
    """One more."""
    listener = _Once(watched)
    began, cpu = time.perf_counter(), time.process_time()
    watched.agent.train([listener])
    if watched.hub is not None:
        watched.hub.flush(WAIT_S)
    return Spent(time.perf_counter() - began, time.process_time() - cpu, listener.collect_s)


class _Once:
    """Ends training after a rollout."""

    def __init__(self, learner: Watched) -> None:
        self._learner = learner
        self.collect_s = 0.0

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        """Told after the update."""
        began = time.perf_counter()
        if self._learner.recorder is not None:
            self._learner.recorder.on_rollout(step, stats)
        self.collect_s = time.perf_counter() - began
        self._learner.agent.request_stop("one is enough")


def learner(bench: BenchDays, folder: Path | None, threads: int = 1) -> Watched:
    """With the default network and rollout; folder: where its numbers go, None: nowhere; threads: of torch."""
    config = bench.config
    training = replace(config.training, total_steps=10**9, time_limit_s=0, threads=threads, device="cpu")
    lanes = training.lanes
    reward = CompositeReward(config.reward, lanes)
    curriculum = _curriculum(bench, lanes)
    bank = DayBank(bench.days, config.simulation)
    env_config = replace(config.env, decision_interval_s=10)
    env = VectorTradingEnvironment(bank, env_config, config.simulation, reward, lanes, curriculum, SEED)
    vec = LaneVecEnv(env)
    agent = PPOAgent(training, config.model, vec, TensorStore(bench.features()), bench.extractor.schema, SEED)
    if folder is None:
        return Watched(agent, None, None)
    metrics = replace(config.metrics, sinks=SINKS)
    hub = _hub(bench, metrics, folder)
    parts = Observed(env, vec, agent, curriculum, reward)
    recording = Recording(parts, folder, lanes=metrics.lanes, follow=metrics.follow)
    return Watched(agent, Recorder(hub, recording, curriculum, agent, Evaluations(0, 0, _Nobody())), hub)


class _Nobody:
    """Scores nothing: it is never asked."""

    def start(self, number: int) -> None:
        """Nothing."""

    def score(self, number: int) -> float:  # noqa: ARG002 - an evaluator's
        """Unknown."""
        return float("nan")


def _curriculum(bench: BenchDays, lanes: int) -> Curriculum:
    """Uniform draws over the days: they are in no index."""
    entries = [(day.symbol, day.date) for day in bench.days]
    config = load_config("momentum_training", ["curriculum=uniform"]).curriculum
    return Curriculum(config, MomentumIndex.of([], {}), entries, lanes, SEED)


def _hub(bench: BenchDays, metrics: MetricsConfig, folder: Path) -> MetricsHub:
    days = tuple(DayFacts(day, 0.5, np.zeros(0, RESET_POINT)) for day in bench.days)
    training, wandb = bench.config.training, bench.config.wandb
    return open_hub(
        metrics,
        RunInfo(
            name="bench",
            folder=folder,
            log_every_s=training.log_every_s,
            wandb=wandb,
            config=plain_config(bench.config),
            days=days,
        ),
    )
