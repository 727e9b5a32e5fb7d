"""Kernels read the days' own memory, and only if it is what they take it for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data.layout import SECONDS, Market
from data.market_day import MarketDay
from simulators.day_bank import DayBank
from simulators.execution_kernels import market_nb
from tests.support.simulation import bank_of, halted_day, settings, steady_day
from utils.errors import DataError
from utils.jit import njit


@njit
def total_nb(days, day, column):
    return market_nb(days[day])[:, column].sum()


def test_stored_days_are_read_in_place(tmp_path: Path) -> None:
    steady_day().save(tmp_path / "day")
    day = MarketDay.open(tmp_path / "day")
    bank = bank_of([day, halted_day()], settings())
    assert len(bank) == 2
    assert bank.table["market"][0] == day.market.ctypes.data
    assert not day.market.flags.owndata  # mapped, not loaded
    for i, known in enumerate(bank.days):
        assert total_nb(bank.table, i, int(Market.BID)) == pytest.approx(known.market[:, Market.BID].sum())
        assert bank.table["quote_count"][i] == len(known.quotes)
    assert bank.table["halt_count"].tolist() == [0, 1]
    assert bank.table["last_s"].tolist() == [SECONDS - 1] * 2


def test_a_day_of_another_layout_is_refused() -> None:
    day = steady_day()
    simulation = settings().simulation
    for name, wrong in {
        "market": day.market[:, :-1],
        "quotes": day.quotes[["ts_recv", "ts_event"]],
        "quote_rows": day.quote_rows.astype(np.int32),
    }.items():
        with pytest.raises(DataError, match=rf"FLAT 2025-04-15: {name}"):
            DayBank([dataclasses.replace(day, **{name: wrong})], simulation)
