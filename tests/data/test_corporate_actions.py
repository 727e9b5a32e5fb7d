"""Splits of the configuration, of splits.csv and of Databento's adjustment factors: read, merged, checked against."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from config.schema import SplitEntry
from data.calendar import previous_sessions, utc_midnight_ns
from data.corporate_actions import Splits
from data.data_manager import DataManager
from data.databento_provider import DatabentoProvider
from data.layout import Bar, Daily, Market
from data.market_day import MarketDay
from data.scanner.momentum_scanner import MomentumScanner
from simulators.market_simulator import MarketSimulator
from tests.data.dbn_files import DAY, at, bars, data_config, records, utc_file
from tests.simulators.test_market_kernels import timeline
from tests.support.configs import load_config
from utils.cluster.local import Here
from utils.errors import DataError

BEFORE, DATE, LATER = dt.date(2024, 4, 30), dt.date(2024, 5, 1), dt.date(2024, 6, 1)
COLUMNS = (
    "ex_date,security_id,event_id,event,issuer_name,security_type,primary_exchange,exchange,operating_mic,symbol,"
    "nasdaq_symbol,local_code,local_code_resulting,isin,isin_resulting,us_code,status,factor,close,currency,sentiment,"
    "reason,gross_dividend,dividend_currency,frequency,option,detail,ts_created"
)


def factors(folder: Path, *rows: Mapping[str, object], name: str = "adjustments.csv") -> None:
    """A file of Databento's adjustment factors; `rows` differ from a 1:10 reverse split of AAA on DATE."""
    usual: dict[str, object] = {
        "symbol": "AAA",
        "ex_date": DATE,
        "event": "RSPLT",
        "event_id": "E-1",
        "status": "A",
        "option": 1,
    }
    usual |= {"factor": 10.0, "ts_created": "2024-04-02T00:00:00.000000000Z"}
    lines = [COLUMNS]
    lines += [",".join(str({**usual, **row}.get(column, "")) for column in COLUMNS.split(",")) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n")


def factor(folder: Path, symbol: str = "AAA", *entries: SplitEntry) -> float:
    return Splits.read(folder, entries).factor(symbol, BEFORE, LATER)


def test_a_factor_is_what_earlier_prices_are_multiplied_by(tmp_path: Path) -> None:
    splits = Splits.read(tmp_path, [SplitEntry("AAA", "2024-05-01", 10.0), SplitEntry("AAA", "2024-05-20", 0.5)])
    assert splits.factor("AAA", BEFORE, BEFORE) == 1
    assert splits.factor("AAA", BEFORE, DATE) == 10
    assert splits.factor("AAA", DATE, DATE) == 1
    assert splits.factor("AAA", BEFORE, LATER) == 5
    assert splits.factor("AAA", DATE, LATER) == 0.5
    assert splits.factor("BBB", BEFORE, LATER) == 1


def test_three_places_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("symbol,date,factor\nBBB,2024-05-02,4\nAAA,2024-05-01,10\n")
    factors(tmp_path, {"symbol": "CCC", "factor": 0.2, "event": "FSPLT"}, {})
    config = [SplitEntry("DDD", "2024-05-03", 3.0), SplitEntry("AAA", "2024-05-01", 10.0)]
    found = Splits.read(tmp_path, config)
    assert [found.factor(s, BEFORE, LATER) for s in ("AAA", "BBB", "CCC", "DDD")] == [10, 4, 0.2, 3]


def test_thirds_are_the_same_however_they_are_rounded(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("symbol,date,factor\nAAA,2024-05-01,0.3333\n")
    factors(tmp_path, {"factor": 1 / 3, "event": "FSPLT"})
    assert factor(tmp_path) == pytest.approx(1 / 3, rel=1e-3)


@pytest.mark.parametrize(
    ("config", "own", "databento", "places"),
    [
        (10.0, 0.1, None, ("data.splits[0]", "splits.csv line 2")),
        (10.0, None, 9.0, ("data.splits[0]", "adjustments.csv line 2")),
        (None, 8.0, 10.0, ("adjustments.csv line 2", "splits.csv line 2")),
    ],
)
def test_contradictions_are_told_with_both_places(
    tmp_path: Path, config: float | None, own: float | None, databento: float | None, places: tuple[str, str]
) -> None:
    if own:
        (tmp_path / "splits.csv").write_text(f"symbol,date,factor\nAAA,2024-05-01,{own}\n")
    if databento:
        factors(tmp_path, {"factor": databento})
    with pytest.raises(DataError, match="AAA has two factors for 2024-05-01") as caught:
        factor(tmp_path, "AAA", *([SplitEntry("AAA", "2024-05-01", config)] if config else []))
    assert caught.value.rule == "split-conflict"
    assert all(place in caught.value.what for place in places)
    assert "1:10 reverse = 10" in caught.value.fix


def test_a_row_that_stands_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("symbol,date,factor\n" + "AAA,2024-05-01,10\n" * 2)
    factors(tmp_path, {}, {})
    factors(tmp_path, {}, name="again.csv")
    assert factor(tmp_path) == 10


# ---------------------------------------------------------------- Databento's adjustment factors
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, 10.0),
        ({"event": "CONSD"}, 10.0),
        ({"event": "SD", "factor": 0.2}, 0.2),
        ({"event": "BON", "factor": 0.5}, 0.5),
        ({"event": "DIV", "factor": 0.95}, 0.95),  # paid in shares
        # Databento's own example, HYD: a cash dividend
        ({"event": "DIV", "factor": 0.995833170541121, "gross_dividend": 0.2133, "reason": 17}, 1.0),
        ({"event": "SOFF", "factor": 0.8}, 1.0),
        ({"event": "RTS", "factor": 0.9}, 1.0),
        ({"status": "P"}, 1.0),
        ({"status": "R"}, 1.0),
        ({"option": 2}, 1.0),
        ({"option": "1.0", "gross_dividend": "nan"}, 10.0),  # as pandas writes columns with gaps
        ({"ex_date": "2024-05-01 00:00:00"}, 10.0),
        ({"symbol": "", "nasdaq_symbol": "AAA"}, 10.0),  # all symbols were asked for
        ({"symbol": ""}, 1.0),
    ],
)
def test_which_factors_count(tmp_path: Path, row: dict[str, object], expected: float) -> None:
    factors(tmp_path, row)
    assert factor(tmp_path) == expected


def test_the_latest_update_of_an_event_stands(tmp_path: Path) -> None:
    later = {"ts_created": "2024-04-20T00:00:00.000000000Z"}
    factors(tmp_path, {"factor": 12.0} | later, {"factor": 10.0})
    assert factor(tmp_path) == 12
    factors(tmp_path, {}, {"status": "R"} | later)
    assert factor(tmp_path) == 1
    factors(tmp_path, {}, {"ex_date": LATER} | later)  # put off
    assert Splits.read(tmp_path, []).factor("AAA", BEFORE, DATE) == 1
    assert factor(tmp_path) == 10


def test_events_of_one_day_multiply(tmp_path: Path) -> None:
    factors(tmp_path, {}, {"event_id": "E-2", "event": "BON", "factor": 0.5})
    assert factor(tmp_path) == 5


def test_three_columns_are_enough_and_other_tables_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_text("symbol,ex_date,factor\nAAA,2024-05-01,10\n")
    (tmp_path / "notes.csv").write_bytes(b"symbol,remark\nAAA,\xff\n")
    (tmp_path / "empty.csv").write_text("")
    below = tmp_path / "below"
    below.mkdir()
    factors(below, {"factor": 3.0})
    assert factor(tmp_path) == 10


@pytest.mark.parametrize("row", [{"factor": "-"}, {"factor": 0}, {"factor": "inf"}, {"ex_date": "May 1"}])
def test_an_unreadable_factor_is_refused_by_line(tmp_path: Path, row: dict[str, object]) -> None:
    factors(tmp_path, {}, {"event_id": "E-2"} | row)
    with pytest.raises(DataError, match=r"adjustments\.csv.*line 3") as caught:
        factor(tmp_path)
    assert caught.value.rule == "splits"


# ---------------------------------------------------------------- a made folder with a 1:10 reverse split
SPLIT_DAY = dt.date(2025, 4, 15)
EARLIER = previous_sessions(SPLIT_DAY, 20)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AAA at $0.50 with a million shares a day, then 1:10: $5.00 and half a million new ones (fivefold), raw."""
    folder = tmp_path_factory.mktemp("split") / "dnb"
    daily = [(utc_midnight_ns(d), 0.5, 0.52, 0.48, 0.5, 1_000_000) for d in EARLIER]
    daily.append((utc_midnight_ns(SPLIT_DAY), 5.0, 5.8, 4.9, 5.5, 500_000))
    content = bars("ohlcv-1d", 7, daily)
    utc_file(folder / "d.dbn.zst", "ohlcv-1d", content, {"AAA": 7}, first=EARLIER[0], end=SPLIT_DAY + DAY)
    minutes = bars("ohlcv-1m", 7, [(at(EARLIER[-1], 60 * m), 0.5, 0.5, 0.5, 0.5, 1_000) for m in range(330, 720)])
    utc_file(folder / "m.dbn.zst", "ohlcv-1m", minutes, {"AAA": 7}, first=EARLIER[-1])
    events = records("mbp-1", [(7, at(SPLIT_DAY, 19_800 + 10 * n)) for n in range(2_000)])
    price = np.round(500 + np.linspace(0, 50, 2_000)).astype(np.int64) * 10_000_000  # whole cents: $5.00 to $5.50
    events["price"], events["bid_px"], events["ask_px"] = price, price - 10_000_000, price + 10_000_000
    events["size"], events["bid_sz"], events["ask_sz"], events["bid_ct"], events["ask_ct"] = 250, 300, 400, 1, 1
    utc_file(folder / "e.dbn.zst", "mbp-1", events, {"AAA": 7}, first=SPLIT_DAY)
    return folder


def manager(folder: Path, *entries: SplitEntry) -> DataManager:
    config = dataclasses.replace(data_config(folder), splits=list(entries))
    return DataManager(DatabentoProvider(folder, config), config, timeline())


def day_of(folder: Path, *entries: SplitEntry) -> MarketDay:
    cache = Path(data_config(folder).cache)
    return MarketSimulator(manager(folder, *entries), timeline(), cache).day("AAA", SPLIT_DAY)


def scanned(folder: Path, cache: Path, *entries: SplitEntry) -> dict[str, object]:
    """The index's row of the day."""
    data, config = manager(folder, *entries), load_config("scan", []).scanner
    days = MarketSimulator(data, timeline(), Path(data_config(folder).cache))
    return MomentumScanner(config, data, days.day, cache, Here()).build_index(["AAA"]).row("AAA", SPLIT_DAY) or {}


KNOWN = SplitEntry("AAA", SPLIT_DAY.isoformat(), 10.0)


def test_raw_prices_stay_raw_and_what_came_before_is_adjusted(market: Path) -> None:
    plain, day = day_of(market), day_of(market, KNOWN)
    for name in ("bars", "quotes", "trades"):  # all that ticks, filters, fills and fees look at
        assert getattr(day, name).tobytes() == getattr(plain, name).tobytes()
    assert day.market[:, : Market.CLOSE + 1].tobytes() == plain.market[:, : Market.CLOSE + 1].tobytes()
    traded = day.bars[day.bars[:, Bar.HAS_TRADE] > 0]
    assert (traded[0, Bar.OPEN], traded[-1, Bar.CLOSE]) == (5.0, 5.5)
    assert (plain.previous_close, plain.adjustment) == (0.5, 1)
    assert (day.previous_close, day.adjustment) == (5, 10)
    assert plain.daily[-1].tolist() == [0.5, 0.52, 0.48, 0.5, 1_000_000]
    np.testing.assert_allclose(day.daily[-20:], [[5, 5.2, 4.8, 5, 100_000]] * 20, rtol=1e-12)
    assert (plain.clock_volume[-1], day.clock_volume[-1]) == (390_000, 39_000)


def test_raw_daily_bars_are_not_touched(market: Path) -> None:
    data = manager(market, KNOWN)
    assert data.daily("AAA")["close"].tolist() == [0.5] * 20 + [5.5]
    after = data.context("AAA", SPLIT_DAY + DAY)
    assert (after.previous_close, after.adjustment) == (5.5, 1)
    np.testing.assert_allclose(after.daily[-2:, Daily.CLOSE], [5, 5.5])


def test_the_line_that_a_quarantined_day_asks_for_frees_it(market: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dnb"
    shutil.copytree(market, folder)
    row = scanned(folder, tmp_path)
    assert row["status"] == "quarantined"
    line = re.search(r"needs the line (\S+) \(check the ratio; columns (\S+)\)", str(row["reason"]))
    assert line is not None
    assert line[1] == "AAA,2025-04-15,10"
    (folder / "splits.csv").write_text(f"{line[2]}\n{line[1]}\n")
    row = scanned(folder, tmp_path)
    assert row["status"] == "taken"
    assert str(row["reason"]).startswith("after a known split: daily range")
    assert (row["adjustment"], row["previous_close"], row["gap"]) == (10, 5, 0)


def test_a_known_split_with_the_wrong_ratio_is_told_with_the_whole_one(market: Path, tmp_path: Path) -> None:
    row = scanned(market, tmp_path, SplitEntry("AAA", SPLIT_DAY.isoformat(), 2.0))
    assert row["status"] == "quarantined"
    assert "splits.csv needs the line AAA,2025-04-15,10 " in str(row["reason"])


def test_without_a_daily_file_it_is_the_same(market: Path, tmp_path: Path) -> None:
    """The previous close then comes from the minutes of the day before."""
    folder = tmp_path / "dnb"
    shutil.copytree(market, folder)
    (folder / "d.dbn.zst").unlink()
    row = scanned(folder, tmp_path)
    assert row["status"] == "quarantined"
    assert "splits.csv needs the line AAA,2025-04-15,10 " in str(row["reason"])
    assert scanned(folder, tmp_path, KNOWN)["status"] == "taken"
