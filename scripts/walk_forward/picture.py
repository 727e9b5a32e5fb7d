"""The picture of a walk-forward: what was earned out of sample, and which sessions each fold had for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agent.statistics.seeds import interquartile_means
from data.split import Split
from scripts.svg import svg_text
from scripts.walk_forward.results import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AGENT = "#0b6efd"
BASELINES = ("#f08c00", "#7048e8", "#0b8457", "#c2255c", "#868e96")
"""By place; there are four, and room for more comes from repeating them."""
PARTS = {"train": "#94a3b8", "validation": "#facc15", "test": AGENT}


def picture(grid: Grid, splits: Sequence[Split], title: str) -> str:
    """SVG; the same figures give the same text."""

    def draw(figure: Figure) -> None:
        equity, windows = figure.subplots(2, 1, height_ratios=(4, 0.6 + 0.28 * len(splits)))
        _equity(equity, grid)
        equity.set_title(title)
        _windows(windows, splits)

    return svg_text(draw, (9.0, 5.2 + 0.2 * len(splits)), "walk_forward")


def _equity(axes: Axes, grid: Grid) -> None:
    """Summed net P&L over the test sessions of all folds, from 0."""
    pnl = grid.pnl
    at = np.arange(pnl.shape[1] + 1)
    for number, seed in enumerate(pnl):
        label = f"each of {len(pnl)} seeds" if number == 0 else None
        axes.plot(at, _summed(seed), color=AGENT, linewidth=0.8, alpha=0.45, label=label)
    middle = interquartile_means(pnl)
    axes.plot(at, _summed(middle), color=AGENT, linewidth=2.4, label="agent, interquartile mean")
    for number, name in enumerate(grid.baselines):
        colour = BASELINES[number % len(BASELINES)]
        axes.plot(at, _summed(grid.baseline(name)), color=colour, linewidth=1.3, label=name.replace("_", " "))
    _borders(axes, grid)
    axes.axhline(0.0, color="#94a3b8", linewidth=0.8)
    axes.set_xlim(0, len(at) - 1)
    axes.set_ylabel("net P&L out of sample, $")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    step = max(1, len(grid.dates) // 8)
    axes.set_xticks(at[1::step], [date.isoformat()[5:] for date in grid.dates[::step]])
    axes.set_xlabel("test session (month-day)")
    axes.legend(ncols=3, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, -0.2))


def _borders(axes: Axes, grid: Grid) -> None:
    """Where one fold's test ends and the next one's begins."""
    begin = 0
    for fold in grid.folds:
        if begin:
            axes.axvline(begin, color="#334155", linewidth=0.8, linestyle=":")
        axes.annotate(f"fold {fold}", (begin, 1.0), (4, -9), xycoords=("data", "axes fraction"),
                      textcoords="offset points", fontsize=8, color="#334155")  # fmt: skip
        begin += len(grid.of(fold=fold)[0].sessions.dates)


def _summed(pnl: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(pnl)])


def _windows(axes: Axes, splits: Sequence[Split]) -> None:
    """A bar a part and fold over the calendar of all sessions."""
    sessions = sorted({date for split in splits for part in split for date in part})
    place = {date: i for i, date in enumerate(sessions)}
    for row, split in enumerate(splits):
        for part, colour in PARTS.items():
            dates = getattr(split, part)
            if dates:
                width = place[dates[-1]] - place[dates[0]] + 1
                axes.barh(row, width, left=place[dates[0]], height=0.66, color=colour, label=None if row else part)
    axes.set_yticks(range(len(splits)), [f"fold {row + 1}" for row in range(len(splits))])
    axes.invert_yaxis()
    axes.set_xlim(0, len(sessions))
    step = max(1, len(sessions) // 8)
    axes.set_xticks(range(0, len(sessions), step), [date.isoformat()[5:] for date in sessions[::step]])
    axes.legend(ncols=3, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0))
