"""The backtest as people read it: a table for the terminal, a page with pictures, parquet and CSV for further work."""

from __future__ import annotations

import datetime as dt
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots
from rich.table import Table

from agent.backtest import Comparison, day_table
from agent.ledger import COST_PARTS
from agent.report_costs import DOWN, UP, cost_table, exit_table, trips_table, waterfall
from agent.statistics.evaluation import Evaluation
from agent.statistics.intervals import Interval
from data.layout import Bar
from data.market_day import MarketDay
from utils.atomic import write_bytes, write_text

CHARTED_DAYS = 6
SHARES = ("max_drawdown", "exposure", "capture")
"""Columns that are shares."""
COLOURS = {"agent": "#0b6efd", "buy_and_hold": "#f08c00", "rule": "#7048e8", "random": "#868e96", "cash": "#adb5bd"}
COSTS_NOTE = (
    "Gross: every order at the mid of the moment it was decided, free of charge. Latency: how the mid moved until the "
    "order arrived. Half spread: from that mid to the touch. Impact: from the touch to the fill. Fees: commission, "
    "regulatory fees and borrowing."
)
TRIPS_NOTE = (
    "From flat to flat; the best and the worst, all of them in trades.csv. MAE and MFE: the worst and the best that "
    "the position stood or was sold at, in dollars at its full size and against its average cost."
)
PLOT_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["sendChartToCloud", "sendDataToCloud"]}
STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.3rem .6rem;text-align:right}
th{border-bottom:2px solid #8886}td{border-bottom:1px solid #8883}td:nth-child(-n+3),th:nth-child(-n+3){text-align:left}
.tag{background:#f08c00;color:#fff;padding:.1rem .5rem;border-radius:.3rem;font-weight:600}
table.money,table.days{font-size:12px}table.money td,td:first-child{white-space:nowrap}
table.money td:nth-child(n+2),table.money th:nth-child(n+2){text-align:right}
.neg{color:#e03131}.pos{color:#2f9e44}
p.note{color:#888}
"""


def verdict(evaluation: Evaluation) -> dict[str, Interval]:
    """Net P&L per session of the agent, and of its lead over each baseline, with 95 % intervals; dollars."""
    return {"agent": evaluation.mean, **{f"agent - {lead.over}": lead.dollars for lead in evaluation.leads}}


def terminal_table(result: Comparison, title: str) -> Table:
    """Per day and in total, net dollars."""
    table = Table(title=title, show_footer=True)
    rows = day_table(result).with_columns(pl.sum_horizontal(*COST_PARTS).alias("costs"))
    money = ("agent", *result.baselines, "oracle")
    table.add_column("date", footer="mean")
    table.add_column("symbol")
    table.add_column("from ET")
    for name in money:
        table.add_column(name.replace("_", " "), justify="right", footer=f"{rows[name].mean():+,.2f}")
    table.add_column("capture", justify="right", footer=_share(float(rows["agent"].sum()), float(rows["oracle"].sum())))
    table.add_column("trades", justify="right", footer=f"{rows['trades'].mean():.1f}")
    table.add_column("win", justify="right", footer=_share(float(rows["wins"].sum()), float(rows["trades"].sum())))
    table.add_column("costs", justify="right", footer=f"{rows['costs'].mean():,.2f}")
    table.add_column("max dd", justify="right", footer=f"{rows['max_drawdown'].mean():.1%}")
    for row in rows.iter_rows(named=True):
        table.add_row(
            str(row["date"]),
            row["symbol"],
            row["from_et"],
            *(f"{row[name]:+,.2f}" for name in money),
            _share(row["agent"], row["oracle"]),
            str(row["trades"]),
            _share(row["wins"], row["trades"]),
            f"{row['costs']:,.2f}",
            f"{row['max_drawdown']:.1%}",
        )
    return table


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def write_report(
    result: Comparison,
    evaluation: Evaluation,
    days: list[MarketDay],
    folder: Path,
    *,
    title: str,
    facts: dict[str, str],
) -> Path:
    """`report.html` (needs no other host), `days.csv`, `evaluation.json`, `baselines.json`, trades and fills as tables.

    Returns the page's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = day_table(result)
    write_bytes(folder / "days.csv", table.write_csv().encode())
    for name, frame in (("trades", result.policy.trades), ("fills", result.policy.fills)):
        write_bytes(folder / f"{name}.csv", frame.write_csv().encode())
        frame.write_parquet(folder / f"{name}.parquet")
    write_text(folder / "baselines.json", json.dumps(result.parameters, indent=1))
    write_text(folder / "evaluation.json", json.dumps(evaluation.plain(), indent=1, allow_nan=False))
    page = folder / "report.html"
    write_text(page, _page(result, evaluation, days, table, title, facts))
    return page


def _page(
    result: Comparison,
    evaluation: Evaluation,
    days: list[MarketDay],
    table: pl.DataFrame,
    title: str,
    facts: dict[str, str],
) -> str:
    synthetic = any(day.synthetic for day in days)
    tag = ' <span class="tag">synthetic market</span>' if synthetic else ""
    order = np.argsort(result.policy.pnl)
    shown = list(dict.fromkeys([*order[::-1][: CHARTED_DAYS // 2].tolist(), *order[: CHARTED_DAYS // 2].tolist()]))
    charts = [_cumulative(table, ("agent", *result.baselines)), waterfall(result.policy)] + [
        _day_chart(result, days[i], i) for i in shown
    ]
    pictures = [
        chart.to_html(full_html=False, include_plotlyjs=i == 0, config=PLOT_CONFIG) for i, chart in enumerate(charts)
    ]
    rows = "".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in facts.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}{tag}</h1>{_verdict_html(verdict(evaluation))}"
        f"<p class=note>{html.escape(evaluation.power.text)}</p>"
        f"<h2>Days</h2>{_table_html(table)}<h2>Session by session</h2>{pictures[0]}"
        f"<h2>Costs</h2><p class=note>{COSTS_NOTE}</p>{pictures[1]}{cost_table(result)}"
        f"<h2>Round trips</h2><p class=note>{TRIPS_NOTE}</p>{exit_table(result.policy.trades)}"
        f"{trips_table(result.policy.trades)}"
        f"<h2>Best and worst days</h2>{''.join(pictures[2:])}<h2>What was run</h2><table>{rows}</table></html>"
    )


def _verdict_html(verdicts: dict[str, Interval]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td class={'pos' if v.value > 0 else 'neg'}>{v.value:+,.2f}</td>"
        f"<td>{v.low:+,.2f} to {v.high:+,.2f}</td></tr>"
        for name, v in verdicts.items()
    )
    return f"<table><tr><th>net P&amp;L per session, $</th><th>mean</th><th>95 % interval</th></tr>{rows}</table>"


def _table_html(table: pl.DataFrame) -> str:
    def cell(name: str, value: Any) -> str:
        if name in ("gross", *COST_PARTS):
            return f"<td>{value:,.2f}</td>"
        if name in SHARES:
            return f"<td>{value:.1%}</td>" if np.isfinite(value) else "<td>-</td>"
        if isinstance(value, float):
            return f"<td class={'neg' if value < 0 else 'pos' if value > 0 else 'zero'}>{value:,.2f}</td>"
        return f"<td>{html.escape(str(value))}</td>"

    head = "".join(f"<th>{c.replace('_', ' ')}</th>" for c in table.columns)
    body = "".join(f"<tr>{''.join(cell(k, v) for k, v in row.items())}</tr>" for row in table.iter_rows(named=True))
    return f"<table class=days><tr>{head}</tr>{body}</table>"


def _cumulative(table: pl.DataFrame, names: Sequence[str]) -> go.Figure:
    by_date = table.group_by("date").agg(pl.col(*names).sum()).sort("date")
    figure = go.Figure()
    for name in names:
        figure.add_scatter(
            x=by_date["date"].to_list(),
            y=by_date[name].cum_sum().to_list(),
            name=name.replace("_", " "),
            mode="lines+markers",
            line={"color": COLOURS.get(name)},  # a baseline from outside gets the next of the palette
        )
    return figure.update_layout(yaxis_title="cumulative net P&L, $", height=380, margin={"t": 20})


def _day_chart(result: Comparison, day: MarketDay, lane: int) -> go.Figure:
    """One-minute candles from the start on, with fills; below, the account's profit against buy-and-hold."""
    start = result.days[lane].start
    first = start // 60
    bars = day.bars[first * 60 :]
    minutes = bars.reshape(-1, 60, bars.shape[1])
    clock = pl.datetime_range(_et(day, first * 60), _et(day, 57_600), interval="1m", closed="left", eager=True)
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.03)
    figure.add_candlestick(
        x=clock.to_list(),
        open=minutes[:, 0, Bar.OPEN],
        high=minutes[:, :, Bar.HIGH].max(axis=1),
        low=minutes[:, :, Bar.LOW].min(axis=1),
        close=minutes[:, -1, Bar.CLOSE],
        name=day.symbol,
        increasing_line_color=UP,
        decreasing_line_color=DOWN,
    )
    fills = result.policy.fills.filter(pl.col("lane") == lane)
    for side, symbol, colour in ((1, "triangle-up", UP), (-1, "triangle-down", DOWN)):
        of_side = fills.filter(pl.col("shares") * side > 0)
        figure.add_scatter(
            x=of_side["time"].dt.replace_time_zone(None).to_list(),
            y=of_side["price"].to_list(),
            mode="markers",
            marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 1, "color": "white"}},
            name="buys" if side > 0 else "sells",
        )
    for run, name in ((result.policy, "agent"), (result.baselines["buy_and_hold"], "buy_and_hold")):
        assert run.trace is not None
        equity = run.trace.equity[:, lane]
        equity = equity[~np.isnan(equity)]
        step = max(1, int(run.seconds[lane]) // max(1, len(equity)))
        every = max(1, 30 // step)
        seconds = start + 1 + step * np.arange(len(equity))
        figure.add_scatter(
            x=[_et(day, int(s)) for s in seconds[::every]],
            y=(equity - equity[0])[::every],
            name=name.replace("_", " "),
            line={"color": COLOURS[name]},
            row=2,
            col=1,
        )
    net = result.policy.pnl[lane]
    figure.update_layout(
        title=f"{day.name}: {net:+,.2f} $ net", height=520, xaxis_rangeslider_visible=False, margin={"t": 50}
    )
    return figure


def _et(day: MarketDay, second: int) -> dt.datetime:
    """New York wall-clock time of a second of the day, without a zone (plots have none)."""
    return dt.datetime.combine(day.date, dt.time(4)) + dt.timedelta(seconds=second)
