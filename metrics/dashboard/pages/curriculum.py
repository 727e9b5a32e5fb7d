"""What is trained on: stages, days and reset points, and how it goes on each."""

from __future__ import annotations

from typing import Any

import polars as pl
import yaml
from dash import html
from dash.development.base_component import Component

from metrics import registry as names
from metrics.dashboard.page import Page, Parts, View, add_page, card, part
from metrics.dashboard.parts import figure_card, metric_panels, numbers, plot, table, words
from metrics.dashboard.queries import episodes_by_day, episodes_by_stage, newest_episodes
from metrics.runs import CONFIG
from utils.web.text import DASH, money, number, share, signed

SCATTERED = 1_500
"""Episodes of the scatter: the newest."""
UNIFORM = -1
PANELS = (
    ("Running stage", (names.STAGE,)),
    ("Progress of the stage", (names.STAGE_PROGRESS,)),
    ("Mean log return of the stage", (names.STAGE_RETURN,)),
    ("Uniform draws", (names.UNIFORM_SHARE,)),
    ("Quality of the days", (names.QUALITY,)),
    ("Difficulty of the starts", (names.DIFFICULTY,)),
    ("Losing days", (names.LOSING_DAYS,)),
    ("Days left", (names.DAYS_LEFT,)),
    ("Reset points", (names.POINTS_USED, names.POINTS_LEFT)),
)


def layout() -> list[Component]:
    """Where it stands, the stages, the days, the episodes."""
    return [
        part("curriculum-cards", "cards", "Where the curriculum stands"),
        html.Div(
            [
                card(
                    "Stages",
                    part("curriculum-stages", "table", "Success by stage"),
                    note="Of the episodes that ended in each stage; draws from anywhere are counted on their own.",
                ),
                card(
                    "Quality and difficulty",
                    part("curriculum-scatter", "plot", "Episodes by quality and difficulty", data_height="300"),
                    note=f"The newest {SCATTERED:,} episodes: the day's quality (ex post) and how hard their start is.",
                ),
            ],
            className="columns left",
        ),
        card(
            "Days",
            part("curriculum-days", "table", "Training days"),
            note="Every training day with its reset points, how many of them were used, and what came of it.",
        ),
        part("curriculum-curves", "curves", "Curriculum curves", data_csv="episodes"),
    ]


def news(view: View) -> Parts:
    """All of it."""
    folder = view.summary.folder
    config: dict[str, Any] = yaml.load((folder / CONFIG).read_text(), Loader=yaml.CSafeLoader)
    days = episodes_by_day(folder)
    panels = metric_panels(view.store, PANELS)
    return {
        "curriculum-cards": _cards(view, days),
        "curriculum-stages": _stages(view, config["curriculum"]["stages"], episodes_by_stage(folder)),
        "curriculum-scatter": _scatter(newest_episodes(folder, SCATTERED)),
        "curriculum-days": _days(days),
        "curriculum-curves": {"panels": panels} if panels else words("No rollout is finished yet.", "wait a moment"),
    }


def _cards(view: View, days: pl.DataFrame) -> list[dict[str, str]]:
    values = view.summary.numbers.value if view.summary.numbers else {}
    stage = view.summary.stage

    def told(metric: names.Metric) -> float:
        return values.get(metric.name, float("nan"))

    played = int((days["episodes"] > 0).sum())
    used, points = int(days["used"].sum()), int(days["points"].sum())
    which = f"{stage['stage'] + 1} of {stage['stages']}" if stage else ""
    return [
        figure_card("Stage", stage.get("name", DASH).replace("_", " "), which),
        figure_card("Progress", share(told(names.STAGE_PROGRESS)), "of the stage's steps or its goal"),
        figure_card("Stage return", signed(told(names.STAGE_RETURN), ".4f"), "mean log return, newest episodes"),
        figure_card("Episodes", f"{int(days['episodes'].sum()):,}", "ended so far"),
        figure_card("Days played", f"{played} of {len(days)}", "of the training days"),
        figure_card("Reset points used", f"{used:,} of {points:,}", "distinct"),
        figure_card("Uniform draws", share(told(names.UNIFORM_SHARE), 1), "from anywhere, at least 20 %"),
    ]


def _stages(view: View, stages: list[dict[str, Any]], played: pl.DataFrame) -> dict[str, Any]:
    by_stage = {row["stage"]: row for row in played.iter_rows(named=True)}
    running = view.summary.stage.get("stage", 0)
    cells: list[list[Any]] = []
    for i, name in [*enumerate(stage["name"] for stage in stages), (UNIFORM, "uniform draws")]:
        row = by_stage.get(i)
        state = "" if i == UNIFORM else "running" if i == running else "done" if i < running else "to come"
        figures = [DASH] * 6
        if row:
            figures = [
                f"{row['episodes']:,}",
                share(row["wins"], 1),
                signed(row["log_return"], ".4f"),
                money(row["pnl"]),
                number(row["quality"] if row["quality"] is not None else float("nan")),
                number(row["difficulty"] if row["difficulty"] is not None else float("nan")),
            ]
        cells.append([name.replace("_", " "), state, *figures])
    head = ["stage", "state", "episodes", "won", "log return", "P&L an episode", "quality", "difficulty"]
    return table(head, cells, text=2)


def _scatter(episodes: pl.DataFrame) -> Any:
    known = episodes.filter(pl.col("quality").is_not_null() & pl.col("difficulty").is_not_null())
    if not len(known):
        return words("No episode that began at a reset point has ended yet.", "wait a moment")
    traces: list[dict[str, Any]] = []
    for name, rows, colour in (
        ("lost", known.filter(pl.col("pnl") <= 0), "down"),
        ("won", known.filter(pl.col("pnl") > 0), "up"),
    ):
        told = rows.select("symbol", "date", "pnl").iter_rows()
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": numbers(rows["quality"]),
                "y": numbers(rows["difficulty"]),
                "text": [f"{symbol} {date} {money(pnl)}" for symbol, date, pnl in told],
                "hovertemplate": "%{text}<br>quality %{x:.2f}, difficulty %{y:.2f}<extra></extra>",
                "marker": {"color": colour, "size": 6, "opacity": 0.55},
            }
        )
    label = f"{len(known)} episodes by the quality of their day and the difficulty of their start"
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return plot(traces, x="quality", y="difficulty", label=label, showlegend=True, hovermode="closest", legend=legend)


def _days(days: pl.DataFrame) -> dict[str, Any]:
    most = max((abs(pnl) for pnl in days["pnl"].drop_nulls()), default=0.0) or 1.0
    cells: list[list[Any]] = []
    for row in days.iter_rows(named=True):
        played = row["episodes"] > 0
        cells.append(
            [
                row["symbol"],
                row["date"],
                number(row["quality"] if row["quality"] is not None else float("nan")),
                f"{row['used']} of {row['points']}",
                f"{row['episodes']:,}",
                share(row["wins"]) if played else DASH,
                signed(row["log_return"], ".4f") if played else DASH,
                f"{row['last']:,}" if played else DASH,
                (money(row["pnl"]), row["pnl"] / most) if played else (DASH, 0.0),
            ]
        )
    head = ["symbol", "date", "quality", "points used", "episodes", "won", "log return", "last at step", "P&L"]
    return table([*head[:-1], "P&L an episode"], cells, text=2, bars="P&L an episode")


add_page(
    Page(
        name="curriculum",
        title="Curriculum",
        order=5,
        about="What it trains on: stages, days and reset points, and how it does on each.",
        layout=layout,
        news=news,
        tables=("numbers",),
    )
)
