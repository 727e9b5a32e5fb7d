"""What the agent is paid for: components over time, by class, and whether they go with profit."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from metrics import registry as names
from metrics.dashboard.page import Page, Parts, View, add_page, card, part
from metrics.dashboard.parts import COLOURS, POINTS, family, numbers, plot, table, words
from metrics.run_store import RunStore
from metrics.store_schema import LATEST
from utils.web.text import DASH, share, signed

STACKED = 120
"""Bars of the stacked chart."""
NOTHING = words("No reward component is recorded.", "metrics.collectors has to name reward")


def layout() -> list[Component]:
    """The stack on top, then what it is made of."""
    return [
        card(
            "Components over time",
            part("rewards-stack", "plot", "Reward components, stacked", data_height="380"),
            note="Mean a step, weighted: what pulls up above 0, what pulls down below; the line is their sum.",
        ),
        html.Div(
            [
                card(
                    "Components now",
                    part("rewards-table", "table", "Components of the newest rollout"),
                    note="Correlation: of its total per episode with the episode's log return, recent episodes. "
                    "A component that is paid much and does not go with profit is one to doubt.",
                ),
                card(
                    "Share of |reward| by class",
                    part("rewards-share", "plot", "Share by class", data_height="300"),
                ),
                card(
                    "Correlation with log return over time",
                    part("rewards-correlation", "plot", "Correlation over time", data_height="300"),
                ),
            ],
            className="columns three",
        ),
    ]


def news(view: View) -> Parts:
    """All of it."""
    components = family(view.store, names.REWARD_PART)
    if not components:
        return dict.fromkeys(("rewards-stack", "rewards-table", "rewards-share", "rewards-correlation"), NOTHING)
    order = _by_weight(view.store, components)
    return {
        "rewards-stack": _stack(view.store, components, order),
        "rewards-table": _table(view.store, order),
        "rewards-share": _lines(view.store, family(view.store, names.REWARD_SHARE), "share", fill=True),
        "rewards-correlation": _lines(
            view.store,
            {k: v for k, v in family(view.store, names.REWARD_CORRELATION).items() if k in order[:COLOURS]},
            "correlation",
            fill=False,
        ),
    }


def _latest(store: RunStore) -> dict[str, float]:
    found = store.snapshot(LATEST)
    return found.value if found else {}


def _by_weight(store: RunStore, components: dict[str, str]) -> list[str]:
    """Components, those that move the reward most before the others."""
    rows = store.series(list(components.values()), STACKED).fill_null(0.0)
    weight = {part: float(rows[name].abs().sum()) for part, name in components.items()}
    return sorted(components, key=lambda part: -weight[part])


def _stack(store: RunStore, components: dict[str, str], order: list[str]) -> Any:
    rows = store.series([components[name] for name in order], STACKED)
    x = rows["step"].to_list()
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": name.replace("_", " "),
            "x": x,
            "y": numbers(rows[components[name]]),
            "marker": {"color": f"c{i % COLOURS}"},
            "hovertemplate": "%{fullData.name} %{y:.5f}<extra></extra>",
        }
        for i, name in enumerate(order)
    ]
    total = rows.select(pl.sum_horizontal(*[pl.col(components[name]) for name in order]))
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "sum",
            "x": x,
            "y": numbers(total.to_series()),
            "line": {"color": "text", "width": 2},
            "hovertemplate": "sum %{y:.5f}<extra></extra>",
        }
    )
    return plot(
        traces,
        x="environment steps",
        y="reward a step",
        label=f"{len(order)} reward components over {len(x)} stretches of the run",
        barmode="relative",
        bargap=0.05,
        hovermode="x unified",
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


def _table(store: RunStore, order: list[str]) -> Any:
    now = _latest(store)
    cells: list[list[Any]] = []
    for name in order:
        paid, correlation = now.get(names.REWARD_PART.of(name)), now.get(names.REWARD_CORRELATION.of(name))
        episode = now.get(names.REWARD_EPISODE.of(name))
        cells.append(
            [
                name.replace("_", " "),
                DASH if paid is None else signed(paid, ".5f"),
                DASH if episode is None else signed(episode, ".4f"),
                (DASH, 0.0) if correlation is None else (f"{correlation:+.2f}", correlation),
            ]
        )
    return table(["component", "a step", "an episode", "correlation"], cells, bars="correlation")


def _lines(store: RunStore, wanted: dict[str, str], what: str, *, fill: bool) -> Any:
    if not wanted:
        return words("None is recorded yet.", "wait until episodes have ended")
    rows = store.series(list(wanted.values()), POINTS // 2)
    traces: list[dict[str, Any]] = []
    for i, (name, column) in enumerate(wanted.items()):
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines",
            "name": name.replace("_", " "),
            "x": rows["step"].to_list(),
            "y": numbers(rows[column]),
            "line": {"color": f"c{i % COLOURS}", "width": 1.6},
            "hovertemplate": "%{fullData.name} %{y:" + (".1%" if fill else ".2f") + "}<extra></extra>",
            **({"stackgroup": "all"} if fill else {"connectgaps": True}),
        }
        traces.append(trace)
    axis = {"tickformat": ".0%", "range": [0, 1]} if fill else {"range": [-1.05, 1.05]}
    last = _latest(store)
    told = (
        ", ".join(f"{name} {share(last.get(column, float('nan')))}" for name, column in wanted.items()) if fill else ""
    )
    return plot(
        traces,
        x="environment steps",
        y=what,
        label=f"{what} over time{': ' + told if told else ''}",
        yaxis=axis,
        hovermode="x unified",
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


add_page(
    Page(
        name="rewards",
        title="Rewards",
        order=3,
        about="What the agent is paid for, and whether that goes with making money.",
        layout=layout,
        news=news,
        tables=("numbers",),
    )
)
