from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from agent.statistics.sessions import sessions_of

MONDAY, TUESDAY, WEDNESDAY = (dt.date(2025, 4, day) for day in (7, 8, 9))


def test_symbols_of_a_session_are_summed_and_idle_sessions_are_zeros() -> None:
    days = [TUESDAY, MONDAY, TUESDAY]
    sessions = sessions_of(days, np.array([1.0, 2.0, 4.0]), 1_000.0, held_out=[WEDNESDAY, MONDAY])
    assert sessions.dates == (MONDAY, TUESDAY, WEDNESDAY)
    np.testing.assert_array_equal(sessions.pnl, [2.0, 5.0, 0.0])
    assert sessions.capital == 2_000.0  # what two symbols at once take
    np.testing.assert_array_equal(sessions.returns, [0.001, 0.0025, 0.0])


def test_nothing_traded_at_all() -> None:
    sessions = sessions_of([], np.zeros(0), 500.0, held_out=[MONDAY, TUESDAY])
    np.testing.assert_array_equal(sessions.pnl, [0.0, 0.0])
    assert sessions.capital == 500.0


def test_every_symbol_day_belongs_to_a_session() -> None:
    with pytest.raises(ValueError, match="weights"):
        sessions_of([MONDAY], np.zeros(2), 500.0)
