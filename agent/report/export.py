"""What a backtest leaves for further work: tables as CSV and parquet, the evaluation as JSON, the tear sheet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from agent.backtest import Comparison, day_table
from agent.statistics.evaluation import Evaluation
from agent.statistics.tear_sheet import write_tear_sheet
from agent.statistics.verdict import Verdict
from agent.trace import Trace
from simulators.layout import ActionType
from utils.atomic import write_bytes, write_text
from utils.errors import DataError
from utils.logger import get_logger
from utils.tables import write_parquet

log = get_logger(__name__)

TEAR_SHEET = "tear_sheet.html"


def export(result: Comparison, evaluation: Evaluation, verdict: Verdict, folder: Path) -> None:
    """days, trades, fills and orders (.csv, .parquet), equity.parquet, evaluation.json, baselines.json."""
    run = result.policy
    tables = {"days": day_table(result), "trades": run.trades, "fills": run.fills, "orders": run.orders}
    for name, table in tables.items():
        write_bytes(folder / f"{name}.csv", table.write_csv().encode())
        write_parquet(folder / f"{name}.parquet", table)
    write_parquet(folder / "equity.parquet", equity_table(result))
    write_text(folder / "baselines.json", json.dumps(result.parameters, indent=1))
    told = {"verdict": {"word": verdict.word, "reasons": [reason._asdict() for reason in verdict.reasons]}}
    write_text(folder / "evaluation.json", json.dumps({**told, **evaluation.plain()}, indent=1, allow_nan=False))


def tear_sheet(evaluation: Evaluation, folder: Path, title: str) -> str:
    """Write it, if there is something to show; returns "", else why there is none."""
    try:
        write_tear_sheet(evaluation.sessions, folder / TEAR_SHEET, title)
    except DataError as why:
        return why.what
    return ""


def equity_table(result: Comparison) -> pl.DataFrame:
    """One row a decision: what the policy did and thought, and the equity of every baseline that was traced."""
    trace = result.policy.trace
    if trace is None:
        return pl.DataFrame()
    return pl.concat([_lane(result, trace, lane) for lane in range(len(result.days))])


def _lane(result: Comparison, trace: Trace, lane: int) -> pl.DataFrame:
    day, rows = result.days[lane], trace.length(lane)
    own = {name: getattr(trace, name)[:rows, lane] for name in ("equity", "position", "reward", "action")}
    thought = {
        f"p_{kind.name.lower()}": trace.probabilities[:rows, lane, kind].astype(np.float32)
        for kind in ActionType
        if len(trace.probabilities)
    }
    if len(trace.value):
        thought["value"] = trace.value[:rows, lane]
    theirs = {f"equity_{name}": equity_of(run.trace, lane, rows) for name, run in result.baselines.items() if run.trace}
    about = {"symbol": pl.lit(day.symbol), "date": pl.lit(day.date)}
    seconds = day.start + trace.interval_s * np.arange(rows)
    return pl.DataFrame({"second": seconds, **own, **thought, **theirs}).select(
        *(value.alias(name) for name, value in about.items()), pl.all()
    )


def equity_of(trace: Trace, lane: int, rows: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Its equity at `rows` decisions, the last one going on where its episode ended earlier."""
    own = trace.equity[: trace.length(lane), lane]
    return np.concatenate([own, np.full(max(rows - len(own), 0), own[-1] if len(own) else np.nan)])[:rows]
