"""Seconds of a day as the clock in New York shows them: a day begins at 04:00, whatever the time of year."""

from __future__ import annotations

FIRST_HOUR = 4
HOUR_S, MINUTE_S = 3_600, 60


def second_at(text: str) -> int:
    """Second of the day at HH:MM; negative before 04:00. Raises ValueError if it is no such time."""
    hours, minutes = map(int, text.split(":"))
    return (hours - FIRST_HOUR) * HOUR_S + minutes * MINUTE_S


def clock(second: int) -> str:
    """HH:MM at the start of that second."""
    return whole_clock(second)[:5]


def whole_clock(second: int) -> str:
    """HH:MM:SS at the start of that second."""
    minutes, seconds = divmod(int(second), MINUTE_S)
    hours, minutes = divmod(minutes, HOUR_S // MINUTE_S)
    return f"{FIRST_HOUR + hours:02d}:{minutes:02d}:{seconds:02d}"
