"""docs/slippage.svg: what orders cost by size and hour, what is displayed, and what latency does."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from data.day_clock import HOUR_S, clock
from scripts.audit_fills.measure import DOLLARS, FASTEST, HOUR_DOLLARS, SLOWEST, Measured
from scripts.svg import svg_text

STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e7eb",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
}
COLOURS = {FASTEST: "#2563eb", SLOWEST: "#ea580c"}
LINES = {FASTEST: "-", SLOWEST: "--"}
SYMBOLS = ("#0f766e", "#7c3aed", "#b45309", "#475569", "#be123c", "#4d7c0f")
OPEN, CLOSE = 5.5, 12.0
"""Regular hours, hours after 04:00."""


def slippage_svg(found: Measured, data_name: str) -> str:
    """Four panels, one idea each, as SVG; the same for the same figures."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, 2)
        _sizes(axes[0, 0], found)
        _hours(axes[0, 1], found)
        _spreads(axes[1, 0], found)
        _latency(axes[1, 1], found)
        figure.suptitle(data_name, x=0.01, ha="left", fontsize=9, color="#475569")

    return svg_text(draw, (10, 7.2), "slippage", STYLE)


def _sizes(ax: Axes, found: Measured) -> None:
    x = np.arange(len(DOLLARS))
    for slower, colour in COLOURS.items():
        costs = [found.cost(dollars=size, slower=slower) for size in DOLLARS]
        style = LINES[slower]
        ax.plot(x, [c.high for c in costs], style, color=colour, lw=1, alpha=0.6, marker="o", ms=3)
        ax.plot(x, [c.median for c in costs], style, color=colour, lw=2, marker="o", ms=5, label=f"latency x{slower:g}")
    last = found.cost(dollars=DOLLARS[-1], slower=FASTEST)
    for name, y in (("90th percentile", last.high), ("median", last.median)):
        ax.annotate(name, (x[-1], y), (-4, 7), textcoords="offset points", ha="right", color="#334155")
    ax.set_xticks(x, [f"${size / 1000:g}k" for size in DOLLARS])
    ax.margins(y=0.12)
    ax.set_ylim(bottom=0)
    ax.set(title="Slippage by order size, regular hours", ylabel="bps of the decision's mid")
    ax.legend(loc="lower right")


def _hours(ax: Axes, found: Measured) -> None:
    hours = found.hours()
    x = np.array(hours) + 0.5
    for slower, colour in COLOURS.items():
        costs = [found.cost(dollars=HOUR_DOLLARS, slower=slower, hour=hour) for hour in hours]
        style = LINES[slower]
        ax.plot(x, [c.high for c in costs], style, color=colour, lw=1, alpha=0.6)
        ax.plot(x, [c.median for c in costs], style, color=colour, lw=2, marker="o", ms=4, label=f"latency x{slower:g}")
    _clock_axis(ax)
    ax.set(title=f"Slippage by hour, orders of ${HOUR_DOLLARS / 1000:g}k", ylabel="bps: median, thin 90th percentile")
    ax.legend(loc="upper center")


def _spreads(ax: Axes, found: Measured) -> None:
    for (symbol, books), colour in zip(found.books.items(), SYMBOLS * len(found.books), strict=False):
        hours = np.array(list(books)) + 0.5
        medians = [np.median(book.spread_bps) for book in books.values()]
        ax.plot(hours, medians, color=colour, lw=2, marker="o", ms=4, label=symbol)
    _clock_axis(ax)
    ax.set(title="Spread by hour", ylabel="bps of the mid, median")
    ax.legend(loc="upper center")


def _latency(ax: Axes, found: Measured) -> None:
    hours = found.hours()
    x = np.array(hours) + 0.5
    for slower, colour in COLOURS.items():
        moves = [found.drift(slower=slower, hour=hour)[1] for hour in hours]
        ax.plot(x, moves, LINES[slower], color=colour, lw=2, marker="o", ms=4, label=f"latency x{slower:g}")
    _clock_axis(ax)
    ax.set_yscale("linear")
    ax.margins(y=0.12)
    ax.set_ylim(bottom=0)
    ax.set(title="The mid's move while an order is on its way", ylabel="bps, root mean square")
    ax.legend(loc="upper right")


def _clock_axis(ax: Axes) -> None:
    """New York time, regular hours shaded, logarithmic bps."""
    ax.axvspan(OPEN, CLOSE, color="#f1f5f9", zorder=0)
    ax.set_xlim(0, 16)
    ax.set_xticks(range(0, 17, 2), [clock(hour * HOUR_S) for hour in range(0, 17, 2)])
    ax.set_xlabel("New York time; regular hours shaded")
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
