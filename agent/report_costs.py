"""Where the money went: from the gross gain over four costs to the net one, and round trip by round trip."""

from __future__ import annotations

import html
from collections.abc import Iterable

import plotly.graph_objects as go
import polars as pl

from agent.backtest import Comparison
from agent.ledger import COST_PARTS, Run

UP, DOWN, TOTAL = "#2f9e44", "#e03131", "#0b6efd"
SHOWN_TRIPS = 10
"""Best and worst round trips that are shown, each."""


def signed(value: float, form: str = ",.2f") -> str:
    """With its sign, unless it rounds to nothing."""
    text = f"{value:+{form}}"
    return text if any(digit in text for digit in "123456789") else text[1:]


def steps_of(run: Run) -> dict[str, float]:
    """Gross, what each cost adds to it (negative: it costs), net; dollars over all lanes."""
    return {name: -value if name in COST_PARTS else value for name, value in run.totals.items()}


def cost_line(run: Run) -> str:
    """`steps_of` in a line."""
    return "   ".join(f"{name.replace('_', ' ')} {signed(value)}" for name, value in steps_of(run).items()) + " $"


def waterfall(run: Run) -> go.Figure:
    """`steps_of` as a picture."""
    steps = steps_of(run)
    figure = go.Figure()
    figure.add_waterfall(
        x=[name.replace("_", " ") for name in steps],
        y=list(steps.values()),
        measure=["absolute", *["relative"] * len(COST_PARTS), "total"],
        text=[signed(value) for value in steps.values()],
        textposition="outside",
        cliponaxis=False,
        increasing_marker_color=UP,
        decreasing_marker_color=DOWN,
        totals_marker_color=TOTAL,
        connector_line={"color": "#8888", "width": 1},
    )
    return figure.update_layout(yaxis_title="all days, $", height=380, margin={"t": 30}, showlegend=False)


def cost_table(result: Comparison) -> str:
    """The same for every policy, as HTML; what was drawn several times is the mean of its draws."""
    rows: list[list[str]] = []
    for name, run in {"agent": result.policy, **result.baselines}.items():
        draws = len(run.pnl) / max(len(result.days), 1)
        money = [signed(value / draws) for value in steps_of(run).values()]
        rows.append([name.replace("_", " "), *money, f"{run.trips.sum() / draws:,.0f}"])
    head = ["all days, $", *(name.replace("_", " ") for name in steps_of(result.policy)), "round trips"]
    return table_html(head, rows)


def exit_table(trades: pl.DataFrame) -> str:
    """Who closed the positions, and with what result, as HTML."""
    costs = (-pl.sum_horizontal(*COST_PARTS)).alias("costs")
    by = (
        trades.with_columns(costs)
        .group_by("closed_by")
        .agg(
            pl.len().alias("n"),
            (pl.col("pnl") > 0).mean().alias("won"),
            pl.col("gross", "costs", "pnl").sum(),
            pl.col("mae", "mfe", "held_s").mean(),
        )
        .sort("n", descending=True)
    )
    head = ["closed by", "round trips", "won", "gross, $", "costs, $", "net, $", "mean MAE", "mean MFE", "mean s"]
    rows = [
        [
            row["closed_by"],
            f"{row['n']:,}",
            f"{row['won']:.0%}",
            *(signed(row[name]) for name in ("gross", "costs", "pnl")),
            *(signed(row[name], ".2%") for name in ("mae", "mfe")),
            f"{row['held_s']:,.0f}",
        ]
        for row in by.iter_rows(named=True)
    ]
    return table_html(head, rows)


def trips_table(trades: pl.DataFrame) -> str:
    """The best and the worst round trips, as HTML."""
    ordered = trades.sort("pnl", descending=True)
    if len(ordered) > 2 * SHOWN_TRIPS:
        ordered = pl.concat([ordered.head(SHOWN_TRIPS), ordered.tail(SHOWN_TRIPS)])
    head = ["symbol", "entry", "held s", "side", "shares", "in", "out", "gross, $"]
    head += [*(name.replace("_", " ") for name in COST_PARTS), "net, $", "MAE, $", "MAE", "MFE, $", "MFE", "closed by"]
    rows = [
        [
            row["symbol"],
            f"{row['entry']:%Y-%m-%d %H:%M:%S}",
            f"{row['held_s']:,}",
            row["side"],
            f"{row['shares']:,.0f}",
            f"{row['entry_price']:,.4f}",
            f"{row['exit_price']:,.4f}",
            signed(row["gross"]),
            *(signed(-row[name]) for name in COST_PARTS),
            signed(row["pnl"]),
            signed(row["mae_dollars"]),
            signed(row["mae"], ".1%"),
            signed(row["mfe_dollars"]),
            signed(row["mfe"], ".1%"),
            row["closed_by"],
        ]
        for row in ordered.iter_rows(named=True)
    ]
    return table_html(head, rows)


def table_html(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table whose first column is text; amounts with a sign are coloured."""

    def cell(text: str) -> str:
        sign = {"+": " class=pos", "-": " class=neg"}.get(text[:1], "")
        return f"<td{sign}>{html.escape(text)}</td>"

    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"<table class=money><tr>{top}</tr>{body}</table>"
