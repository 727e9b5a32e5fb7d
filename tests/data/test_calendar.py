"""The session clock against exchange_calendars and pandas' own time zones."""

from __future__ import annotations

import datetime as dt

import exchange_calendars
import pandas as pd
import pytest

from data.calendar import et_date, is_session, previous_sessions, session, sessions_between, utc_date, utc_midnight_ns
from data.layout import SECOND_NS, SECONDS


@pytest.mark.parametrize("date", ["2024-01-02", "2024-03-08", "2024-03-11", "2024-07-05", "2024-11-01", "2024-11-04"])
def test_start_is_four_oclock_in_new_york(date: str) -> None:
    clock = session(dt.date.fromisoformat(date))
    assert clock.start_ns == pd.Timestamp(f"{date} 04:00", tz="America/New_York").value
    assert clock.end_ns == pd.Timestamp(f"{date} 20:00", tz="America/New_York").value
    assert (clock.open_s, clock.close_s, clock.end_s) == (19_800, 43_200, SECONDS)


def test_early_closes_of_2024_to_2026_end_at_one_and_at_five() -> None:
    dates = sessions_between(dt.date(2024, 1, 1), dt.date(2026, 12, 31))
    early = [session(d) for d in dates if session(d).close_s != 43_200]
    assert [c.date.isoformat() for c in early] == [
        *("2024-07-03", "2024-11-29", "2024-12-24"),
        *("2025-07-03", "2025-11-28", "2025-12-24"),
        *("2026-11-27", "2026-12-24"),  # 3 July 2026 is a holiday
    ]
    for clock in early:
        close, end = (pd.Timestamp(f"{clock.date} {at}", tz="America/New_York").value for at in ("13:00", "17:00"))
        assert clock.start_ns + clock.close_s * SECOND_NS == close
        assert clock.start_ns + clock.end_s * SECOND_NS == end


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("2025-03-07", 9),
        ("2025-03-09", 8),  # clocks went forward two hours earlier
        ("2025-03-10", 8),
        ("2025-10-31", 8),
        ("2025-11-02", 9),  # and back
        ("2025-11-03", 9),
    ],
)
def test_four_oclock_in_utc_around_the_changes_of_the_clock(date: str, hour: int) -> None:
    clock = session(dt.date.fromisoformat(date))
    assert clock.start_ns == pd.Timestamp(f"{date} {hour:02}:00", tz="UTC").value
    assert clock.end_ns - clock.start_ns == 16 * 3600 * SECOND_NS
    assert et_date(clock.start_ns) == et_date(clock.end_ns - 1) == clock.date


def test_sessions_are_those_of_the_exchange() -> None:
    xnys = exchange_calendars.get_calendar("XNYS", start="2010-01-01")
    want = [d.date() for d in xnys.sessions_in_range("2013-01-01", "2025-06-30")]
    assert sessions_between(dt.date(2013, 1, 1), dt.date(2025, 6, 30)) == want
    assert not is_session(dt.date(2012, 10, 29))  # hurricane Sandy


def test_outside_the_known_range_weekdays_count() -> None:
    assert is_session(dt.date(1999, 12, 31))
    assert not is_session(dt.date(2090, 1, 1))  # a Sunday


def test_previous_sessions_skip_weekends_and_holidays() -> None:
    assert previous_sessions(dt.date(2024, 1, 3), 3) == [
        dt.date(2023, 12, 28),
        dt.date(2023, 12, 29),
        dt.date(2024, 1, 2),
    ]


def test_utc_and_new_york_dates_differ_on_winter_evenings() -> None:
    evening = pd.Timestamp("2024-01-10 19:30", tz="America/New_York").value
    assert et_date(evening) == dt.date(2024, 1, 10)
    assert utc_date(evening) == dt.date(2024, 1, 11)
    assert utc_midnight_ns(dt.date(2024, 1, 11)) == pd.Timestamp("2024-01-11", tz="UTC").value
    assert evening - utc_midnight_ns(dt.date(2024, 1, 11)) == 1800 * SECOND_NS


@pytest.mark.parametrize(
    ("date", "hours"), [("2025-01-10", 1), ("2025-03-07", 1), ("2025-03-10", 0), ("2025-10-31", 0), ("2025-11-03", 1)]
)
def test_hours_of_a_session_in_the_next_utc_date(date: str, hours: int) -> None:
    """19:00-20:00 New York in winter, none in summer."""
    clock = session(dt.date.fromisoformat(date))
    midnight = utc_midnight_ns(clock.date + dt.timedelta(days=1))
    assert clock.end_ns - midnight == hours * 3600 * SECOND_NS
    assert utc_date(midnight - 1) == clock.date and utc_date(midnight) == clock.date + dt.timedelta(days=1)
    assert et_date(clock.end_ns - 1) == clock.date
