"""Runs over parts of a backtest's days, put together: the run over all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.ledger import Run
from agent.trace import Trace, empty_trace

TABLES = ("trades", "fills", "orders")


def joined(parts: Sequence[Run]) -> Run:
    """The run whose lanes are those of the parts, one part after the other; all of them are traced, or none."""
    if len(parts) == 1:
        return parts[0]
    first = np.cumsum([0, *(len(part.pnl) for part in parts)])
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Run._fields
        if isinstance(getattr(parts[0], name), np.ndarray)
    }
    tables = {name: _stacked([getattr(part, name) for part in parts], first) for name in TABLES}
    traces = [part.trace for part in parts if part.trace is not None]
    return parts[0]._replace(**arrays, **tables, trace=_side_by_side(traces) if traces else None)


def _stacked(tables: Sequence[pl.DataFrame], first: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Rows below each other; lanes counted on. Tables without rows say nothing, not even of which type they are."""
    moved = [
        table.with_columns((pl.col("lane") + int(start)).cast(table.schema["lane"]))
        for table, start in zip(tables, first[:-1], strict=True)
        if len(table)
    ]
    return pl.concat(moved) if moved else tables[0]


def _side_by_side(traces: Sequence[Trace]) -> Trace:
    """Lanes beside each other; shorter ones have ended."""
    decisions, lanes = max(len(trace.action) for trace in traces), sum(trace.action.shape[1] for trace in traces)
    whole = empty_trace(decisions, lanes, traces[0].interval_s, judged=any(len(trace.value) for trace in traces))
    at = 0
    for trace in traces:
        columns = slice(at, at := at + trace.action.shape[1])
        for name in Trace._fields[1:]:
            part = getattr(trace, name)
            getattr(whole, name)[: len(part), columns] = part
    return whole
