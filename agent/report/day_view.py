"""What the page shows of one day: its bars, its trace and what happened, packed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.backtest import Comparison
from agent.backtest_days import BacktestDay, Found
from agent.ledger import Run
from agent.report.export import equity_of
from agent.tables import AGENT
from agent.trace import Trace
from data.layout import SECOND_NS, SECONDS, Bar, HaltKind
from data.market_day import MarketDay
from simulators.layout import ActionType, Reason
from utils.web.packed import Series, packed

TICK, COARSE_TICK, DEAR = 1e-4, 1e-2, 20_000.0
"""Prices are kept to a hundredth of a cent, those of very dear stocks to a cent."""
CENT = 0.01
REASONS = [reason.name.lower() for reason in Reason]
STEPS = 30_000
"""Of a value without a natural unit: this many up to the largest."""


def day_facts(result: Comparison, day: MarketDay, lane: int) -> dict[str, Any]:
    """What the page knows of a day before its arrays are read; plain data."""
    facts = market_facts(day, result.days[lane], result.policy.trace)
    return {**facts, "pnl": round(float(result.policy.pnl[lane]), 2), "trips": int(result.policy.trips[lane])}


def market_facts(day: MarketDay, chosen: BacktestDay, trace: Trace | None) -> dict[str, Any]:
    """What holds for whoever trades the day; trace: of one of them."""
    prices = day.bars[:, Bar.CLOSE]
    return {
        "symbol": day.symbol,
        "date": day.date.isoformat(),
        "start": chosen.start,
        "found": str(chosen.found),
        "synthetic": day.synthetic,
        "interval": trace.interval_s if trace is not None else 1,
        "digits": 4 if 0 < float(np.median(prices)) < 1 else 2,
        "spans": halts(day),
        "moments": moments(day, chosen.start, chosen.found),
        "notes": [{"at": at, "text": kind.replace("_", " ")} for at, kind in chosen.patterns],
        "empty": empty(day),
    }


def halts(day: MarketDay) -> list[dict[str, Any]]:
    """Stretches without trading, with their kind."""
    found: list[dict[str, Any]] = []
    for halt in day.halts:
        kind = HaltKind(int(halt["kind"]))
        name = {HaltKind.LULD: "LULD pause", HaltKind.UNKNOWN: "halt"}.get(kind, f"{kind.name.lower()} halt")
        edges = [(int(halt[name]) - day.start_ns) / SECOND_NS for name in ("start_ns", "end_ns")]
        found.append(
            {
                "from": round(max(edges[0], 0), 3),
                "to": round(min(edges[1], SECONDS), 3),
                "text": f"{name} (inferred)" if halt["inferred"] else name,
            }
        )
    return found


def moments(day: MarketDay, start: int, found: Found) -> list[dict[str, Any]]:
    """Open and close of the regular session, and where the policy began."""
    begin = "found by the scanner" if found is Found.EX_ANTE else "start"
    return [
        {"at": day.open_s, "text": "open"},
        {"at": day.close_s, "text": "close"},
        {"at": start, "text": begin, "colour": "accent", "row": 1},
    ]


def empty(day: MarketDay) -> str:
    """In words, if there is little to see."""
    if not day.bars[:, Bar.CLOSE].any():
        return "No trade and no price on this day: there are no candles."
    return "" if day.bars[:, Bar.HAS_QUOTE].any() else "No quotes on this day: orders could not be filled."


def day_arrays(result: Comparison, day: MarketDay, lane: int) -> str:
    """Bars, fills and the trace of a day, packed."""
    return packed({**bar_series(day), **run_series(result.policy, lane), **_baselines(result, lane)})


def bar_series(day: MarketDay) -> dict[str, Series]:
    """Prices as differences from each other, which are mostly 0."""
    bars = day.bars
    columns = (Bar.OPEN, Bar.HIGH, Bar.LOW, Bar.CLOSE, Bar.BID, Bar.ASK)
    tick = TICK if float(bars[:, columns].max(initial=0.0)) < DEAR else COARSE_TICK
    opened, high, low, close, bid, ask = (np.rint(bars[:, c] / tick) for c in columns)
    before = np.concatenate([[0.0], close[:-1]])
    notional, shares = np.cumsum(bars[:, Bar.NOTIONAL]), np.cumsum(bars[:, Bar.VOLUME])
    vwap = np.divide(notional, shares, out=np.zeros(len(bars)), where=shares > 0)
    prices = {
        "close": close,
        "open": opened - before,
        "high": high - np.maximum(opened, close),
        "low": np.minimum(opened, close) - low,
        "bid": bid,
        "spread": ask - bid,
    }
    return {
        **{name: Series(steps * tick, tick) for name, steps in prices.items()},
        "volume": Series(bars[:, Bar.VOLUME], 1.0),
        "vwap": Series(vwap, 10 * tick),
    }


def run_series(run: Run, lane: int) -> dict[str, Series]:
    """Fills, refused orders and the trace of one lane; times are seconds of the day."""
    return {**_fills(run, lane), **_refusals(run, lane), **_trace(run, lane)}


def _fills(run: Run, lane: int) -> dict[str, Series]:
    fills = run.fills.filter(pl.col("lane") == lane)
    price = fills["price"].to_numpy()
    return {
        "fill_second": Series(fills["second"].to_numpy(), 1.0),
        "fill_shares": Series(fills["shares"].to_numpy(), 1.0),
        "fill_price": Series(price, TICK if float(price.max(initial=0.0)) < DEAR else COARSE_TICK),
    }


def _refusals(run: Run, lane: int) -> dict[str, Series]:
    """Orders of the policy that came to nothing, with the reason's number."""
    orders = run.orders
    if orders.is_empty():
        return {}
    none = orders.filter((pl.col("lane") == lane) & (pl.col("by") == AGENT) & (pl.col("filled") == 0))
    reasons = np.array([REASONS.index(reason) for reason in none["reason"]], np.float64)
    return {"refused_second": Series(none["second"].to_numpy(), 1.0), "refused_reason": Series(reasons, 1.0)}


def _trace(run: Run, lane: int) -> dict[str, Series]:
    trace = run.trace
    if trace is None:
        return {}
    rows = trace.length(lane)
    found = {
        "pnl agent": _gain(run, lane, rows),
        "position": Series(trace.position[:rows, lane].astype(np.float64), 1.0),
        "reward": _scaled(trace.reward[:rows, lane]),
    }
    if len(trace.probabilities):
        for kind in (ActionType.BUY, ActionType.SELL):
            found[f"p {kind.name.lower()}"] = Series(trace.probabilities[:rows, lane, kind].astype(np.float64), 1e-3)
    if len(trace.value):
        found["value"] = _scaled(trace.value[:rows, lane])
    return found


def _baselines(result: Comparison, lane: int) -> dict[str, Series]:
    """P&L of those that were traced; doing nothing is the axis."""
    if result.policy.trace is None:
        return {}
    rows = result.policy.trace.length(lane)
    known = {name: run for name, run in result.baselines.items() if run.trace is not None and run.pnl.any()}
    return {f"pnl {name}": _gain(run, lane, rows) for name, run in known.items()}


def _gain(run: Run, lane: int, rows: int) -> Series:
    """P&L after each decision: it ends at that of the lane."""
    assert run.trace is not None
    equity = equity_of(run.trace, lane, rows)
    return Series(equity - equity[-1] + run.pnl[lane] if len(equity) else equity, CENT)


def _scaled(values: npt.NDArray[np.float32]) -> Series:
    most = float(np.nanmax(np.abs(values), initial=0.0))
    step = 10.0 ** math.floor(math.log10(most / STEPS)) if most > 0 else 1.0
    return Series(values.astype(np.float64), step)
