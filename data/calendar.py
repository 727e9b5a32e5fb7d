"""Sessions of the New York Stock Exchange and their clock: 04:00-20:00 New York, early closes included.

The exchange's dates come from exchange_calendars once and are then kept in `cache/calendar/`, because that library
takes more than a second to import. Outside the range it knows, Monday to Friday are taken for regular sessions.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from importlib.metadata import version
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from data.day_clock import second_at
from data.layout import SECOND_NS, SECONDS
from utils.atomic import write_text
from utils.paths import CACHE

NEW_YORK = ZoneInfo("America/New_York")
OPEN_S = 19_800
"""09:30 in seconds after 04:00."""
CLOSE_S = 43_200
"""16:00."""
EARLY_END_S = 46_800
"""17:00: the end of the post-market on early closes."""
_FIRST = dt.date(2000, 1, 1)
EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
DAY_NS = 86_400 * SECOND_NS
"""Of a UTC date."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Session(NamedTuple):
    """One date's clock; seconds count from 04:00 New York."""

    date: dt.date
    start_ns: int
    """04:00:00 New York, UTC ns."""
    open_s: int
    close_s: int
    end_s: int

    @property
    def end_ns(self) -> int:
        """20:00:00 New York, UTC ns, on early closes too: late records belong to their date."""
        return self.start_ns + SECONDS * SECOND_NS


class _Exchange(NamedTuple):
    sessions: tuple[dt.date, ...]
    known: frozenset[dt.date]
    early: dict[dt.date, int]  # second of the close


def _from_library() -> dict[str, Any]:
    import exchange_calendars

    xnys = exchange_calendars.get_calendar("XNYS", start=_FIRST.isoformat())
    early: dict[str, int] = {}
    for date in xnys.early_closes:
        close = xnys.session_close(date).tz_convert(NEW_YORK)
        early[date.date().isoformat()] = second_at(f"{close:%H:%M}")
    return {"sessions": [d.date().isoformat() for d in xnys.sessions], "early": early}


@functools.cache
def _exchange() -> _Exchange:
    # The library's range ends a year from today: a new month brings a new file.
    month = dt.datetime.now(dt.UTC).strftime("%Y-%m")
    path = CACHE / "calendar" / f"XNYS-{version('exchange-calendars')}-{month}.json"
    if path.exists():
        plain = json.loads(path.read_text())
    else:
        plain = _from_library()
        write_text(path, json.dumps(plain))
    sessions = tuple(dt.date.fromisoformat(d) for d in plain["sessions"])
    early = {dt.date.fromisoformat(d): int(s) for d, s in plain["early"].items()}
    return _Exchange(sessions, frozenset(sessions), early)


def is_session(date: dt.date) -> bool:
    """Whether the exchange trades on `date`; outside the known range: whether it is a weekday."""
    exchange = _exchange()
    if exchange.sessions[0] <= date <= exchange.sessions[-1]:
        return date in exchange.known
    return date.weekday() < 5


def _utc_ns(date: dt.date, hour: int) -> int:
    local = dt.datetime.combine(date, dt.time(hour), NEW_YORK)
    return int((local - _EPOCH).total_seconds()) * SECOND_NS


@functools.lru_cache(maxsize=16_384)
def session(date: dt.date) -> Session:
    """The clock of `date`; dates without trading get regular hours (see `is_session`)."""
    close = _exchange().early.get(date)
    start = _utc_ns(date, 4)
    if close is None:
        return Session(date, start, OPEN_S, CLOSE_S, SECONDS)
    return Session(date, start, OPEN_S, close, EARLY_END_S)


def sessions_between(first: dt.date, last: dt.date) -> list[dt.date]:
    """All sessions from `first` to `last`, both included, in order."""
    days = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
    return [d for d in days if is_session(d)]


def previous_sessions(date: dt.date, count: int) -> list[dt.date]:
    """The last `count` sessions before `date`, oldest first."""
    found: list[dt.date] = []
    day = date
    while len(found) < count:
        day -= dt.timedelta(days=1)
        if is_session(day):
            found.append(day)
    return found[::-1]


def et_date(ts_ns: int) -> dt.date:
    """The New York date of a UTC time."""
    return dt.datetime.fromtimestamp(ts_ns // SECOND_NS, NEW_YORK).date()


def utc_date(ts_ns: int) -> dt.date:
    """The UTC date of a UTC time."""
    return (_EPOCH + dt.timedelta(seconds=int(ts_ns) // SECOND_NS)).date()


def utc_midnight_ns(date: dt.date) -> int:
    """The start of a UTC date, UTC ns."""
    return (date - _EPOCH.date()).days * DAY_NS


def date_number(date: dt.date) -> int:
    """yyyymmdd, as daily bars have it."""
    return date.year * 10_000 + date.month * 100 + date.day


def numbered_date(number: int) -> dt.date:
    """The inverse of `date_number`."""
    return dt.date(number // 10_000, number // 100 % 100, number % 100)
