"""The page of a backtest: put together and written, with everything that goes beside it."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.backtest import Comparison
from agent.report.charts import distribution, waterfall
from agent.report.day_view import REASONS, day_arrays, day_facts
from agent.report.export import TEAR_SHEET, export, tear_sheet
from agent.report.summary import labels, tiles_html, verdict_html
from agent.report.tables import cost_table, day_rows, filed, grouped, lead_table, statistics
from agent.report.trips import trips
from agent.report.why import why_html
from agent.statistics.evaluation import Evaluation
from agent.statistics.sessions import sessions_of
from agent.statistics.verdict import Verdict
from data.market_day import MarketDay
from metrics.explanation import Explanation
from utils.atomic import write_text
from utils.web.charts import DAY_CHART, LIBRARY, NOTICE, script
from utils.web.packed import SCRIPT
from utils.web.page import page, table_html

HERE = Path(__file__).parent
REPORT = "report.html"
NO_TRADE = (
    '<section class="card" id="trades"><h2>Trades</h2>'
    '<p class="empty">It never traded: there is no round trip to show.</p></section>'
)
BESIDE = "days, trades, fills and orders as .csv and .parquet, equity.parquet, evaluation.json, baselines.json"


def write_report(
    result: Comparison,
    evaluation: Evaluation,
    verdict: Verdict,
    days: list[MarketDay],
    folder: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    in_sample: bool = False,
    explanation: Explanation | None = None,
) -> Path:
    """`report.html`, the tables of `agent.report.export` and, if the sessions suffice, `tear_sheet.html`.

    days: of `result.days`; facts: what was run, by name; explanation: of the policy and of some of its trades.
    Returns the page's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    export(result, evaluation, verdict, folder)
    missing = tear_sheet(evaluation, folder, title)
    body = Template((HERE / "page.html").read_text()).substitute(
        **_parts(result, evaluation, verdict),
        facts=table_html(["", ""], [*facts.items(), ("beside this page", BESIDE)], text=2, name="small plain facts"),
        sheet=f"none: {html.escape(missing)}" if missing else f'<a href="{TEAR_SHEET}">{TEAR_SHEET}</a>, by quantstats',
        why=why_html(explanation),
        data=_data(result, evaluation, days),
    )
    scripts = [LIBRARY, SCRIPT, *DAY_CHART.values(), *(HERE / f"{name}.js" for name in ("why", "report", "trips"))]
    body += "".join(script(path.read_text()) for path in scripts)
    style = (HERE / "report.css").read_text()
    path = folder / REPORT
    write_text(path, page(title, body, style=style, tags=labels(result, days, in_sample)))
    return path


def _parts(result: Comparison, evaluation: Evaluation, verdict: Verdict) -> dict[str, str]:
    """What page.html leaves open, by name."""
    trades = result.policy.trades
    return {
        "verdict": verdict_html(verdict),
        "tiles": tiles_html(result, evaluation),
        "days": day_rows(result),
        "trades": NO_TRADE if trades.is_empty() else (HERE / "trades.html").read_text(),
        "patterns": _patterns(result),
        "waterfall": waterfall(result.policy),
        "costs": cost_table(result),
        "power": html.escape(evaluation.power.text),
        "leads": lead_table(evaluation),
        "statistics": "".join(f"<div><h3>{name}</h3>{table}</div>" for name, table in statistics(evaluation)),
        "notice": NOTICE,
    }


def _patterns(result: Comparison) -> str:
    trades = result.policy.trades
    if trades.is_empty():
        return ""
    rows = filed(trades)
    parts = [
        ("By hour of the entry, New York", grouped(rows, "hour_et", "hour")),
        ("By pattern, up to 5 minutes before the entry", grouped(rows, "pattern", "pattern", order="pnl")),
        ("By quality of the day, known afterwards", grouped(rows, "quality_range", "quality")),
        ("By who closed it", grouped(rows, "closed_by", "closed by", order="n", excursions=True)),
        ("By symbol", grouped(rows, "symbol", "symbol", order="pnl")),
        ("Distribution of round trips", distribution(trades)),
    ]
    return "".join(f'<section class="card"><h2>{name}</h2>{content}</section>' for name, content in parts)


def _data(result: Comparison, evaluation: Evaluation, days: list[MarketDay]) -> str:
    """What the scripts read: one JSON, and a block a day that is unpacked when it is shown."""
    told: dict[str, Any] = {
        "days": [day_facts(result, day, lane) for lane, day in enumerate(days)],
        "runs": ["agent", *result.baselines],
        "reasons": REASONS,
        "sessions": _sessions(result, evaluation),
        "trips": trips(result.policy),
    }
    plain = json.dumps(told, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    blocks = "".join(
        f'<script type="text/plain" id="day-{lane}">{day_arrays(result, day, lane)}</script>\n'
        for lane, day in enumerate(days)
    )
    return f'<script type="application/json" id="report">{plain}</script>\n{blocks}'


def _sessions(result: Comparison, evaluation: Evaluation) -> dict[str, Any]:
    """P&L by session and policy, to the cent."""
    dates = evaluation.sessions.dates

    def by_session(pnl: npt.NDArray[np.float64]) -> list[float]:
        sums = sessions_of([day.date for day in result.days], pnl, 1.0, dates)
        return [round(float(value), 2) for value in sums.pnl]

    runs = {"agent": result.policy.pnl, **result.baseline_pnl, "oracle": result.oracle_pnl}
    return {"dates": [str(date) for date in dates], "pnl": {name: by_session(pnl) for name, pnl in runs.items()}}
