"""What a round trip is filed under: hour, pattern, quality of its day, and the reward that it was paid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from agent.backtest_days import BacktestDay
from agent.ledger import Run
from data.scanner.recent_pattern import pattern_at


def labelled(run: Run, days: Sequence[BacktestDay]) -> pl.DataFrame:
    """`run.trades` with `hour` (of the entry, New York), `pattern`, `quality` and `reward` (null if not traced).

    days: of the lanes, which are copies x days, day fastest. Patterns are ex post, as the scanner found them.
    """
    trades = run.trades
    lanes, entry = trades["lane"].to_numpy(), trades["entry_second"].to_numpy()
    rows = lanes % len(days)
    patterns = [pattern_at(int(second), days[row].patterns) for row, second in zip(rows, entry, strict=True)]
    return trades.with_columns(
        pl.col("entry").dt.hour().cast(pl.Int64).alias("hour"),
        pl.Series("pattern", patterns, pl.String),
        pl.Series("quality", np.array([day.quality for day in days])[rows], pl.Float64),
        _rewards(run, days),
    )


def _rewards(run: Run, days: Sequence[BacktestDay]) -> pl.Series:
    """Sum of the rewards from the step of the entry to that of the exit."""
    trades = run.trades
    if run.trace is None or not len(trades):
        return pl.Series("reward", [None] * len(trades), pl.Float64)
    lanes = trades["lane"].to_numpy()
    start = np.array([day.start for day in days])[lanes % len(days)]
    summed = np.vstack([np.zeros(run.trace.reward.shape[1]), run.trace.reward.astype(np.float64).cumsum(axis=0)])
    first, last = (run.trace.row(trades[name].to_numpy(), start) for name in ("entry_second", "exit_second"))
    return pl.Series("reward", summed[last + 1, lanes] - summed[first, lanes])
