"""Which days a backtest trades, and from which second on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

import polars as pl

from config.schema import BacktestConfig
from data.calendar import session
from data.scanner.index import MomentumIndex
from data.scanner.judge import Row, Status
from data.scanner.recent_pattern import Patterns, patterns_of
from utils.errors import DataError


class Found(StrEnum):
    """How a day was chosen."""

    EX_ANTE = "ex_ante"
    """A live scanner found it, by what was known at that second: it is traded from then on, faders included."""
    ALL = "all"
    """Every day that was looked at, from the first second on."""
    ORACLE = "oracle"
    """It turned out to be a momentum day, which nobody knew: traded from the first second on, to be labelled so."""


class BacktestDay(NamedTuple):
    """A day to trade, from `start` (second of the first observation) on."""

    symbol: str
    date: dt.date
    start: int
    found: Found = Found.EX_ANTE
    quality: float = math.nan
    """Ex post, for labels only; NaN if it is not known."""
    patterns: Patterns = ()
    """Of the day, ex post."""


def select_days(
    index: MomentumIndex, dates: Collection[dt.date], config: BacktestConfig, hours: tuple[int, int]
) -> list[BacktestDay]:
    """The days of `index` on `dates` to trade, by date and symbol, chosen as `config.days` (Found) says.

    hours: [first, end) seconds in which orders may trade; days that are found after them are left out. Raises
    DataError if none is left.
    """
    first, end = hours[0], min(hours[1], config.last_second)
    found = Found(config.days)
    rows = index.days.filter(pl.col("date").is_in(list(dates)) & (pl.col("status") != str(Status.QUARANTINED)))
    if found is Found.EX_ANTE:
        rows = rows.filter(pl.col("triggered"))
    elif found is Found.ORACLE:
        rows = rows.filter(pl.col("quality") >= config.oracle_quality)
    days = [_day(row, index, found, first) for row in rows.sort("date", "symbol").iter_rows(named=True)]
    days = [day for day in days if day.start < min(end, session(day.date).end_s) - 2]
    if not days:
        earliest, latest = min(dates, default=None), max(dates, default=None)
        raise DataError(
            f"no day to backtest between {earliest} and {latest} (backtest.days={config.days})",
            where=f"momentum index, {len(index)} days",
            fix="backtest.days=all, another backtest.date, or lower scanner.trigger.* and run `poe build-index`",
        )
    return days


def _day(row: Row, index: MomentumIndex, found: Found, first: int) -> BacktestDay:
    points = index.reset_points(row["symbol"], row["date"])
    quality = row["quality"]
    return BacktestDay(
        row["symbol"],
        row["date"],
        max(first, row["trigger_s"] if found is Found.EX_ANTE else 0),
        found,
        math.nan if quality is None else float(quality),
        patterns_of(zip(points["second"].tolist(), points["kind"].tolist(), strict=True)),
    )
