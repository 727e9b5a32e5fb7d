"""What the network looks at, as far as a run's store tells: gates and norms; and what has to be computed elsewhere."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from metrics import registry as names
from metrics.dashboard.page import Page, Parts, View, add_page, card, part
from metrics.dashboard.parts import COLOURS, POINTS, curve, explained, family, panel, table, words
from metrics.registry import Metric
from metrics.store_schema import LATEST

SHUT = 0.05
"""A gate that is open by less lets nothing through."""
NO_GATES = words(
    "This network has no gates.", "train with one that fuses its tokens by gates (docs/metrics.md: model/gate)"
)
NOT_RECORDED = words(
    "Attribution by feature and time scale, attention over branches and lags, and dead features are not recorded "
    "while a run trains: they take passes of their own over chosen days. Once the store of a run holds them, this page "
    "shows bars by feature, a map of attention (branch by lag) and the features that never matter."
)


def layout() -> list[Component]:
    """Gates now and over time, norms of the parts."""
    return [
        html.Div(
            [
                card(
                    "Gates now",
                    part("explain-gates", "table", "How far each gate is open"),
                    note="How far each token's gate is open, mean over a sample of the newest rollout: what the "
                    f"policy listens to. Less than {SHUT:.0%} is as good as shut.",
                ),
                card("Attribution and attention", part("explain-attribution", "words", "Attribution")),
            ],
            className="columns",
        ),
        part("explain-curves", "curves", "Gates and norms over time", data_csv="numbers"),
    ]


def news(view: View) -> Parts:
    """What the store has."""
    found = view.store.snapshot(LATEST)
    now = found.value if found else {}
    gates = {name: now[column] for name, column in family(view.store, names.GATE).items() if column in now}
    panels = [
        made
        for title, metric in (
            ("Gates", names.GATE),
            ("Norm of the weights", names.WEIGHT_NORM),
            ("Norm of the gradients", names.GRADIENT_PART),
        )
        for made in _panels(view, title, metric)
    ]
    nothing = words("No norm is recorded of this run.", "metrics.collectors has to name model")
    return {
        "explain-gates": _gates(gates) if gates else NO_GATES,
        "explain-attribution": NOT_RECORDED,
        "explain-curves": {"panels": panels} if panels else nothing,
    }


def _gates(gates: dict[str, float]) -> Any:
    cells = [
        [name.replace("_", " "), "shut" if value < SHUT else "", (f"{value:.1%}", value)]
        for name, value in sorted(gates.items(), key=lambda gate: -gate[1])
    ]
    return table(["token", "", "open"], cells, text=2, bars="open")


def _panels(view: View, title: str, metric: Metric) -> list[dict[str, Any]]:
    """The family in panels of at most COLOURS lines."""
    members = family(view.store, metric)
    if not members:
        return []
    rows = view.store.series(list(members.values()), POINTS)
    lines = [
        curve(name.replace("_", " "), rows, column, f"c{i % COLOURS}")
        for i, (name, column) in enumerate(members.items())
    ]
    parts = [lines[i : i + COLOURS] for i in range(0, len(lines), COLOURS)]
    heads = [title] if len(parts) == 1 else [f"{title} ({i + 1})" for i in range(len(parts))]
    return [panel(head, metric.unit, part, explained(metric.name)) for head, part in zip(heads, parts, strict=True)]


add_page(
    Page(
        name="explain",
        title="Explain",
        order=6,
        about="What the policy listens to, as far as the run records it.",
        layout=layout,
        news=news,
        tables=("numbers",),
    )
)
