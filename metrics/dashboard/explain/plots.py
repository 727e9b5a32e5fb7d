"""The charts of an explanation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from metrics.dashboard.parts import numbers, plain, plot, words
from metrics.explanation import Attention, Curve, Explanation
from metrics.reading import (
    BRANCH_NAMES,
    PSI_MOVED,
    PSI_OTHER,
    ROW_UNITS,
    TOKENS,
    age_text,
    ages_of,
    branch_text,
    branches_of,
    drift_text,
    faithfulness,
    lag_sentence,
    percent,
    ranked,
    row_text,
    spoken,
    summed,
)
from utils.web.text import signed

TOP = 20
"""Features of the bars and of the map; the table has all."""
DRIFTED = 12
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"}
SCALE = [[0, "card"], [1, "c0"]]
"""Of maps: from nothing to much."""
TOLD = 0.005
"""Cells of maps that are worth a figure."""
PALE = 0.62
"""How far up its colours a map with figures goes: they have to be read, on dark ground too."""
FLAT = {"t": 8, "b": 8}
"""Margins of a map with its heads on top."""


def feature_bars(told: Explanation) -> Any:
    """The strongest features: action by integrated gradients and by SHAP, and the critic's value."""
    top = ranked(told.features)[:TOP]
    names = [spoken(use.name) for use in top]
    asked = any(math.isfinite(use.shap) for use in top)
    series = [("decision", "c0", [use.action for use in top])]
    series += [("decision by SHAP", "c3", [use.shap for use in top])] if asked else []
    series += [("critic's value", "c1", [use.value for use in top])]
    traces = [_bars(name, values, names, colour) for name, colour, values in series]
    first = ", ".join(f"{spoken(use.name)} {percent(use.action)}" for use in top[:5])
    return _side_by_side(traces, f"Share of the {len(top)} strongest features of {len(told.features)}; first: {first}")


def _side_by_side(traces: Sequence[dict[str, Any]], said: str, **axis: Any) -> Any:
    """Bars of shares in groups, the first on top; axis: options of the names'."""
    return plot(
        list(traces),
        label=said,
        barmode="group",
        bargap=0.28,
        xaxis={"tickformat": ".0%", "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "ticksuffix": " ", **axis},
        hovermode="y unified",
        showlegend=True,
        legend=LEGEND,
    )


def _bars(name: str, values: Sequence[float], names: Sequence[str], colour: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": numbers(values),
        "y": list(names),
        "marker": {"color": colour},
        "hovertemplate": "%{fullData.name} %{x:.2%}<extra></extra>",
    }


def scale_map(told: Explanation) -> Any:
    """The strongest features by how far back they are looked at."""
    order = {use.name: i for i, use in enumerate(told.features)}
    top = ranked(told.features)[:TOP]
    shown = [i for i, scale in enumerate(told.scales) if any(use.branch == scale.branch for use in top)]
    shares = [
        [told.by_scale[order[use.name]][i] if told.scales[i].branch == use.branch else math.nan for i in shown]
        for use in top
    ]
    heads = [_head(told.scales[i].branch) for i in shown]
    most = [
        f"{spoken(use.name)} most at {told.scales[shown[_peak(row)]].text}"
        for use, row in list(zip(top, shares, strict=True))[:5]
    ]
    return plot(
        [_map(shares, [heads, [age_text(told.scales[i]) for i in shown]], [spoken(use.name) for use in top])],
        label=f"Share of the {len(top)} strongest features by how far back they are looked at: {'; '.join(most)}",
        xaxis={"side": "top", "showgrid": False, "tickangle": 0, "showdividers": False},
        yaxis={"autorange": "reversed", "showgrid": False, "ticksuffix": " "},
        margin=FLAT,
    )


def _head(branch: str) -> str:
    """Over the columns of a branch; one column is narrow."""
    return ages_of(branch) if branch in ROW_UNITS else ages_of(branch).replace(" ", "<br>")


def _peak(row: Sequence[float]) -> int:
    return max(range(len(row)), key=lambda i: row[i] if math.isfinite(row[i]) else -1.0)


def _map(shares: Sequence[Sequence[float]], x: Any, y: Any) -> dict[str, Any]:
    """Shaded by the root, so that small shares show too; figures are the shares themselves."""
    most = max((value for row in shares for value in row if math.isfinite(value)), default=1.0)
    return {
        "type": "heatmap",
        "x": x,
        "y": list(y),
        "z": [numbers(math.sqrt(value) if value >= 0 else math.nan for value in row) for row in shares],
        "customdata": [numbers(row) for row in shares],
        "text": [[percent(value) if value >= TOLD else "" for value in row] for row in shares],
        "texttemplate": "%{text}",
        "textfont": {"size": 10, "color": "text"},
        "zmin": 0,
        "zmax": math.sqrt(most) / PALE if most > 0 else 1.0,
        "colorscale": SCALE,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": "%{y}, %{x}: %{customdata:.2%}<extra></extra>",
    }


def family_bars(told: Explanation) -> Any:
    """Families, coloured by what is decided and what is valued."""
    names = list(summed(told.features, "family", "action"))
    return _decided_and_valued(told, "family", names, spoken, names[:5], tickmode="linear")


def branch_bars(told: Explanation) -> Any:
    """Branches: how much each time scale of the market, and one's own position, moved decisions."""
    names = branches_of(told.features)
    return _decided_and_valued(told, "branch", names, branch_text, names)


def _decided_and_valued(
    told: Explanation,
    by: Literal["family", "branch"],
    names: Sequence[str],
    word: Callable[[str], str],
    first: Sequence[str],
    **axis: Any,
) -> Any:
    """Shares of groups of features; word: a group's name in words; first: those that the label names."""
    action, value = (summed(told.features, by, of) for of in ("action", "value"))
    heads = [word(name) for name in names]
    traces = [
        _bars("decision", [action[name] for name in names], heads, "c0"),
        _bars("critic's value", [value[name] for name in names], heads, "c1"),
    ]
    return _side_by_side(
        traces, f"Share by {by}: {', '.join(f'{word(name)} {percent(action[name])}' for name in first)}", **axis
    )


def lag_bars(told: Explanation, branch: str) -> Any:
    """Share by row of a branch, as time goes: the row of the decision on the right."""
    shares = told.lags.get(branch, [])
    if not shares or not sum(shares):
        return words(f"Nothing of the {BRANCH_NAMES.get(branch, branch)} moved these decisions.")
    backs = range(len(shares) - 1, -1, -1)
    trace = {
        "type": "bar",
        "x": [-back for back in backs],
        "y": numbers(shares),
        "customdata": [row_text(branch, back) for back in backs],
        "marker": {"color": "c0"},
        "hovertemplate": "%{customdata}: %{y:.2%}<extra></extra>",
    }
    return plot(
        [trace],
        label=lag_sentence(branch, shares),
        xaxis=_back_axis(branch, len(shares)),
        yaxis={"tickformat": ".2~%", "rangemode": "tozero", "nticks": 5},
        bargap=0.12,
    )


def _back_axis(branch: str, rows: int) -> dict[str, Any]:
    """Ticks in rows back, the newest on the right."""
    ticks = [0, *(back for back in (5, 10, 15, 20, 30, 40, 50, 60) if back < rows and rows / back < 13)]
    return {
        "tickvals": [-back for back in ticks],
        "ticktext": [str(back) if back else row_text(branch, 0).split()[0] for back in ticks],
        "title": {"text": f"{ROW_UNITS[branch]} back"},
        "showgrid": False,
        "zeroline": False,
    }


def attention_map(told: Explanation, branch: str) -> Any:
    """Heads by rows, or by tokens for `fusion`."""
    found = told.attention.get(branch)
    if found is None or not found.weights:
        return words("This network has no attention here.")
    heads = [f"head {i + 1}" for i in range(len(found.weights))]
    if branch == "fusion":
        x: list[Any] = [BRANCH_NAMES[token] for token in TOKENS]
        trace, axis, margin = _map(found.weights, x, heads), {"showgrid": False, "side": "top"}, FLAT
    else:
        rows = len(found.weights[0])
        trace = _map(found.weights, [-back for back in range(rows - 1, -1, -1)], heads)
        backs = [row_text(branch, back) for back in range(rows - 1, -1, -1)]
        trace |= {"text": [backs] * len(heads), "texttemplate": "", "xgap": 0, "zmax": None}
        trace["hovertemplate"] = "%{y}, %{text}: %{customdata:.2%}<extra></extra>"
        axis, margin = _back_axis(branch, rows), {}
    return plot(
        [trace],
        label=_attention_told(branch, found),
        xaxis=axis,
        yaxis={"autorange": "reversed", "showgrid": False, "ticksuffix": " "},
        margin=margin,
    )


def _attention_told(branch: str, found: Attention) -> str:
    told: list[str] = []
    for i, (weights, entropy) in enumerate(zip(found.weights, found.entropy, strict=True)):
        at = _peak(weights)
        where = BRANCH_NAMES[TOKENS[at]] if branch == "fusion" else row_text(branch, len(weights) - 1 - at)
        told.append(f"head {i + 1} mostly {where}, entropy {percent(entropy)}")
    return f"Attention over {branch_text(branch)}: {'; '.join(told)}"


def drift_bars(told: Explanation) -> Any:
    """Features whose inputs moved most against the training days."""
    known = [use for use in told.features if math.isfinite(use.drift)]
    if not known:
        return words("How far the inputs drifted is not known.", "it is, where the training days are at hand")
    top = sorted(known, key=lambda use: -use.drift)[:DRIFTED]
    colours = {"alike": "c9", "moved": "warn", "different": "down"}
    trace = _bars("PSI", [use.drift for use in top], [spoken(use.name) for use in top], "c0")
    trace["marker"] = {"color": [colours[drift_text(use.drift)] for use in top]}
    trace["customdata"] = [drift_text(use.drift) for use in top]
    trace["hovertemplate"] = "%{y}: %{x:.3f}, %{customdata}<extra></extra>"
    bounds = [
        {
            "type": "line",
            "x0": at,
            "x1": at,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"dash": "dot", "color": "soft"},
        }
        for at in (PSI_MOVED, PSI_OTHER)
    ]
    moved = sum(use.drift >= PSI_MOVED for use in known)
    return plot(
        [trace],
        label=f"Population stability index of the inputs: {moved} of {len(known)} moved; most: "
        + ", ".join(f"{spoken(use.name)} {use.drift:.2f}" for use in top[:3]),
        x="PSI",
        xaxis={"range": [0, max(1.05 * top[0].drift, 1.2 * PSI_OTHER)]},
        yaxis={"autorange": "reversed", "ticksuffix": " "},
        shapes=bounds,
    )


def curves_of_trust(curve: Curve | None) -> Any:
    """Deletion and insertion against random order."""
    if curve is None:
        return words("Taking inputs away was not asked of this check.")
    lines = [
        ("taken away, strongest first", curve.deletion, "down", "solid"),
        ("taken away at random", curve.random_deletion, "down", "dot"),
        ("given back, strongest first", curve.insertion, "up", "solid"),
        ("given back at random", curve.random_insertion, "up", "dot"),
    ]
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": numbers(curve.removed),
            "y": numbers(values),
            "line": {"color": colour, "dash": dash, "width": 2},
            "hovertemplate": "%{fullData.name}: %{y:.0%}<extra></extra>",
        }
        for name, values, colour, dash in lines
    ]
    return plot(
        traces,
        label=f"What is left of decisions as inputs are taken away or given back; better than chance by "
        f"{signed(faithfulness(curve), '.2f')} of the area",
        x="share of the inputs",
        y="of the decision",
        xaxis={"tickformat": ".0%", "range": [0, 1]},
        yaxis={"tickformat": ".0%"},
        hovermode="x unified",
        showlegend=True,
        legend=LEGEND,
    )


def plain_gates(told: Explanation) -> dict[str, float]:
    """By token in words, widest first; those without a figure are left out."""
    known = {BRANCH_NAMES.get(name, spoken(name)): plain(value) for name, value in told.gates.items()}
    return dict(sorted(((n, v) for n, v in known.items() if v is not None), key=lambda gate: -gate[1]))
