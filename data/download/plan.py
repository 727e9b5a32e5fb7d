"""What is to be downloaded, in pieces: one file each, so that whatever breaks costs one piece."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from data.calendar import previous_sessions, session, utc_midnight_ns

ALL_SYMBOLS = "ALL_SYMBOLS"
"""Databento's word for the whole market."""
BY_DATE = ("ohlcv-1d", "definition")
"""Schemas whose records belong to UTC dates: a file holds a stretch of them. Of the others a file holds a session."""
DAILY = "ohlcv-1d"


def folder_of(symbol: str) -> str:
    """Of a symbol's files below the data folder, with a slash at its end."""
    return f"{symbol.lower().replace('/', '-')}/"


class Piece(NamedTuple):
    """One file: a schema of a symbol over sessions `first` to `last`, both included."""

    schema: str
    symbol: str
    first: dt.date
    last: dt.date

    @property
    def span(self) -> tuple[int, int]:
        """[start, end) in UTC ns: 04:00 to 20:00 New York, whichever UTC dates that touches; or UTC dates."""
        if self.schema in BY_DATE:
            return utc_midnight_ns(self.first), utc_midnight_ns(self.last + dt.timedelta(days=1))
        return session(self.first).start_ns, session(self.last).end_ns

    @property
    def path(self) -> str:
        """Below the data folder, with forward slashes."""
        dates = f"{self.first}" if self.first == self.last else f"{self.first}_{self.last}"
        return f"{folder_of(self.symbol)}{dates}.{self.schema}.dbn.zst"

    @property
    def text(self) -> str:
        """For messages."""
        dates = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.schema} of {self.symbol}, {dates}"


Known = Callable[[str, str, dt.date], bool]
"""(schema, symbol, session) -> whether it is there."""


def with_history(sessions: Sequence[dt.date], schema: str, history: int) -> list[dt.date]:
    """The sessions to get of a schema: daily bars reach `history` sessions further back."""
    before = previous_sessions(sessions[0], history) if sessions and schema == DAILY and history else []
    return [*before, *sessions]


def pieces(
    wanted: Iterable[tuple[str, Sequence[dt.date]]], schemas: Sequence[str], history: int, known: Known
) -> list[Piece]:
    """What is missing of (symbol, its sessions in order): nothing that is there is asked for, or paid, twice."""
    found: list[Piece] = []
    for symbol, sessions in wanted:
        for schema in schemas:
            dates = with_history(sessions, schema, history)
            found += _stretches(schema, symbol, dates, [known(schema, symbol, date) for date in dates])
    return found


def _stretches(schema: str, symbol: str, dates: Sequence[dt.date], known: Sequence[bool]) -> list[Piece]:
    """Pieces of the dates that are not known: one a date, or one a stretch without a known one."""
    found: list[Piece] = []
    open_ended = False
    for date, there in zip(dates, known, strict=True):
        if not there:
            if open_ended and schema in BY_DATE:
                found[-1] = found[-1]._replace(last=date)
            else:
                found.append(Piece(schema, symbol, date, date))
        open_ended = not there
    return found
