"""What a walk-forward brought: one cell a training, and all of them over the sessions that none of them had seen."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from agent.ledger import Run
from agent.statistics.sessions import Series, Sessions
from agent.tables import COST_PARTS
from scripts.pipeline import metadata_of
from scripts.seed_results import HeldOut
from scripts.seed_runs import SeedRun
from utils.paths import anchored

SIZES = ("pnl", "gross", *COST_PARTS, "cost", "realised", "shares", "mae_dollars", "mfe_dollars")
"""Columns of a run that grow with the capital."""


class Cell(NamedTuple):
    """A training of a fold, on the fold's test sessions."""

    fold: int
    seed: int
    model: Path
    score: float
    """Of the model in validation, dollars net per day; nan without."""
    days: int
    """Symbol-days tested."""
    sessions: Sessions
    baselines: dict[str, Series]
    """Dollars per session [S]."""
    oracle: Series
    """Upper bound of what could have been earned, dollars per session [S]."""
    run: Run

    @property
    def mean(self) -> float:
        """Dollars net per session."""
        return float(self.sessions.pnl.mean())

    @property
    def capture(self) -> float:
        """Share of what foresight could have earned; nan where that is nothing."""
        bound = float(self.oracle.sum())
        return float(self.sessions.pnl.sum()) / bound if bound > 0 else math.nan


def tested(fold: int, held: HeldOut, run: SeedRun) -> Cell:
    """Trade the fold's test sessions with what a training brought, and with the baselines."""
    test, result, sessions = held.compared(run)
    score = metadata_of(anchored(run.config.models) / run.version).get("score")
    return Cell(
        fold,
        run.config.seed,
        test.path,
        math.nan if score is None else float(score),
        len(result.days),
        sessions,
        {name: test.sessions(pnl).pnl for name, pnl in result.baseline_pnl.items()},
        test.sessions(result.oracle_pnl).pnl,
        result.policy._replace(trace=None),
    )


class Grid(NamedTuple):
    """All cells; every fold has the same seeds."""

    cells: tuple[Cell, ...]
    """By fold, then by seed."""

    @property
    def folds(self) -> list[int]:
        """Numbers, in order."""
        return sorted({cell.fold for cell in self.cells})

    @property
    def seeds(self) -> list[int]:
        """In order."""
        return sorted({cell.seed for cell in self.cells})

    @property
    def baselines(self) -> list[str]:
        """Names."""
        return list(self.cells[0].baselines)

    def of(self, *, fold: int | None = None, seed: int | None = None) -> list[Cell]:
        """The cells of a fold, of a seed, or of both."""
        return [cell for cell in self.cells if fold in (None, cell.fold) and seed in (None, cell.seed)]

    @property
    def dates(self) -> tuple[dt.date, ...]:
        """Every test session, in order."""
        return tuple(date for cell in self.of(seed=self.seeds[0]) for date in cell.sessions.dates)

    @property
    def pnl(self) -> Series:
        """Dollars per seed and test session [K, S]."""
        return np.array([np.concatenate([cell.sessions.pnl for cell in self.of(seed=seed)]) for seed in self.seeds])

    def baseline(self, name: str) -> Series:
        """Dollars per test session [S], mean over the seeds (whose turnover some baselines copy)."""
        by_seed = [np.concatenate([cell.baselines[name] for cell in self.of(seed=seed)]) for seed in self.seeds]
        return np.mean(by_seed, axis=0)

    @property
    def oracle(self) -> Series:
        """Dollars per test session [S]."""
        return np.concatenate([cell.oracle for cell in self.of(seed=self.seeds[0])])

    @property
    def scores(self) -> Series:
        """Mean dollars per session of each cell [K, F]: trainings by tasks, as `agent.statistics.seeds` has it."""
        return np.array([[cell.mean for cell in self.of(seed=seed)] for seed in self.seeds])

    @property
    def sessions(self) -> Sessions:
        """The seeds side by side, each with an equal share of the capital: every session by its mean over them."""
        return Sessions(self.dates, self.pnl.mean(axis=0), max(cell.sessions.capital for cell in self.cells))


def side_by_side(grid: Grid) -> Run:
    """All runs as one, with money and sizes over the number of seeds: a share of the capital each, as `Grid.sessions`.

    Drawdowns and times are those of each lane; there is no trace.
    """
    runs, share = [cell.run for cell in grid.cells], 1 / len(grid.seeds)
    joined: dict[str, Any] = {"name": runs[0].name, "trace": None}
    for name in Run._fields:
        parts = [getattr(run, name) for run in runs]
        if isinstance(parts[0], pl.DataFrame):
            joined[name] = pl.concat([_scaled(part, share) for part in parts], how="vertical_relaxed")
        elif isinstance(parts[0], np.ndarray):
            joined[name] = np.concatenate(parts) * share if name in SIZES else np.concatenate(parts)
    return Run(**joined)


def _scaled(table: pl.DataFrame, share: float) -> pl.DataFrame:
    return table.with_columns(pl.col(name) * share for name in SIZES if name in table.columns)
