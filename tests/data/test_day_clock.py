"""The clock of a day, there and back."""

from __future__ import annotations

import pytest

from data.calendar import CLOSE_S, OPEN_S
from data.day_clock import clock, second_at, whole_clock
from data.layout import SECONDS


def test_the_clock_of_a_day() -> None:
    assert [second_at(text) for text in ("04:00", "09:30", "16:00", "20:00")] == [0, OPEN_S, CLOSE_S, SECONDS]
    assert [clock(second) for second in (0, OPEN_S, CLOSE_S + 59, SECONDS)] == ["04:00", "09:30", "16:00", "20:00"]
    assert whole_clock(OPEN_S + 61) == "09:31:01"
    assert all(second_at(clock(second)) == second for second in range(0, SECONDS, 60))
    with pytest.raises(ValueError, match="half"):
        second_at("half past nine")
