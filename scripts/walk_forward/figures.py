"""What the cells of a walk-forward amount to: means with intervals, luck after all tries, selection and trend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from agent.statistics.evaluation import Evaluation, evaluate
from agent.statistics.intervals import Interval
from agent.statistics.luck import Tried
from agent.statistics.seeds import iqm, iqm_interval
from agent.statistics.sessions import Series
from agent.trials import tried
from config.schema import Config
from data.split import Split
from scripts.trials import trial_ledger
from scripts.walk_forward.results import Grid, side_by_side
from utils.seeding import stream

PERMUTATIONS = 10_000
LEAST_FOLDS = 5
"""With fewer, no order of the folds is rarer than one in twenty, so a trend cannot be told from chance."""


class Selection(NamedTuple):
    """Does the validation score say which training of a fold does well in the test?"""

    correlation: float
    """Of the ranks within each fold, from -1 to 1; nan if all scores or all results of every fold are the same."""
    p: float
    """How often ranks that are shuffled within the folds correlate as much or more."""
    picked: float
    """Dollars per session of the training with the best score of each fold."""
    mean: float
    """Of all of them."""
    optimism: float
    """How far the scores, dollars per day, were above what a test day brought; mean over the cells."""


class Trend(NamedTuple):
    """How the result moves from fold to fold."""

    slope: float
    """Dollars per session and fold, Theil and Sen's; nan for a single fold."""
    p: float
    """Kendall's: how often an order of the folds by chance is as clear."""


class Figures(NamedTuple):
    """All of a walk-forward; dollars are net per session."""

    evaluation: Evaluation
    """Of the seeds side by side over all test sessions."""
    iqm: dict[str, Interval]
    """Interquartile mean over seeds and folds of the agent and of its lead over each baseline, with the interval that
    the seeds leave open."""
    by_fold: list[float]
    """Interquartile mean over the seeds of each fold."""
    capture: float
    """Share of what foresight could have earned over all test sessions."""
    selection: Selection | None
    """None without a score, or with a single seed."""
    trend: Trend

    def plain(self) -> dict[str, Any]:
        """For JSON: nan and infinity become None."""
        return {
            "evaluation": self.evaluation.plain(),
            "iqm": {name: _finite(found._asdict()) for name, found in self.iqm.items()},
            "iqm_by_fold": self.by_fold,
            "capture": _finite({"capture": self.capture})["capture"],
            "selection": self.selection and _finite(self.selection._asdict()),
            "trend": _finite(self.trend._asdict()),
        }


def figures(grid: Grid, tries: Tried, draws: int, seed: int) -> Figures:
    """draws: of every bootstrap; tries: all policies that were ever tried on sessions of the folds."""
    pnl, sessions = grid.pnl, grid.sessions
    evaluation = evaluate(
        side_by_side(grid),
        sessions,
        {name: grid.baseline(name) for name in grid.baselines},
        draws=draws,
        seed=seed,
        tried=tries,
        policies=pnl.T,
    )
    bound = float(grid.oracle.sum())
    return Figures(
        evaluation=evaluation,
        iqm=_iqm(grid, draws, seed),
        by_fold=[iqm(column) for column in grid.scores.T],
        capture=float(sessions.pnl.sum()) / bound if bound > 0 else math.nan,
        selection=selection(grid, seed),
        trend=trend([iqm(column) for column in grid.scores.T]),
    )


def tries_of(config: Config, splits: Iterable[Split], sessions: int) -> Tried:
    """Every policy in the ledgers of the folds. sessions: length of the series that is judged."""
    ledgers = (trial_ledger(config, split.hash) for split in splits)
    return tried([trial for ledger in ledgers for trial in ledger.read()], sessions)


def _iqm(grid: Grid, draws: int, seed: int) -> dict[str, Interval]:
    scores = {"agent": grid.scores}
    for name in grid.baselines:
        theirs = [[float(cell.baselines[name].mean()) for cell in grid.of(seed=seed)] for seed in grid.seeds]
        scores[f"agent - {name}"] = grid.scores - np.array(theirs)
    if len(grid.seeds) == 1:  # nothing to draw from
        return {name: Interval(iqm(values), -math.inf, math.inf) for name, values in scores.items()}
    return {name: iqm_interval(values, draws, seed) for name, values in scores.items()}


def selection(grid: Grid, seed: int) -> Selection | None:
    """See `Selection`; the same for the same seed."""
    scores = np.array([[cell.score for cell in grid.of(fold=fold)] for fold in grid.folds])  # [F, K]
    results = grid.scores.T
    known = np.isfinite(scores).all(axis=1)
    if scores.shape[1] < 2 or not known.any():
        return None
    scores, results = scores[known], results[known]
    per_day = np.array([[float(c.sessions.pnl.sum()) / c.days for c in grid.of(fold=f)] for f in grid.folds])[known]
    ranks, reached = _ranks(scores), _ranks(results)
    return Selection(
        correlation=_correlation(ranks, reached),
        p=_chance(ranks, reached, seed),
        picked=float(np.take_along_axis(results, scores.argmax(axis=1)[:, None], axis=1).mean()),
        mean=float(results.mean()),
        optimism=float((scores - per_day).mean()),
    )


def _ranks(values: Series) -> Series:
    """Within each row, mean 0; equals share a rank."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=1)
    return ranks - ranks.mean(axis=1, keepdims=True)


def _correlation(one: Series, other: Series) -> float:
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / spread if spread else math.nan


def _chance(one: Series, other: Series, seed: int) -> float:
    """One-sided p of the correlation: `other` shuffled within each row."""
    if not math.isfinite(_correlation(one, other)):
        return math.nan
    generator = stream(seed, "statistics", "selection")
    shuffled = generator.permuted(np.broadcast_to(other, (PERMUTATIONS, *other.shape)), axis=2)
    reached = (one * shuffled).sum(axis=(1, 2)) >= (one * other).sum() - 1e-9
    return float((reached.sum() + 1) / (PERMUTATIONS + 1))


def trend(by_fold: Sequence[float]) -> Trend:
    """Of one figure a fold, in their order."""
    from scipy import stats

    if len(by_fold) < 2:
        return Trend(math.nan, math.nan)
    number, library = np.arange(len(by_fold)), cast("Any", stats)  # its results are named tuples that pyright misses
    return Trend(float(library.theilslopes(by_fold, number)[0]), float(library.kendalltau(number, by_fold).pvalue))


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
