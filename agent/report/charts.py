"""The still pictures of the page, as SVG that follows its colours."""

from __future__ import annotations

import html
import math

import numpy as np
import polars as pl

from agent.ledger import Run
from agent.report.terminal import steps_of
from utils.web.text import money

WIDTH, HEIGHT = 640, 270
LEFT, RIGHT, TOP, BOTTOM = 14, 14, 26, 34
BINS = 40
TAIL = 0.01
"""Share of the round trips at either end that share the outermost bars."""


def waterfall(run: Run) -> str:
    """From gross over the four costs to net; words if nothing was traded."""
    steps = steps_of(run)
    if not any(steps.values()):
        return '<p class="empty">Nothing was traded, so nothing was paid.</p>'
    edges: list[tuple[str, float, float, float]] = []
    level = 0.0
    for name, value in steps.items():
        whole = name in ("gross", "net")
        begin = 0.0 if whole else level
        level = value if whole else level + value
        edges.append((name, value, begin, level))
    low = min(0.0, *(min(a, b) for _, _, a, b in edges))
    high = max(0.0, *(max(a, b) for _, _, a, b in edges))
    y = _scale(low, high)
    slot = (WIDTH - LEFT - RIGHT) / len(edges)
    parts = [rule(y(0.0))]
    for i, (name, value, begin, end) in enumerate(edges):
        x = LEFT + i * slot
        top, bottom = sorted((y(begin), y(end)))
        look = "total" if name in ("gross", "net") else "up" if value >= 0 else "down"
        spoken = name.replace("_", " ")
        parts.append(bar(x + 0.14 * slot, top, 0.72 * slot, bottom - top, look, f"{spoken}: {money(value)}"))
        parts.append(label(x + slot / 2, top - 6, money(value), "value"))
        parts.append(label(x + slot / 2, HEIGHT - 12, spoken, "name"))
        if i + 1 < len(edges) and edges[i + 1][0] != "net":
            parts.append(f'<line class="link" x1="{x + 0.86 * slot:.1f}" x2="{x + 1.14 * slot:.1f}" {_level(y(end))}/>')
    told = ", ".join(f"{name.replace('_', ' ')} {money(value)}" for name, value in steps.items())
    return svg("".join(parts), f"Cost waterfall: {told}")


def distribution(trades: pl.DataFrame) -> str:
    """How many round trips brought how much."""
    pnl = trades["pnl"].to_numpy()
    low, high = (float(np.quantile(pnl, q)) for q in (TAIL, 1 - TAIL))
    low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        low, high = -1.0, 1.0
    width = (high - low) / BINS
    first = math.floor(low / width)  # an edge at 0: no bar is half a gain
    edges = width * np.arange(first, first + BINS + 2)
    counts, _ = np.histogram(np.clip(pnl, edges[0], edges[-1]), edges)
    y = _scale(0.0, float(counts.max()))
    slot = (WIDTH - LEFT - RIGHT) / len(counts)
    parts = [rule(y(0.0))]
    for i, count in enumerate(counts):
        if not count:
            continue
        told = f"{money(edges[i])} to {money(edges[i + 1])}: {count:,} round trips"
        look = "up" if edges[i] > -width / 2 else "down"
        parts.append(bar(LEFT + i * slot + 0.5, y(count), slot - 1, y(0.0) - y(count), look, told))
    for value, name in ((float(pnl.mean()), "mean"), (float(np.median(pnl)), "median")):
        x = LEFT + (np.clip(value, edges[0], edges[-1]) - edges[0]) / width * slot
        parts.append(f'<line class="mark {name}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{y(0.0):.1f}"/>')
    middle = LEFT - first * slot
    parts.append(label(middle, HEIGHT - 12, "$0", "name"))
    for i, anchor in ((0, "start"), (len(counts), "end")):
        parts.append(label(LEFT + i * slot, HEIGHT - 12, money(edges[i], 0), f"name {anchor}"))
    told = f"mean {money(float(pnl.mean()))}, median {money(float(np.median(pnl)))}"
    parts.append(label(WIDTH - RIGHT, 14, told, "value end"))
    return svg("".join(parts), f"Distribution of the P&L of {len(pnl):,} round trips: {told}")


def _scale(low: float, high: float):
    """From dollars or counts to y."""
    span = (high - low) or 1.0
    return lambda value: TOP + (high - value) / span * (HEIGHT - TOP - BOTTOM)


def svg(parts: str, told: str, height: float = HEIGHT) -> str:
    """A picture WIDTH wide; told: what it shows, for those who do not see it."""
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{html.escape(told)}">{parts}</svg>'


def bar(x: float, y: float, width: float, height: float, look: str, told: str) -> str:
    """look: its class; told: shown on hover."""
    return (
        f'<rect class="{look}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 1):.1f}">'
        f"<title>{html.escape(told)}</title></rect>"
    )


def label(x: float, y: float, text: str, look: str) -> str:
    """Words at a place."""
    return f'<text class="{look}" x="{x:.1f}" y="{y:.1f}">{html.escape(text)}</text>'


def rule(y: float) -> str:
    """A line across the picture."""
    return f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_level(y)}/>'


def _level(y: float) -> str:
    return f'y1="{y:.1f}" y2="{y:.1f}"'
