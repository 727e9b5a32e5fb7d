from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from config.schema import ScannerConfig
from data.market_day import MarketDay
from data.rules import VANISHED
from data.scanner.index import MomentumIndex
from data.scanner.momentum_scanner import MomentumScanner
from tests.support.configs import load_config
from tests.support.made_momentum import DATE, MadeMarket, ManyDays
from utils.cluster.local import Local
from utils.errors import DataError


@pytest.fixture(scope="module")
def config() -> ScannerConfig:
    return load_config("scan", []).scanner


def scan(market: MadeMarket, config: ScannerConfig, cache: Path, *symbols: str, workers: int = 1) -> MomentumIndex:
    return MomentumScanner(config, market, market.day, cache, Local(workers, 0)).build_index(symbols or None)


def test_says_of_every_day_what_became_of_it(config: ScannerConfig, tmp_path: Path) -> None:
    index = scan(MadeMarket(), config, tmp_path)
    told = {row["symbol"]: (row["status"], row["reason"]) for row in index.days.iter_rows(named=True)}
    assert told["AAA"] == ("taken", "daily range 90%, volume 15.0x its mean")
    assert told["BBB"] == ("rejected", "daily range 0.0% is below 10%")
    assert told["CCC"][0] == "quarantined"
    assert "ends in the middle of a record [truncated]" in told["CCC"][1]
    assert told["DDD"] == (
        "quarantined",
        "gap +900% with 0.1x the usual share volume looks like a reverse split; if it is one, splits.csv needs "
        "the line DDD,2025-04-15,10 (check the ratio; columns symbol,date,factor)",
    )
    assert index.row("AAA", DATE)["triggered"]  # pyright: ignore[reportOptionalSubscript]


def test_a_file_that_vanishes_ends_the_scan_and_leaves_no_verdict(config: ScannerConfig, tmp_path: Path) -> None:
    class Gone(MadeMarket):
        def day(self, symbol: str, date: dt.date) -> MarketDay:
            raise DataError(f"{symbol} is gone", rule=VANISHED)

    with pytest.raises(DataError, match="is gone"):
        scan(Gone(), config, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_only_candidates_get_a_timeline_and_only_once(config: ScannerConfig, tmp_path: Path) -> None:
    market = MadeMarket()
    first = scan(market, config, tmp_path)
    assert market.built == ["AAA", "CCC"]
    second = scan(market, config, tmp_path)
    assert market.built == ["AAA", "CCC"]
    assert second.days.equals(first.days, null_equal=True)
    np.testing.assert_array_equal(first.reset_points("AAA", DATE), second.reset_points("AAA", DATE))
    assert first.about == second.about


def test_what_changes_a_verdict_changes_its_key(config: ScannerConfig, tmp_path: Path) -> None:
    market = MadeMarket()
    scan(market, config, tmp_path)
    scan(market, dataclasses.replace(config, threshold=0.9, log_every_s=1.0), tmp_path)
    assert len(market.built) == 2  # display only
    scan(market, dataclasses.replace(config, trigger=dataclasses.replace(config.trigger, min_gain=0.2)), tmp_path)
    assert len(market.built) == 4


def test_a_damaged_verdict_is_made_again(config: ScannerConfig, tmp_path: Path) -> None:
    market = MadeMarket()
    first = scan(market, config, tmp_path, "AAA")
    (stored,) = (tmp_path / "index" / "days").glob("*.json")
    stored.write_text(stored.read_text()[:50])
    assert scan(market, config, tmp_path, "AAA").days.equals(first.days, null_equal=True)
    assert market.built == ["AAA", "AAA"]


def test_known_split_is_judged_by_the_adjusted_close(config: ScannerConfig, tmp_path: Path) -> None:
    market = MadeMarket(split_factor=10.0)
    row = scan(market, config, tmp_path, "DDD").days.row(0, named=True)
    assert row["status"] == "rejected"
    assert row["reason"] == "after a known split: daily range 5.0% is below 10%"


def test_some_symbols(config: ScannerConfig, tmp_path: Path) -> None:
    assert scan(MadeMarket(), config, tmp_path, "bbb", "BBB").days["symbol"].to_list() == ["BBB"]
    with pytest.raises(DataError, match="no symbol"):
        scan(MadeMarket(), config, tmp_path, "NOPE")


def test_days_without_a_daily_bar_are_judged_by_their_timeline(config: ScannerConfig, tmp_path: Path) -> None:
    index = scan(ManyDays(count=3), config, tmp_path)
    assert index.days["reason"].unique().to_list() == ["no daily bar: judged by its timeline alone"]
    assert index.days.filter(pl.col("status") == "taken").height == 3


def test_daily_bars_without_files_are_counted(config: ScannerConfig, tmp_path: Path) -> None:
    class OnlyDaily(MadeMarket):
        def sessions(self, symbol: str) -> list[dt.date]:
            return []

    about = scan(OnlyDaily(), config, tmp_path).about["without_files"]
    assert about == {"candidates": 2, "quarantined": 1, "largest": [f"AAA {DATE}", f"CCC {DATE}"]}


@pytest.mark.slow
def test_a_pool_gives_what_one_process_gives(config: ScannerConfig, tmp_path: Path) -> None:
    alone = scan(ManyDays(count=33), config, tmp_path / "one")
    pooled = ManyDays(count=33)
    together = scan(pooled, config, tmp_path / "two", workers=2)
    assert pooled.built == []  # all in other processes
    assert together.days.equals(alone.days, null_equal=True)


def test_interrupt_keeps_what_is_done(config: ScannerConfig, tmp_path: Path) -> None:
    class Interrupted(ManyDays):
        def day(self, symbol: str, date: dt.date):  # type: ignore[no-untyped-def]
            if len(self.built) == 5:
                raise KeyboardInterrupt
            return super().day(symbol, date)

    with pytest.raises(KeyboardInterrupt):
        scan(Interrupted(), config, tmp_path)
    stored = list((tmp_path / "index" / "days").iterdir())
    assert len(stored) == 5
    assert all(path.suffix == ".json" for path in stored)
