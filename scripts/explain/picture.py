"""A picture of an explanation: the features that matter most, at which time scale, and how far back it looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.explanation import Explanation
from metrics.reading import branch_text, lag_sentence, ranked, spoken
from scripts.svg import svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP = 16
SIZE = 11.0, 5.6
"""Inches."""
SHADES = ("#1e3a8a", "#2563eb", "#60a5fa", "#93c5fd", "#bfdbfe")
"""Of the time scales of a branch, what is nearest first."""
LINE, TEXT = "#2563eb", "#475569"


def explanation_svg(told: Explanation) -> str:
    """The same text for the same explanation."""

    def draw(figure: Figure) -> None:
        parts: Any = figure.subfigures(1, 2, width_ratios=(3, 2))
        left, right = parts
        figure.suptitle(f"{told.model}: {sum(told.strata.values()):,} decisions, step {told.step:,}", x=0.01, ha="left")
        _bars(left.subplots(), told)
        lags = {branch: rows for branch, rows in told.lags.items() if sum(rows)}
        axes = right.subplots(max(len(lags), 1), 1, squeeze=False)[:, 0]
        for ax, (branch, rows) in zip(axes, lags.items(), strict=False):
            _lags(ax, branch, rows)

    return svg_text(draw, SIZE, "explanation", {"axes.titlesize": 8})


def _bars(ax: Axes, told: Explanation) -> None:
    """A bar a feature, cut into its time scales."""
    order = {use.name: row for row, use in enumerate(told.features)}
    leaders = ranked(told.features)[:TOP]
    for at, use in enumerate(leaders):
        begin = 0.0
        own = [row for row, scale in enumerate(told.scales) if scale.branch == use.branch]
        for number, row in enumerate(own):
            share = 100 * told.by_scale[order[use.name]][row]
            ax.barh(at, share, left=begin, color=SHADES[min(number, len(SHADES) - 1)], height=0.75)
            begin += share
    names = [f"{spoken(use.name)} ({branch_text(use.branch)})" for use in leaders]
    ax.set_yticks(range(len(leaders)), names)
    ax.invert_yaxis()
    ax.set_xlabel("% of what speaks for an action; dark: what is nearest", color=TEXT)
    ax.set_title("what it goes by")


def _lags(ax: Axes, branch: str, rows: Sequence[float]) -> None:
    """Share by row, now on the right."""
    back = np.arange(len(rows) - 1, -1, -1)
    ax.bar(-back, 100 * np.array(rows), color=LINE, width=0.9)
    ax.set_title(lag_sentence(branch, rows))
    ax.locator_params(axis="both", nbins=4)
    ax.margins(x=0.01)
