"""Sessions that a command names: those that are not there are refused before the market is scanned."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from scripts.dates import sessions_within
from scripts.pipeline import open_market
from tests.support.configs import load_config
from tests.support.small_market import small
from utils.errors import ConfigError, DataError


def test_a_date_without_a_session_is_refused_before_the_scan(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = small(tmp_path)
    for name in ("2025-04-19", "2025-05-01:2025-05-09"):
        with pytest.raises(DataError, match=f"there is no data on {name}") as refused:
            open_market(load_config("backtest", [*words, f"backtest.date='{name}'"]))
        assert "backtest.date=2025-04-" in (refused.value.fix or "")
    assert "scan" not in caplog.text
    with pytest.raises(DataError, match="MLGX"):  # a symbol that is not there is told as such
        open_market(load_config("backtest", [*words, "backtest.date='2025-04-19'", "symbols=[MLGX]"]))


def test_a_date_or_a_range_names_sessions() -> None:
    there = [dt.date(2025, 4, day) for day in (10, 11, 14, 15)]
    assert sessions_within("2025-04-14", there) == there[2:3]
    assert sessions_within("2025-04-11:2025-04-14", there) == there[1:3]
    with pytest.raises(DataError, match="no session on 2025-04-12") as refused:
        sessions_within("2025-04-12", there, "session", "--date ")
    assert (refused.value.near, refused.value.fix) == (("2025-04-11", "2025-04-10", "2025-04-14"), "--date 2025-04-11")
    with pytest.raises(ConfigError, match="is no date"):
        sessions_within("monday", there)
