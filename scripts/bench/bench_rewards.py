"""What rewards cost beside the environment."""

from __future__ import annotations

import statistics
import time

import numpy as np

from config.compose import load_config
from config.schema import RewardConfig
from rewards.composite import CompositeReward
from scripts.bench.days import bench_days
from scripts.bench.registry import Figure, benchmark
from scripts.lanes import open_lanes

LANES = 64
DAYS = 4
ORDERS = 0.05
"""Share of decisions that are orders."""


@benchmark("env.reward_share", "env.reward_share_pnl_only")
def rewards(quick: bool) -> list[Figure]:
    """Time of all 16 reward components (of log_equity alone), over that of the environment's step without any.

    The baseline is the limit, one quarter. Both are timed step by step in one run: whatever else the machine does, it
    does to both.
    """
    shares = {
        "env.reward_share": load_config("momentum_training", ["reward=v2"]).reward,
        "env.reward_share_pnl_only": load_config("momentum_training", ["reward=pnl_only"]).reward,
    }
    steps, rounds = (2_000, 3) if quick else (8_000, 5)
    limit = 0.25
    figures: list[Figure] = []
    for name, reward in shares.items():
        share = statistics.median(_share(reward, steps, seed) for seed in range(rounds))
        figures.append(Figure(name, share, "of the environment's time", limit, limit / share))
    return figures


def _share(reward: RewardConfig, steps: int, seed: int) -> float:
    """Median time of the reward over the median time of the rest of a step."""
    config, bench = load_config("momentum_training", ["env.decision_interval_s=1", "reward=pnl_only"]), bench_days(DAYS)
    env = open_lanes(bench.days, config, LANES, bench.episodes(seed), seed)
    composite, random = CompositeReward(reward, LANES), np.random.default_rng(seed)
    row = np.arange(LANES)
    times = np.zeros((steps, 3))
    for i in range(steps):
        wished = np.where(random.random(LANES) < ORDERS, random.integers(0, env.action_mask.shape[1], LANES), 0)
        actions = np.where(env.action_mask[row, wished], wished, 0)
        marks = [time.perf_counter()]
        env.step(actions)
        marks.append(time.perf_counter())
        composite.compute(env.steps)
        marks.append(time.perf_counter())
        env.reward.compute(env.steps)  # what is within the step: to be taken off
        marks.append(time.perf_counter())
        times[i] = np.diff(marks)
    step, ours, within = np.median(times[steps // 10 :], axis=0)
    return float(ours / (step - within))
