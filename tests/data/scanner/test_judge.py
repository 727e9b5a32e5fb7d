from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from config.schema import ScannerConfig
from data.layout import SECONDS
from data.market_day import MarketDay
from data.scanner.judge import judge
from tests.support.configs import load_config
from tests.support.made_momentum import day_of


@pytest.fixture(scope="module")
def config() -> ScannerConfig:
    return load_config("scan", []).scanner


def gapped(shares: float, price: float = 5.0) -> MarketDay:
    """At `price` all day after a close of $0.50 and a million shares a day; `shares` of the day."""
    return day_of(np.full(SECONDS, price), np.full(SECONDS, shares / SECONDS), previous_close=0.5)


@pytest.mark.parametrize(("shares", "support"), [(1e6, "1.0x, $5,000,000"), (4.9e6, "4.9x, $24,500,000")])
def test_a_gap_without_volume_asks_for_a_split(config: ScannerConfig, shares: float, support: str) -> None:
    row = judge(gapped(shares), config).row
    assert row["status"] == "quarantined"
    assert str(row["reason"]).startswith(f"gap +900% without supporting volume ({support})")
    assert "splits.csv needs the line MADE,2025-04-15,10 " in str(row["reason"])


def test_many_shares_of_few_dollars_are_no_support(config: ScannerConfig) -> None:
    thin = dataclasses.replace(gapped(1e5), daily=gapped(1e5).daily * 0.01)  # ten times the usual shares, $500,000
    assert judge(thin, config).row["status"] == "quarantined"


def test_a_gap_with_volume_is_taken(config: ScannerConfig) -> None:
    assert judge(gapped(6e6), config).row["status"] == "taken"


def test_a_known_split_is_told_with_the_whole_ratio(config: ScannerConfig) -> None:
    """2 was applied to $0.25, and 1:20 would have been right."""
    row = judge(dataclasses.replace(gapped(1e6), adjustment=2.0), config).row
    assert "needs the line MADE,2025-04-15,20 " in str(row["reason"])
