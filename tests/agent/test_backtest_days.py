from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from agent.backtest_days import BacktestDay, Found, select_days
from config.schema import BacktestConfig
from data.layout import RESET_POINT, SECONDS, ResetKind
from data.scanner.index import COLUMNS, MomentumIndex
from tests.support.configs import load_config
from utils.errors import ConfigError, DataError

DATES = {dt.date(2025, 4, 2), dt.date(2025, 4, 3)}


def _index(rows: Sequence[tuple[str, int, str, bool, int, float | None]]) -> MomentumIndex:
    names = ("symbol", "date", "status", "triggered", "trigger_s", "quality")
    plain = [dict(zip(names, row, strict=True)) | {"date": dt.date(2025, 4, row[1])} for row in rows]
    days = pl.DataFrame(plain, schema={name: COLUMNS[name] for name in names})
    points = np.zeros(2, RESET_POINT)
    points["second"], points["kind"] = (7_000, 9_000), (ResetKind.RANDOM, ResetKind.FLUSH)
    return MomentumIndex(days, {("A", dt.date(2025, 4, 2)): points}, {})


@pytest.fixture
def index() -> MomentumIndex:
    return _index(
        [
            ("B", 2, "rejected", True, 9000, None),  # a fader: low quality afterwards, but it did trigger
            ("A", 2, "taken", True, 8000, 0.4),
            ("C", 2, "taken", False, -1, 0.9),  # nobody could know
            ("D", 3, "quarantined", True, 5, 0.9),
            ("E", 9, "taken", True, 7, 0.9),
        ]
    )


def _config(*words: str) -> BacktestConfig:
    return load_config("backtest", list(words)).backtest


def test_days_are_chosen_by_what_was_known(index: MomentumIndex) -> None:
    days = select_days(index, DATES, _config(), (0, SECONDS))
    assert [day[:3] for day in days] == [("A", dt.date(2025, 4, 2), 8000), ("B", dt.date(2025, 4, 2), 9000)]
    assert {day.found for day in days} == {Found.EX_ANTE}
    later = select_days(index, {dt.date(2025, 4, 2)}, _config(), (8_500, 8_800))
    assert [day.start for day in later] == [8_500]
    with pytest.raises(DataError, match="no day to backtest"):
        select_days(index, {dt.date(2025, 4, 4)}, _config(), (0, SECONDS))


def test_every_day_from_the_first_second(index: MomentumIndex) -> None:
    days = select_days(index, DATES, _config("backtest.days=all"), (100, SECONDS))
    assert [(day.symbol, day.start, day.found) for day in days] == [(name, 100, Found.ALL) for name in "ABC"]


def test_oracle_selected_days_say_so(index: MomentumIndex) -> None:
    days = select_days(index, DATES, _config("backtest.days=oracle"), (100, SECONDS))
    assert days == [BacktestDay("C", dt.date(2025, 4, 2), 100, Found.ORACLE, 0.9)]
    lower = select_days(index, DATES, _config("backtest.days=oracle", "backtest.oracle_quality=0.3"), (100, SECONDS))
    assert [day.symbol for day in lower] == ["A", "C"]


def test_labels_are_the_detected_patterns_and_the_quality(index: MomentumIndex) -> None:
    first, second = select_days(index, DATES, _config(), (0, SECONDS))
    assert first.patterns == ((9_000, "flush"),)  # random controls are no pattern
    assert first.quality == 0.4
    assert second.patterns == ()
    assert math.isnan(second.quality)


def test_another_way_of_choosing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"backtest\.days"):
        _config("backtest.days=best")
