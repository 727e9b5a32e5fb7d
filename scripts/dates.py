"""The sessions that a command names, as DATE or FIRST:LAST."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from config.schema import Config
from data.data_manager import DataManager
from utils.errors import ConfigError, DataError

DATE = "backtest.date="
"""What dates are named with."""


def date_range(text: str) -> tuple[dt.date, dt.date]:
    """First and last date of "2025-04-15" or "2025-04-01:2025-04-15". Raises ConfigError if it is neither."""
    first, _, last = text.partition(":")
    try:
        return dt.date.fromisoformat(first), dt.date.fromisoformat(last or first)
    except ValueError as why:
        fix = f"{DATE}2025-04-15, or FIRST:LAST"
        raise ConfigError(f"{DATE}{text} is no date: {why}", where="backtest.date", fix=fix) from why


def sessions_within(text: str, there: Sequence[dt.date], what: str = "data", option: str = DATE) -> list[dt.date]:
    """The sessions among `there`, in order, within the range that `text` names.

    what, option: the words of a command that has its own. Raises DataError if there is none.
    """
    begin, end = date_range(text)
    found = [date for date in there if begin <= date <= end]
    if not found:
        near = sorted(there, key=lambda date: abs((date - begin).days))[:3]
        raise DataError(
            f"there is no {what} on {text}",
            where=f"{len(there)} sessions, {there[0]} to {there[-1]}" if there else "the index, which is empty",
            near=[str(date) for date in near],
            fix=f"{option}{near[0]}" if near else "./fx build-index",
        )
    return found


def require_sessions(config: Config, data: DataManager, what: str = "data", option: str = DATE) -> None:
    """Raise DataError, before anything is scanned, if files hold none of the sessions that `backtest.date` names."""
    there = {date for symbol in config.symbols or data.symbols() for date in data.sessions(symbol)}
    if config.backtest.date and there:  # a scan tells of symbols that are not there
        sessions_within(config.backtest.date, sorted(there), what, option)
