"""What one lane does now: its day, its position, what it thinks; and how far the run is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from metrics import registry as names
from metrics.dashboard.day import day_facts, decisions, fills_of, trips_of
from metrics.dashboard.page import Page, Parts, View, add_page, part
from metrics.dashboard.parts import figure_card, tone, words
from metrics.dashboard.queries import Place, rows_at, select
from metrics.figures import clock_time, market_time
from metrics.run_store import RunStore
from metrics.runs import RunSummary, State
from simulators.layout import Ending
from utils.web.text import money, number, share

SHORT, LONG = 2_000, 57_600
"""Rows of the `live` table that an episode is looked for in: the newest, and as many as a day can have."""
SAME = ("lane", "symbol", "date", "start")
"""What rows of one episode share."""


def layout() -> list[Component]:
    """Key figures, the chart, the choice of the lane."""
    return [
        part("live-cards", "cards", "Key figures"),
        html.Section(
            [
                part("live-lane", "lanes", "Lane"),
                part("live-day", "day", "The followed lane's day", data_live="yes"),
            ],
            className="card",
        ),
    ]


def news(view: View) -> Parts:
    """Cards with every rollout; decisions since the last look, or the whole episode where another has begun."""
    return {
        "live-cards": cards(view.summary),
        "live-lane": _lanes(view),
        **({"live-day": _day(view)} if view.new("live") or view.first else {}),
    }


def cards(summary: RunSummary) -> list[dict[str, str]]:
    """The figures that people look at first."""
    values = summary.numbers.value if summary.numbers else {}
    live = summary.live.value if summary.live else {}

    def told(metric: names.Metric) -> float:
        return values.get(metric.name, float("nan"))

    left = told(names.ETA_S) if summary.state == State.RUNNING else 0.0
    stage = summary.stage
    which = f"{stage['stage'] + 1} of {stage['stages']}, {share(told(names.STAGE_PROGRESS))}" if stage else ""
    trades = f"{number(told(names.CLOSED), 0)} trades in the rollout"
    return [
        figure_card("Step", f"{summary.step:,}", f"{clock_time(values.get(names.ELAPSED_S.name, 0.0))} so far"),
        figure_card("Steps/s", number(told(names.STEPS_PER_S), 0), hint=names.STEPS_PER_S.formula),
        figure_card("Time left", clock_time(left) if left == left else "-", str(summary.state)),  # noqa: PLR0124 - nan
        figure_card("Stage", stage.get("name", "-").replace("_", " "), which),
        figure_card("Day", live.get("symbol", "-"), _when(live)),
        figure_card("Reward", number(told(names.REWARD), 4), "a step", tone=tone(told(names.REWARD))),
        figure_card("Episode P&L", money(told(names.EPISODE_PNL)), "mean, recent", tone=tone(told(names.EPISODE_PNL))),
        figure_card("Drawdown", share(told(names.DRAWDOWN), 2), "mean of lanes", hint=names.DRAWDOWN.formula),
        figure_card("Win rate", share(told(names.TRADE_WINS)), trades, hint=names.TRADE_WINS.formula),
        figure_card("Validation", money(told(names.VALIDATION_PNL)), "a day", tone=tone(told(names.VALIDATION_PNL))),
    ]


def _when(live: dict[str, Any]) -> str:
    return f"{live['date']} {market_time(live['second'])[:5]}" if live else ""


def _lanes(view: View) -> dict[str, Any]:
    live = view.summary.live.value if view.summary.live else {}
    going = view.summary.state == State.RUNNING
    return {"count": view.config["training"]["lanes"], "lane": live.get("lane", 0), "going": going}


def _day(view: View) -> dict[str, Any]:
    """Of the whole episode (`day`), or of the decisions since the last look (`append`)."""
    since = view.since.get("live", 0)
    rows, whole = episode_rows(view.store, since)
    if not len(rows):
        return words("No decision is recorded yet.", "wait for the first rollout, or choose another run")
    last, folder, config = rows.row(-1, named=True), view.summary.folder, view.config
    place = Place(last["lane"], last["symbol"], last["date"])
    within = (last["start"], last["second"]), (begun_at(folder, last["seq"]), last["step"])
    trips = rows_at(folder, "trades", place, *within)
    if place.lane < config["metrics"]["lanes"]:
        fills = rows_at(folder, "fills", place, *within)
    else:  # their own rows are kept of the first lanes only
        fills = rows_at(folder, "live", place, *within).filter(pl.col("filled") != 0).rename({"filled": "shares"})
    new = rows if whole else rows.filter(pl.col("seq") > since)
    return {
        **({"day": day_facts(view.store, place, last["start"])} if whole else {"append": True}),
        "rows": decisions(new, config["simulation"]["account"]["capital"], config["env"]["decision_interval_s"]),
        "thoughts": last["buy"] is not None,
        "fills": fills_of(fills),
        "trips": trips_of(trips, fills),
        "told": _told(last, len(trips), config["simulation"]["account"]["capital"]),
    }


def episode_rows(store: RunStore, since: int) -> tuple[pl.DataFrame, bool]:
    """Rows of the `live` table of the episode that runs, and whether they are all of it or those from `since` on."""
    last = store.last_seq("live")
    if 0 < since <= last:
        rows = store.tail("live", since - 1)
        if len(rows) and rows["seq"][0] == since and len(of_last_episode(rows)) == len(rows):
            return rows, False
    for count in (SHORT, LONG):
        rows = store.tail("live", max(last - count, 0))
        episode = of_last_episode(rows)
        if len(episode) < len(rows):
            break
    return episode, True  # pyright: ignore[reportPossiblyUnboundVariable] - there is a count


def of_last_episode(rows: pl.DataFrame) -> pl.DataFrame:
    """Those behind the last row that begins one: other lane, day or start than before, or after an end."""
    if len(rows) < 2:
        return rows
    before = rows.select(*SAME).shift(1)
    begins = pl.Series([False] * len(rows))
    for name in SAME:
        begins = begins | (rows[name] != before[name])
    begins = (begins | (rows["ending"].shift(1) != Ending.RUNNING)).fill_null(value=True)
    return rows[int(begins.arg_true()[-1]) :]


def begun_at(folder: Path, seq: int) -> int:
    """Environment steps at which the episode of row `seq` of `live` began, to a rollout."""
    sql = "SELECT step FROM live WHERE seq < ? AND ending != 0 ORDER BY seq DESC LIMIT 1"
    found = select(folder, sql, (seq,))
    return int(found["step"][0]) if len(found) else 0


def _told(last: dict[str, Any], trips: int, capital: float) -> str:
    """The newest decision in words."""
    thinks = [f"{name} {last[name]:.0%}" for name in ("hold", "buy", "sell") if last[name] is not None]
    holds = f"{last['position']:+,.0f} shares" if last["position"] else "flat"
    parts = [
        f"Lane {last['lane']}, {last['symbol']} {last['date']} {market_time(last['second'])} ET",
        holds,
        f"{money(last['equity'] - capital)} in {trips} round trip{'' if trips == 1 else 's'} of this episode",
        *([" ".join(thinks)] if thinks else []),
    ]
    if last["ending"] != Ending.RUNNING:
        parts.append(f"episode over: {Ending(last['ending']).name.lower().replace('_', ' ')}")
    return ", ".join(parts) + "."


add_page(
    Page(
        name="live",
        title="Live",
        order=1,
        about="What one training lane sees, thinks and trades right now, and how far the run is.",
        layout=layout,
        news=news,
        tables=("live", "numbers"),
    )
)
