"""What parts show, as plain data: cards, curves, plots and tables, drawn by metrics/dashboard/web/parts.js.

Colours are names of that file's palette (up, down, accent, soft, c0 ... c9), so that they follow the theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from metrics import registry as names
from metrics.registry import Better, Metric, find
from metrics.run_store import RunStore

POINTS = 600
"""Of a curve: more than it has pixels."""
DIGITS = 6
COLOURS = 10


def words(text: str, fix: str = "") -> dict[str, Any]:
    """Something to say instead of a figure; fix: what to do about it."""
    return {"empty": text, "fix": fix}


def figure_card(label: str, value: str, note: str = "", *, tone: str = "", hint: str = "") -> dict[str, str]:
    """A key figure. tone: up, down or nothing; hint: shown on hover."""
    return {"label": label, "value": value, "note": note, "tone": tone, "hint": hint}


def tone(value: float) -> str:
    """Green for gains, red for losses."""
    return "up" if value > 0 else "down" if value < 0 else ""


def plain(value: float | None) -> float | None:
    """As JSON has it: six digits, null for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def numbers(values: Iterable[float | None]) -> list[float | None]:
    """A column as JSON has it."""
    return [plain(value) for value in values]


def recorded(store: RunStore, wanted: Iterable[str]) -> list[str]:
    """Those of `wanted` that the run has, in that order."""
    known = set(store.names())
    return [name for name in wanted if name in known]


def family(store: RunStore, metric: Metric) -> dict[str, str]:
    """Members of a family that the run has: the part in braces -> the whole name."""
    head, _, tail = metric.name.partition("{}")
    return {
        name[len(head) : len(name) - len(tail)]: name
        for name in store.names()
        if name.startswith(head) and name.endswith(tail) and find(name) == metric
    }


def curve(name: str, rows: pl.DataFrame, column: str, colour: str = "accent") -> dict[str, Any]:
    """One line: mean, and range where several rollouts fall into one point."""
    low, high = numbers(rows[f"{column}|low"]), numbers(rows[f"{column}|high"])
    y = numbers(rows[column])
    made = {"name": name, "x": rows["step"].to_list(), "y": y, "colour": colour}
    return made | ({"low": low, "high": high} if low != high else {})


EXACT = (names.LEARNING_RATE, names.VALIDATION_PNL, names.STEPS_PER_S, names.STAGE)
"""Never smoothed: there is no noise in them."""


def panel(
    title: str, unit: str, series: Sequence[Mapping[str, Any]], hint: str = "", *, exact: bool = False
) -> dict[str, Any]:
    """A small chart; unit: as in the registry of metrics; exact: not to be smoothed."""
    return {"title": title, "unit": unit, "series": list(series), "hint": hint, "exact": exact}


def metric_panels(store: RunStore, wanted: Sequence[tuple[str, Sequence[Metric]]]) -> list[dict[str, Any]]:
    """A panel for each (title, metrics of it), without what was never recorded; titles are the reader's words."""
    found = [(title, recorded(store, [m.name for m in metrics])) for title, metrics in wanted]
    columns = sorted({name for _, columns_of in found for name in columns_of})
    rows = store.series(columns, POINTS) if columns else pl.DataFrame()
    made: list[dict[str, Any]] = []
    for title, columns_of in found:
        one = len(columns_of) == 1
        lines = [
            curve(title if one else short(name), rows, name, "accent" if one else f"c{i}")
            for i, name in enumerate(columns_of)
        ]
        if lines:
            exact = find(columns_of[0]) in EXACT
            made.append(
                panel(title, find(columns_of[0]).unit, lines, " | ".join(map(explained, columns_of)), exact=exact)
            )
    return made


LABELS = {
    names.WIN_SHARE: "episodes",
    names.TRADE_WINS: "round trips",
    names.DRAWDOWN: "mean at the end",
    names.MAX_DRAWDOWN: "worst",
    names.EXPOSURE: "of equity",
    names.INVESTED: "of the time",
}
"""Of lines that share a chart, where the name of the metric would not do."""


def short(name: str) -> str:
    """A line in a legend: LABELS, else the last part of the metric's name in words."""
    return LABELS.get(find(name)) or name.rpartition("/")[2].replace("_", " ")


def explained(name: str) -> str:
    """Name, formula and good direction of a metric."""
    metric = find(name)
    way = "" if metric.better is Better.NEITHER else f"; {metric.better.value} is better"
    return f"{name}: {metric.formula}{way}"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, text: int = 1, bars: str = "") -> dict[str, Any]:
    """Cells are words in the first `text` columns and figures as they are to be read in the others.

    bars: name of the column that is drawn as a bar too; its cells are (value, share of the width in [-1, 1]).
    """
    return {"head": list(head), "rows": [list(row) for row in rows], "text": text, "bars": bars}


def plot(traces: Sequence[Mapping[str, Any]], *, x: str = "", y: str = "", label: str = "", **layout: Any) -> Any:
    """A chart of plotly; label: what it shows, for those who do not see it."""
    titles = {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}}
    made = {axis: {**given, **layout.pop(axis, {})} for axis, given in titles.items()}
    return {"traces": list(traces), "layout": made | layout, "label": label}
