"""The training engine at many sizes, one size at a time, and what limits it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from rich.progress import track

from agent.threads import usable_cores
from scripts.bench.training_run import EPOCHS, GEMM, Measured, Setup, measure

THREADS = usable_cores()
CENTRE = Setup("blocks", lanes=64, n_steps=256, batch=4096, passes=1, rounds=3, threads=THREADS, profile=True)
AXES = {
    "lanes": (1, 4, 16, 64, 256, 512),
    "d_model": (32, 64, 128, 256),
    "window": (60, 120, 180, 300),
    "days": (1, 4, 16, 64),
}
"""Sizes by field of `Setup`; all others stay as in CENTRE."""
HEAD = ("rollout/s", "update/s", "train/s", "update", GEMM, "limit", "MB")
"""Steps, rows and steps per second; the update's share of training; matrix products' share of it; peak memory."""


class Point(NamedTuple):
    """The engine at one size."""

    axis: str
    size: int
    setup: Setup
    measured: Measured

    @property
    def is_centre(self) -> bool:
        """Whether it is what all other sizes are varied from."""
        return self.setup == CENTRE

    @property
    def update_share(self) -> float:
        """Of the time of training."""
        update_s = EPOCHS * self.measured.pass_s
        return update_s / (self.measured.rollout_s + update_s)

    @property
    def limit(self) -> str:
        """What most of the update's time goes to."""
        return max(self.measured.shares, key=lambda kind: self.measured.shares[kind])

    @property
    def cells(self) -> list[str]:
        """In the order of HEAD."""
        m = self.measured
        speeds = (m.rollout_steps_per_s, m.update_rows_per_s, m.steps_per_s)
        shares = (self.update_share, m.shares[GEMM])
        return [*(f"{v:,.0f}" for v in speeds), *(f"{v:.0%}" for v in shares), self.limit, f"{m.peak_mb:,.0f}"]


@cache
def points(quick: bool) -> tuple[Point, ...]:
    """All sizes; only the ends of each axis, and the centre, if `quick`. Measured once."""
    wanted = [(axis, size, setup_of(axis, size)) for axis, sizes in AXES.items() for size in _some(axis, sizes, quick)]
    setups = list(dict.fromkeys(setup for *_, setup in wanted))
    found = {setup: measure(setup) for setup in track(setups, "scaling", transient=True)}
    return tuple(Point(axis, size, setup, found[setup]) for axis, size, setup in wanted)


def _some(axis: str, sizes: Sequence[int], quick: bool) -> list[int]:
    return sorted({sizes[0], getattr(CENTRE, axis), sizes[-1]}) if quick else list(sizes)


def setup_of(axis: str, size: int) -> Setup:
    """CENTRE with that size; few lanes have no rows for its minibatches."""
    setup = replace(CENTRE, **{axis: size})
    return replace(setup, batch=min(setup.batch, setup.n_steps * setup.lanes))
