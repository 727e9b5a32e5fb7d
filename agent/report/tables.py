"""The tables of the page."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from agent.backtest import Comparison, day_table
from agent.backtest_days import Found
from agent.ledger import Run
from agent.report.terminal import steps_of
from agent.statistics.evaluation import Evaluation
from agent.tables import COST_PARTS
from utils.web.page import table_html
from utils.web.text import DASH, money, number, share, signed

QUALITY_STEP = 0.1
DRAWDOWNS = 5
"""That many are listed."""


def costs_of(run: Run) -> float:
    """All four, dollars over all lanes."""
    return float(run.costs.sum())


def day_rows(result: Comparison) -> str:
    """One row a symbol-day, to be sorted by its head; the first cell opens the day's chart."""
    table = day_table(result).with_columns(pl.sum_horizontal(*COST_PARTS).alias("costs"))
    money_columns = ("agent", *result.baselines, "oracle")
    names = ["date", "symbol", "from ET", "chosen", "quality", *(n.replace("_", " ") for n in money_columns)]
    names += ["capture", "trades", "won", "gross", "costs", "max dd", "exposure"]
    head = "".join(
        f'<th scope="col"{"" if i < 4 else " class=num"} aria-sort="none">'
        f'<button type="button">{html.escape(name)}</button></th>'
        for i, name in enumerate(names)
    )
    body = "".join(_day_row(lane, row, money_columns) for lane, row in enumerate(table.iter_rows(named=True)))
    return (
        f'<div class="scroll tall"><table class="small sortable" id="days-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _day_row(lane: int, row: dict[str, Any], money_columns: Sequence[str]) -> str:
    found = "ORACLE" if row["found"] == Found.ORACLE else row["found"].replace("_", " ")
    won = row["wins"] / row["trades"] if row["trades"] else math.nan
    words = [str(row["date"]), row["symbol"], row["from_et"], found]
    figures: list[tuple[float, str]] = [(row["quality"], number(row["quality"]))]
    figures += [(row[name], money(row[name])) for name in money_columns]
    figures += [(row["capture"], share(row["capture"], 1)), (row["trades"], f"{row['trades']:,}"), (won, share(won))]
    figures += [(row["gross"], money(row["gross"])), (row["costs"], money(-row["costs"]))]
    figures += [(row["max_drawdown"], share(row["max_drawdown"], 1)), (row["exposure"], share(row["exposure"]))]
    text = "".join(
        f"<td>{html.escape(word)}</td>"
        if i
        else f'<td><button type="button" class="link">{html.escape(word)}</button></td>'
        for i, word in enumerate(words)
    )
    cells = "".join(f'<td class="num{_sign(shown)}" data-v="{_plain(value)}">{shown}</td>' for value, shown in figures)
    return f'<tr data-lane="{lane}">{text}{cells}</tr>'


def _sign(shown: str) -> str:
    return {"+": " pos", "-": " neg"}.get(shown[:1], "") if "$" in shown else ""


def _plain(value: float) -> str:
    return "" if not math.isfinite(value) else repr(round(float(value), 6))


def cost_table(result: Comparison) -> str:
    """From gross to net for every policy; what was drawn several times is the mean of its draws."""
    rows: list[list[str]] = []
    for name, run in {"agent": result.policy, **result.baselines}.items():
        draws = len(run.pnl) / max(len(result.days), 1)
        steps = [money(value / draws) for value in steps_of(run).values()]
        rows.append([name.replace("_", " "), *steps, f"{run.trips.sum() / draws:,.0f}"])
    rows.append(["oracle", *[DASH] * (len(COST_PARTS) + 1), money(float(result.oracle_pnl.sum())), DASH])
    head = ["all days", *(name.replace("_", " ") for name in steps_of(result.policy)), "round trips"]
    return table_html(head, rows)


def grouped(trades: pl.DataFrame, by: str, head: str, *, order: str = "name", excursions: bool = False) -> str:
    """Round trips by what they are filed under: number, share won, gross, costs, net, and a bar of the net.

    order: a column of the groups; excursions: with the means of MAE, MFE and the time held.
    """
    costs = pl.sum_horizontal(*COST_PARTS).alias("costs")
    groups = (
        trades.with_columns(costs)
        .group_by(pl.col(by).alias("name"))
        .agg(
            pl.len().alias("n"),
            (pl.col("pnl") > 0).mean().alias("won"),
            pl.col("gross", "costs", "pnl").sum(),
            pl.col("mae", "mfe", "held_s").mean(),
        )
        .sort(order, descending=order != "name")
    )
    most = max((abs(v) for v in groups["pnl"].to_list()), default=0.0) or 1.0
    names = [head, "trips", "won", "gross", "costs", "net", "per trip"]
    names += ["MAE", "MFE", "held s"] if excursions else []
    cells = "".join(f'<th scope="col"{"" if i == 0 else " class=num"}>{n}</th>' for i, n in enumerate(names))
    body = "".join(_group_row(row, most, excursions) for row in groups.iter_rows(named=True))
    return (
        f'<div class="scroll"><table class="small groups"><thead><tr>{cells}<th scope="col" class="bars">'
        f'<span class="hidden">bar of the net</span></th></tr></thead><tbody>{body}</tbody></table></div>'
    )


def _group_row(row: dict[str, Any], most: float, excursions: bool) -> str:
    width = 50 * abs(row["pnl"]) / most
    side = f"left:50%;width:{width:.1f}%" if row["pnl"] >= 0 else f"right:50%;width:{width:.1f}%"
    look = "up" if row["pnl"] >= 0 else "down"
    sums = [money(value, 0) for value in (row["gross"], -row["costs"], row["pnl"])]
    shown = [f"{row['n']:,}", share(row["won"]), *sums, money(row["pnl"] / row["n"])]
    if excursions:
        shown += [*(f"{signed(100 * row[name], '.2f')} %" for name in ("mae", "mfe")), f"{row['held_s']:,.0f}"]
    cells = "".join(f'<td class="num{_sign(text)}">{text}</td>' for text in shown)
    return (
        f'<tr><th scope="row">{html.escape(str(row["name"]).replace("_", " "))}</th>{cells}'
        f'<td class="bars"><i class="{look}" style="{side}"></i></td></tr>'
    )


def filed(trades: pl.DataFrame) -> pl.DataFrame:
    """Trades with `hour_et` and `quality_range` in words."""
    hour = pl.format("{}:00", pl.col("hour").cast(pl.String).str.zfill(2)).alias("hour_et")
    low = (pl.col("quality") / QUALITY_STEP).floor() * QUALITY_STEP
    known = pl.format("{} to {}", low.round(1), (low + QUALITY_STEP).round(1))
    unknown = pl.col("quality").is_null() | pl.col("quality").is_nan()
    return trades.with_columns(hour, pl.when(unknown).then(pl.lit("unknown")).otherwise(known).alias("quality_range"))


def statistics(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Title and table of each group of figures."""
    e = evaluation
    ratios = [
        ["annual return", share(e.ratios.annual_return, 1)],
        ["annual volatility", share(e.ratios.annual_volatility, 1)],
        ["Sharpe", e.sharpe.text("+.2f")],
        ["Sortino", number(e.ratios.sortino)],
        ["Calmar", number(e.ratios.calmar)],
        ["PSR", share(e.probabilistic_sharpe, 1)],
        [f"DSR, tries: {e.tried.policies:,}", share(e.deflated_sharpe, 1)],
        ["minimum track record, sessions", number(e.min_track_record, 0)],
        ["PBO", share(e.overfitting.probability) if e.overfitting else DASH],
        ["a baseline is better, SPA p", number(e.beaten.p, 3)],
    ]
    d = e.days
    sessions = [
        ["sessions", f"{d.sessions:,}"],
        ["without a trade", f"{d.idle:,}"],
        ["mean", money(d.mean)],
        ["median", money(d.median)],
        ["standard deviation", money(d.deviation, plus=False)],
        ["best", money(d.best)],
        ["worst", money(d.worst)],
        ["won, of those with a trade", share(d.hit_rate)],
        ["capital", money(e.sessions.capital, 0, plus=False)],
    ]
    t, a = e.trades, e.activity
    trips = [
        ["round trips", f"{t.round_trips:,}"],
        ["won", share(t.win_rate, 1)],
        ["profit factor", number(t.profit_factor)],
        ["expectancy", money(t.expectancy)],
        ["average win", money(t.average_win)],
        ["average loss", money(t.average_loss)],
        ["best, worst", f"{money(t.best)}, {money(t.worst)}"],
        ["MAE, MFE (means)", f"{money(t.mae)}, {money(t.mfe)}"],
        ["captured of MFE", share(t.captured)],
        ["held, median, seconds", number(t.held_s, 0)],
    ]
    activity = [
        ["time with a position", share(a.exposure, 1)],
        ["fills", f"{a.orders:,}"],
        ["turnover per session, of the capital", number(a.turnover)],
        ["costs, bp of what was traded", number(a.cost_bp, 1)],
    ]
    head = ["", ""]
    return [
        ("Ratios of daily returns", table_html(head, ratios, name="small plain")),
        ("Sessions", table_html(head, sessions, name="small plain")),
        ("Round trips", table_html(head, trips, name="small plain")),
        ("Activity", table_html(head, activity, name="small plain") + drawdown_table(e)),
    ]


def drawdown_table(evaluation: Evaluation) -> str:
    """The deepest ones."""
    if not evaluation.drawdowns:
        return '<p class="empty">No drawdown: no session closed below an earlier one.</p>'
    rows = [
        [str(d.first), str(d.trough), str(d.back) if d.back else "not yet", money(-d.dollars), f"{d.sessions:,}"]
        for d in evaluation.drawdowns[:DRAWDOWNS]
    ]
    return "<h3>Drawdowns</h3>" + table_html(["from", "trough", "made good", "depth", "sessions"], rows, text=3)


def lead_table(evaluation: Evaluation) -> str:
    """Net P&L per session of the agent, and its lead over each baseline."""
    rows = [["agent", money(evaluation.mean.value), *_bounds(evaluation.mean), DASH]]
    rows += [
        [
            f"ahead of {lead.over.replace('_', ' ')}",
            money(lead.dollars.value),
            *_bounds(lead.dollars),
            f"{lead.luck.p:.3f}",
        ]
        for lead in evaluation.leads
    ]
    return table_html(["net per session", "mean", "95 % from", "to", "SPA p"], rows)


def _bounds(interval: Any) -> list[str]:
    return [money(interval.low), money(interval.high)]
