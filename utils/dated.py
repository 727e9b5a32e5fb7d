"""Tables whose entries hold from a date on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Protocol, TypeVar

from utils.errors import ConfigError


class Dated(Protocol):
    """An entry of such a table."""

    effective_from: str
    """ISO date."""


D = TypeVar("D", bound=Dated)


def in_force(table: Iterable[D], date: dt.date, where: str) -> D:
    """The latest entry that does not begin after `date`. ConfigError if there is none, or a date is no ISO date."""
    try:
        dated = [(dt.date.fromisoformat(entry.effective_from), entry) for entry in table]
    except ValueError as why:
        raise ConfigError(f"not a date: {why}", where=where, fix="write effective_from as YYYY-MM-DD") from why
    past = [(start, entry) for start, entry in dated if start <= date]
    if not past:
        raise ConfigError(
            f"no entry is in force on {date.isoformat()}",
            where=where,
            fix=f'add an entry with effective_from "{date.isoformat()}" or earlier',
        )
    return max(past, key=lambda pair: pair[0])[1]
