from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.statistics.days import day_figures, drawdowns, underwater
from agent.statistics.sessions import Sessions

FIRST = dt.date(2025, 4, 1)


def sessions(*pnl: float) -> Sessions:
    dates = tuple(FIRST + dt.timedelta(days=i) for i in range(len(pnl)))
    return Sessions(dates, np.array(pnl, np.float64), 1_000.0)


def test_days_by_hand() -> None:
    found = day_figures(np.array([10.0, 0.0, -4.0, 6.0, 0.0]))
    assert (found.sessions, found.idle, found.best, found.worst, found.median) == (5, 2, 10, -4, 0)
    assert (found.mean, found.hit_rate) == (pytest.approx(2.4), pytest.approx(2 / 3))
    assert found.deviation == pytest.approx(math.sqrt((7.6**2 + 2 * 2.4**2 + 6.4**2 + 3.6**2) / 4))
    idle = day_figures(np.zeros(3))
    assert (idle.mean, idle.idle) == (0, 3)
    assert math.isnan(idle.hit_rate)


def test_drawdowns_by_hand() -> None:
    found = drawdowns(sessions(10, -4, -3, 7, 5, -2, 1, -3))
    assert [(one.dollars, one.sessions) for one in found] == [(7, 3), (4, 3)]
    deep, last = found
    assert (deep.first, deep.trough, deep.back) == (dt.date(2025, 4, 2), dt.date(2025, 4, 3), dt.date(2025, 4, 4))
    assert (last.first, last.trough, last.back) == (dt.date(2025, 4, 6), dt.date(2025, 4, 8), None)


def test_a_loss_on_the_first_session_is_a_drawdown_and_idle_ones_are_none() -> None:
    (only,) = drawdowns(sessions(-5, 0, 2))
    assert (only.dollars, only.first, only.back, only.sessions) == (5, FIRST, None, 3)
    assert drawdowns(sessions(0, 0, 3)) == []


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=30))
def test_the_deepest_is_the_worst_stretch_of_all(pnl: list[int]) -> None:
    worst = min(sum(pnl[i:j]) for i in range(len(pnl)) for j in range(i, len(pnl) + 1))
    found = drawdowns(sessions(*map(float, pnl)))
    assert max((one.dollars for one in found), default=0.0) == pytest.approx(-worst)
    assert underwater(np.array(pnl, np.float64)).min() == pytest.approx(worst)
    under = sum(one.sessions - (one.back is not None) for one in found)
    assert under == (underwater(np.array(pnl, np.float64)) < -1e-6).sum()


def test_sums_that_come_back_to_a_peak_are_no_drawdown() -> None:
    found = drawdowns(sessions(0.3, -0.1, 0.1, 0.0, -0.2))  # 0.3 - 0.1 + 0.1 is not quite 0.3
    assert [(round(one.dollars, 9), one.sessions) for one in found] == [(0.2, 1), (0.1, 2)]
