"""Speed of the environment."""

from __future__ import annotations

import statistics
import time

import numpy as np

from config.compose import load_config
from config.schema import Config
from scripts.bench.days import BenchDays, bench_days
from scripts.bench.registry import Figure, benchmark
from scripts.lanes import open_lanes

LANES = 64
DAYS = 8
EVERYTHING = ("simulation/orders=limit", "simulation.orders.stop_distance=0.02", "simulation/shorts=on")
CASES = {
    "env.lane_steps_per_s": (0.05, ()),
    "env.lane_steps_per_s_all_orders": (1.0, ()),
    "env.lane_steps_per_s_everything": (0.1, EVERYTHING),
}
"""Share of decisions that are orders (a policy that trades more pays more, in time as in fees), and overrides."""


@benchmark(*CASES)
def environment(quick: bool) -> list[Figure]:
    """lane-steps/s at 64 lanes on one core, with masks, fills and rewards, against one lane stepped alone."""
    bench = bench_days(DAYS)
    steps = 4_000 if quick else 20_000
    rounds = 3 if quick else 7
    figures: list[Figure] = []
    for name, (share, words) in CASES.items():
        config = load_config("momentum_training", ["env.decision_interval_s=1", *words])
        many = [_speed(bench, config, LANES, steps, share, seed) for seed in range(rounds)]
        one = [_speed(bench, config, 1, steps, share, seed) for seed in range(rounds)]
        ours, alone = statistics.median(many), statistics.median(one)
        figures.append(Figure(name, ours, "lane-steps/s", alone, ours / alone))
    return figures


def _speed(bench: BenchDays, config: Config, lanes: int, steps: int, share: float, seed: int) -> float:
    env = open_lanes(bench.days, config, lanes, bench.episodes(seed), seed)
    random = np.random.default_rng(seed)
    wished = random.integers(0, env.action_mask.shape[1], (64, lanes))
    wished[random.random((64, lanes)) >= share] = 0
    row = np.arange(lanes)
    env.step(np.zeros(lanes, np.int64))
    spent = 0.0
    for i in range(steps):
        actions = wished[i % 64]
        actions = np.where(env.action_mask[row, actions], actions, 0)  # as a masked policy would
        start = time.perf_counter()
        env.step(actions)
        spent += time.perf_counter() - start
    return lanes * steps / spent
