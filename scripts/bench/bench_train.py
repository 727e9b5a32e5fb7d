"""Speed and memory of training against stable-baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from scripts.bench.registry import Figure, benchmark
from scripts.bench.training_run import Measured, Setup, measure

SPARSE_S = 10
"""Decisions this far apart share an encoded minute among six rows instead of sixty."""
OURS = Setup("blocks", lanes=64, n_steps=512, batch=8192, passes=3, rounds=3)
PLAIN = (
    Setup("windows", lanes=8, n_steps=128, batch=256, passes=2, rounds=2),
    Setup("windows", lanes=64, n_steps=64, batch=2048, passes=1, rounds=2),
)
"""What stable-baselines3 is given; the faster of the two is the baseline."""


class Pair(NamedTuple):
    """Both ways of the same training."""

    ours: Measured
    plain: Measured

    def speed(self, name: str) -> Figure:
        """Of training end to end."""
        ours, plain = self.ours.steps_per_s, self.plain.steps_per_s
        return Figure(name, ours, "steps/s", plain, ours / plain)


@benchmark(
    "train.ratio_sb3",
    "train.ratio_sb3_identical",
    "train.ratio_sb3_identical_8",
    "train.ratio_sb3_sparse",
    "rollout.steps_per_s",
    "train.memory_ratio_sb3",
    "train.peak_memory_ratio_sb3",
)
def training(quick: bool) -> list[Figure]:
    """training steps/s, rollouts and memory, ours at 64 lanes against stable-baselines3 at its best of 8 and 64.

    `identical`: both at 64 lanes and minibatches of 2,048 rows; `_8`: both at 8 and 256. Sparse decisions and the
    memory of the whole process take their time and are left out if `quick`.
    """
    identical = [replace(OURS, lanes=s.lanes, n_steps=s.n_steps, batch=s.batch) for s in PLAIN]
    sparse = [replace(setup, interval_s=SPARSE_S) for setup in (OURS, PLAIN[0])]
    setups = [OURS, *PLAIN, *identical, *([] if quick else sparse)]
    rounds = [[measure(setup) for setup in setups] for _ in range(1 if quick else 3)]
    ours, *rest = map(_fastest, zip(*rounds, strict=True))
    plain, same = rest[:2], rest[2:4]
    few, many = (Pair(*pair) for pair in zip(same, plain, strict=True))
    best = Pair(ours, max(plain, key=lambda measured: measured.steps_per_s))
    figures = [
        best.speed("train.ratio_sb3"),
        many.speed("train.ratio_sb3_identical"),
        few.speed("train.ratio_sb3_identical_8"),
    ]
    rollouts = ours.rollout_steps_per_s, max(measured.rollout_steps_per_s for measured in plain)
    stored = ours.bytes_per_row, best.plain.bytes_per_row
    figures += [
        Figure("rollout.steps_per_s", rollouts[0], "steps/s", rollouts[1], rollouts[0] / rollouts[1]),
        Figure("train.memory_ratio_sb3", stored[0], "bytes/step", stored[1], stored[1] / stored[0]),
    ]
    return figures if quick else [*figures, Pair(*rest[4:]).speed("train.ratio_sb3_sparse"), _peak(ours)]


def _peak(ours: Measured) -> Figure:
    """Memory of the whole process, against as many rows in a rollout; one pass, as it does not grow with more."""
    n_steps = OURS.lanes * OURS.n_steps // PLAIN[0].lanes
    plain = measure(replace(PLAIN[0], n_steps=n_steps, passes=1, rounds=1))
    return Figure("train.peak_memory_ratio_sb3", ours.peak_mb, "MB", plain.peak_mb, plain.peak_mb / ours.peak_mb)


def _fastest(runs: Sequence[Measured]) -> Measured:
    return replace(runs[0], rollout_s=min(run.rollout_s for run in runs), pass_s=min(run.pass_s for run in runs))
