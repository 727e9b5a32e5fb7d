"""A page of the dashboard: at which time of day positions are opened, and what comes of it."""

from __future__ import annotations

import polars as pl
from dash.development.base_component import Component

from metrics.dashboard.page import Page, Parts, View, add_page, card, part
from metrics.dashboard.parts import table, words
from utils.web.text import money


def layout() -> list[Component]:
    """Where the parts are; `news` says what they show."""
    return [card("Round trips by the hour of their entry", part("entries-hours", "table", "Round trips by hour"))]


def news(view: View) -> Parts:
    """Asked for whenever one of the page's tables grows in the store of the run."""
    trades = view.store.trades()
    if trades.is_empty():
        return {"entries-hours": words("No round trip yet.")}
    hours = trades.group_by("hour").agg(pl.len().alias("count"), pl.sum("pnl")).sort("hour")
    rows = [[f"{hour:02d}:00", str(count), money(pnl)] for hour, count, pnl in hours.iter_rows()]
    return {"entries-hours": table(["entered from", "round trips", "net P&L"], rows)}


add_page(
    Page(
        name="entries",
        title="Entries",
        order=20,
        about="When positions are opened, and what comes of it.",
        layout=layout,
        news=news,
        tables=("trades",),
    )
)
