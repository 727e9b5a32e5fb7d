"""Speed and memory of training."""

from __future__ import annotations

import os
import statistics

from scripts.bench.registry import Figure, benchmark
from scripts.bench.sb3_windows import PLAIN_LANES, Measured, measure

SPARSE_S = 10
"""Decisions this far apart share an encoded minute among six rows instead of sixty."""


@benchmark("train.ratio_sb3", "train.memory_ratio_sb3", "rollout.steps_per_s", "train.ratio_sb3_sparse")
def training(quick: bool) -> list[Figure]:
    """training steps/s at 64 lanes with distinct clocks, and peak memory, against plain SB3 on windows."""
    threads = os.cpu_count() or 1
    plain: list[Measured] = []
    ours: list[Measured] = []
    for _ in range(1 if quick else 3):
        plain.append(measure("windows", 128, 1 if quick else 2, threads))
        ours.append(measure("blocks", 128 if quick else 256, 2, threads))
    if not quick:  # memory with as many rows in the rollout as ours; one epoch, as memory does not grow with more
        plain_memory = measure("windows", 256 * 64 // PLAIN_LANES, 1, threads, epochs=1).peak_mb
    else:
        plain_memory = max(m.peak_mb for m in plain)
    speed = statistics.median(m.steps_per_s for m in ours), statistics.median(m.steps_per_s for m in plain)
    memory = max(m.peak_mb for m in ours), plain_memory
    rollout = statistics.median(m.rollout_steps_per_s for m in ours)
    plain_rollout = statistics.median(m.rollout_steps_per_s for m in plain)
    figures = [
        Figure("train.ratio_sb3", speed[0], "steps/s", speed[1], speed[0] / speed[1]),
        Figure("train.memory_ratio_sb3", memory[0], "MB", memory[1], memory[1] / memory[0]),
        Figure("rollout.steps_per_s", rollout, "steps/s", plain_rollout, rollout / plain_rollout),
    ]
    return figures if quick else [*figures, _sparse(threads)]


def _sparse(threads: int) -> Figure:
    ours, other = (measure(v, 128, 2, threads, interval_s=SPARSE_S).steps_per_s for v in ("blocks", "windows"))
    return Figure("train.ratio_sb3_sparse", ours, "steps/s", other, ours / other)
