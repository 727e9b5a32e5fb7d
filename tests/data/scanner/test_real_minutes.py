"""Quality on real 1-minute bars: GME and AMC from 14 March to 18 April 2022."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import databento
import numpy as np
import pytest

from data.layout import DAILY_ROWS, MINUTES, SECOND_NS, Bar, Daily
from data.market_day import MarketDay
from data.scanner.judge import Row, judge
from tests.support.configs import load_config
from tests.support.minute_days import real_day

RUNS = {("GME", dt.date(2022, 3, 22)), ("GME", dt.date(2022, 3, 28)), ("AMC", dt.date(2022, 3, 28))}
"""The days on which they closed 31 %, 25 % and 45 % up."""


def sessions(folder: Path, symbol: str) -> list[dt.date]:
    store = databento.DBNStore.from_file(folder / f"equs-mini-202203-202204.ohlcv-1m.{symbol}.dbn.zst")
    stamps = store.to_ndarray()["ts_event"] // SECOND_NS
    return sorted({dt.datetime.fromtimestamp(t, ZoneInfo("America/New_York")).date() for t in stamps.tolist()})


def with_history(days: list[MarketDay], day: MarketDay) -> MarketDay:
    """`day` after `days`: their last close, daily bars, and mean volume by the clock over at most 20 of them."""
    daily = np.zeros((DAILY_ROWS, len(Daily)))
    usual = np.zeros(MINUTES)
    for row, past in zip(daily[::-1], reversed(days), strict=False):
        bars = past.bars[past.bars[:, Bar.HAS_TRADE] > 0]
        high, low = bars[:, Bar.HIGH].max(), bars[:, Bar.LOW].min()
        row[:] = bars[0, Bar.OPEN], high, low, bars[-1, Bar.CLOSE], bars[:, Bar.VOLUME].sum()
    for past in days[-20:]:
        usual += np.cumsum(past.bars[:, Bar.VOLUME])[59::60] / len(days[-20:])
    return dataclasses.replace(day, previous_close=float(daily[-1, Daily.CLOSE]), daily=daily, clock_volume=usual)


@pytest.fixture(scope="module")
def judged(minute_folder: Path) -> dict[tuple[str, dt.date], Row]:
    config = load_config("scan", []).scanner
    found: dict[tuple[str, dt.date], Row] = {}
    for symbol in ("GME", "AMC"):
        past: list[MarketDay] = []
        for date in sessions(minute_folder, symbol):
            day = real_day(minute_folder, symbol, date)
            found[symbol, date] = judge(with_history(past, day), config).row
            past.append(day)
    return found


def test_known_run_days_rank_first(judged: dict[tuple[str, dt.date], Row]) -> None:
    """Of 44 days. 29 March gave back part of the run, so it is no run day; GME on the 18th is third."""
    ranked = sorted(judged, key=lambda key: -judged[key]["quality"])
    assert ranked[:2] == [("AMC", dt.date(2022, 3, 28)), ("GME", dt.date(2022, 3, 22))]
    assert set(ranked[:4]) >= RUNS
    assert len(ranked) == 44


def test_they_are_the_days_with_the_largest_gains(judged: dict[tuple[str, dt.date], Row]) -> None:
    known = {key: row["change"] for key, row in judged.items() if row["previous_close"] > 0}
    assert set(sorted(known, key=lambda key: -known[key])[:3]) == RUNS


def test_large_stocks_at_these_prices_never_trigger(judged: dict[tuple[str, dt.date], Row]) -> None:
    """GME stood above $80; AMC rose, but not on five times its volume of that heated month."""
    assert not any(row["triggered"] for row in judged.values())
