"""The result of a walk-forward as people and programs read it: sentences, tables, JSON, CSV and parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from rich.table import Table

from agent.report.summary import ORACLE_SELECTED
from agent.statistics.intervals import Interval
from agent.statistics.seeds import iqm
from agent.statistics.verdict import Verdict
from data.split import Split
from scripts.walk_forward.figures import LEAST_FOLDS, Figures, Selection, Trend
from scripts.walk_forward.results import Cell, Grid
from utils.atomic import write_bytes, write_text
from utils.paths import shown
from utils.tables import write_parquet
from utils.web.page import SYNTHETIC
from utils.web.text import money, number, share

NAME = "walk_forward"


class Result(NamedTuple):
    """All that is told."""

    grid: Grid
    splits: list[Split]
    figures: Figures
    verdict: Verdict
    facts: dict[str, str]
    """What was run."""
    synthetic: bool
    oracle_selected: bool
    """The days were chosen after the fact."""
    quick: bool
    """Too short to mean anything."""

    @property
    def title(self) -> str:
        """Of table, page and picture."""
        grid = self.grid
        return (
            f"Walk-forward: {_count(len(grid.folds), 'fold')}, {_count(len(grid.seeds), 'seed')}, "
            f"{_count(len(grid.dates), 'test session')}, {grid.dates[0]} to {grid.dates[-1]}"
        )

    @property
    def tags(self) -> list[str]:
        """Warnings that must not be overlooked."""
        marks = {SYNTHETIC: self.synthetic, ORACLE_SELECTED: self.oracle_selected, "SMOKE RUN": self.quick}
        return [mark for mark, here in marks.items() if here]


def _count(amount: int, what: str) -> str:
    return f"{amount} {what}{'' if amount == 1 else 's'}"


HEAD = ("fold", "test sessions", "days", "seed", "validation")
PROVES_NOTHING = "This was a smoke run, with trainings too short to learn anything. It proves nothing."


def grid_rows(grid: Grid) -> list[list[str]]:
    """A row a fold and seed, one of its interquartile means after each fold, one of all at the end."""
    rows: list[list[str]] = []
    for fold in grid.folds:
        cells = grid.of(fold=fold)
        rows += [_cell_row(cell, first=cell is cells[0], baselines=grid.baselines) for cell in cells]
        if len(cells) > 1:
            rows.append(["", "", "", "IQM", _middle([c.score for c in cells]), *_middles(cells, grid.baselines)])
    rows.append(["all", "", "", "IQM", "", *_middles(grid.cells, grid.baselines)])
    return rows


def grid_head(grid: Grid) -> list[str]:
    """Names of the columns of `grid_rows`; money is net dollars per session, of the validation per day."""
    return [*HEAD, "agent", *(name.replace("_", " ") for name in grid.baselines), "capture"]


def _cell_row(cell: Cell, *, first: bool, baselines: Sequence[str]) -> list[str]:
    dates = cell.sessions.dates
    about = [str(cell.fold), f"{dates[0]} to {dates[-1]}", str(cell.days)] if first else ["", "", ""]
    means = (float(cell.baselines[name].mean()) for name in baselines)
    return [*about, str(cell.seed), money(cell.score), money(cell.mean), *map(money, means), share(cell.capture)]


def _middles(cells: Sequence[Cell], baselines: Sequence[str]) -> list[str]:
    means = [_middle([float(cell.baselines[name].mean()) for cell in cells]) for name in baselines]
    kept = [cell.capture for cell in cells if math.isfinite(cell.capture)]
    return [_middle([cell.mean for cell in cells]), *means, share(iqm(np.array(kept))) if kept else "-"]


def _middle(values: Sequence[float]) -> str:
    return money(iqm(np.array(values))) if all(map(math.isfinite, values)) else "-"


def terminal_table(result: Result) -> Table:
    """Fold x seed."""
    table = Table(title="; ".join([result.title, "net $ per session", *result.tags]))
    for number_, name in enumerate(grid_head(result.grid)):
        table.add_column(name, justify="left" if number_ in (0, 1) else "right", no_wrap=True)
    rows = grid_rows(result.grid)
    for place, row in enumerate(rows):
        ends = place + 1 == len(rows) or rows[place + 1][0] != ""
        table.add_row(*row, style="bold" if row[3] == "IQM" else "", end_section=ends)
    return table


def interval_rows(figures: Figures) -> list[list[str]]:
    """The agent and its lead over each baseline: what the sessions leave open, and what the seeds do."""
    evaluation = figures.evaluation
    means = {"agent": evaluation.mean, **{f"agent - {lead.over}": lead.dollars for lead in evaluation.leads}}
    luck = {f"agent - {lead.over}": f"{lead.luck.p:.3f}" for lead in evaluation.leads}
    return [
        [name.replace("_", " "), _text(mean), _text(figures.iqm[name]), luck.get(name, "")]
        for name, mean in means.items()
    ]


INTERVAL_HEAD = (
    "net $ per session",
    "mean over all test sessions (95 %: other sessions)",
    "IQM over folds and seeds (95 %: other seeds)",
    "SPA p",
)


def _text(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return f"{money(interval.value)}, no interval"
    return f"{money(interval.value)} ({money(interval.low)} to {money(interval.high)})"


def interval_table(figures: Figures) -> Table:
    """`interval_rows` for the terminal."""
    table = Table(*INTERVAL_HEAD)
    for row in interval_rows(figures):
        table.add_row(*row)
    return table


def sentences(result: Result) -> list[str]:
    """What it comes to, beside the verdict."""
    figures, evaluation = result.figures, result.figures.evaluation
    told = [
        f"Sharpe ratio, a year: {evaluation.sharpe.text('.2f')}; probability that the true one is above 0 (PSR) "
        f"{share(evaluation.probabilistic_sharpe, 1)}, after {evaluation.tried.policies:,} tries on sessions of these "
        f"folds (DSR) {share(evaluation.deflated_sharpe, 1)}.",
        _trainings(result.grid, figures.iqm["agent"]),
        f"Share of what perfect foresight could have earned: {share(figures.capture, 1)}.",
        _selection(figures.selection),
        _trend(figures.trend, figures.by_fold),
    ]
    return [PROVES_NOTHING, *told] if result.quick else told


def _trainings(grid: Grid, interval: Interval) -> str:
    idle = sum(not cell.run.trips.any() for cell in grid.cells)
    earned = sum(cell.mean > 0 for cell in grid.cells)
    told = f"Of {_count(len(grid.cells), 'training')} {earned} earned money and {idle} did not trade."
    if math.isfinite(interval.low) and interval.low <= 0 < interval.high:
        told += " What other seeds would change reaches down to nothing: a single training is not to be relied on."
    return told


def _selection(found: Selection | None) -> str:
    if found is None:
        return "Whether validation picks the better training cannot be said: that takes two seeds with scores."
    if not math.isfinite(found.correlation):
        return "Whether validation picks the better training cannot be said: within every fold all are alike."
    useful = (
        "picking by validation helps"
        if found.p < 0.05 and found.correlation > 0
        else "that picking by validation helps is not shown"
    )
    return (
        f"Validation against test, ranks within the folds: correlation {number(found.correlation)} (p {found.p:.3f}): "
        f"{useful}. The best by validation of each fold earned {money(found.picked)} per session, the mean of all "
        f"{money(found.mean)}. Scores were {money(abs(found.optimism), plus=False)} per day "
        f"{'above' if found.optimism > 0 else 'below'} the test."
    )


def _trend(found: Trend, by_fold: Sequence[float]) -> str:
    path = ", ".join(money(value) for value in by_fold)
    if not math.isfinite(found.slope):
        return f"One fold ({path} per session) shows no trend."
    limits = f"; {len(by_fold)} folds are too few to call it one" if len(by_fold) < LEAST_FOLDS else ""
    return f"From fold to fold ({path} per session): {money(found.slope)} a fold (p {number(found.p)}{limits})."


def write_tables(result: Result, folder: Path) -> None:
    """walk_forward.json (all figures), and a row a fold, seed and session as .csv and .parquet."""
    table = session_table(result.grid)
    write_bytes(folder / f"{NAME}.csv", table.write_csv().encode())
    write_parquet(folder / f"{NAME}.parquet", table)
    write_text(folder / f"{NAME}.json", json.dumps(plain(result), indent=1, allow_nan=False))


def session_table(grid: Grid) -> pl.DataFrame:
    """Net dollars of the agent, of each baseline and of foresight."""
    return pl.concat(
        pl.DataFrame(
            {
                "fold": pl.Series([cell.fold] * len(cell.sessions.dates), dtype=pl.Int64),
                "seed": cell.seed,
                "date": cell.sessions.dates,
                "agent": cell.sessions.pnl,
                **cell.baselines,
                "oracle": cell.oracle,
            }
        )
        for cell in grid.cells
    )


def plain(result: Result) -> dict[str, Any]:
    """Everything, for JSON."""
    grid = result.grid
    return {
        "facts": result.facts,
        "synthetic": result.synthetic,
        "oracle_selected": result.oracle_selected,
        "quick": result.quick,
        "folds": [
            {
                "fold": fold,
                "split": split.plain(),
                "split_hash": split.hash,
                "trainings": [_plain_cell(cell) for cell in grid.of(fold=fold)],
            }
            for fold, split in zip(grid.folds, result.splits, strict=True)
        ],
        "figures": result.figures.plain(),
        "verdict": {"word": result.verdict.word, "reasons": [reason._asdict() for reason in result.verdict.reasons]},
    }


def _plain_cell(cell: Cell) -> dict[str, Any]:
    return {
        "seed": cell.seed,
        "model": shown(cell.model),
        "validation_per_day": cell.score if math.isfinite(cell.score) else None,
        "days": cell.days,
        "net_per_session": {"agent": cell.mean, **{name: float(pnl.mean()) for name, pnl in cell.baselines.items()}},
        "capture": cell.capture if math.isfinite(cell.capture) else None,
        "round_trips": int(cell.run.trips.sum()),
    }
