"""Shares outstanding and float: point in time, in shares of the day asked for, refused where the table is wrong."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from config.schema import SampleMarketConfig, SplitEntry
from data.corporate_actions import Splits
from data.market_day import MarketDay
from data.reference import UNKNOWN, Reference
from data.sample_model import plan_days
from data.sample_shares import share_counts
from simulators.market_simulator import MarketSimulator
from tests.data.dbn_files import DAY, at, manager_of, records, utc_file
from tests.simulators.test_market_kernels import timeline
from utils.errors import DataError

DATE = dt.date(2024, 5, 1)
HEAD = "symbol,date,shares_outstanding,float_shares\n"
NO_SPLITS = Splits({})


def table(folder: Path, *lines: str) -> Reference:
    folder.mkdir(exist_ok=True)
    (folder / "reference.csv").write_text(HEAD + "\n".join(lines) + "\n")
    return Reference.read(folder)


def test_the_last_row_up_to_the_day_is_in_force(tmp_path: Path) -> None:
    found = table(tmp_path, "AAA,2024-05-10,3e6,1e6", "AAA,2024-05-01,2000000,500000", "BBB,2024-05-01,,7")
    assert found.shares("AAA", DATE - DAY, NO_SPLITS) == UNKNOWN
    assert found.shares("AAA", DATE, NO_SPLITS) == (2e6, 5e5)
    assert found.shares("AAA", dt.date(2024, 5, 9), NO_SPLITS) == (2e6, 5e5)
    assert found.shares("AAA", dt.date(2024, 5, 10), NO_SPLITS) == (3e6, 1e6)
    assert found.shares("BBB", DATE, NO_SPLITS) == (0, 7)
    assert found.shares("CCC", DATE, NO_SPLITS) == UNKNOWN


def test_splits_after_the_row_are_applied(tmp_path: Path) -> None:
    found = table(tmp_path, "AAA,2024-05-01,2000000,500000")
    entries = [SplitEntry("AAA", "2024-05-01", 3.0), SplitEntry("AAA", "2024-05-20", 10.0)]
    splits = Splits.read(tmp_path, entries)
    assert found.shares("AAA", DATE, splits) == (2e6, 5e5)  # counted after the split of that morning
    assert found.shares("AAA", dt.date(2024, 5, 19), splits) == (2e6, 5e5)
    assert found.shares("AAA", dt.date(2024, 5, 20), splits) == (2e5, 5e4)


def test_without_a_table_everything_is_unknown(tmp_path: Path) -> None:
    assert Reference.read(tmp_path / "nowhere").shares("AAA", DATE, NO_SPLITS) == UNKNOWN


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["AAA,2024-05-01,many,1"], "line 2.*'many'"),
        (["AAA,2024-05-01,2,1", "AAA,May,2,1"], "line 3.*'May'"),
        (["AAA,2024-05-01,-2,"], "line 2: -2.0 shares"),
        (["AAA,2024-05-01,nan,"], "line 2: nan shares"),
        ([" ,2024-05-01,2,1"], "line 2: no symbol"),
        (["AAA,2024-05-01,2,3"], "line 2: AAA has more shares in the float than outstanding"),
        (["AAA,2024-05-01,2,1", "AAA,2024-05-01,2,1", "AAA,2024-05-01,2,2"], "line 4: AAA has other numbers"),
        (["AAA"], "line 2"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(tmp_path: Path, lines: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        table(tmp_path, *lines)
    assert caught.value.rule == "reference" and "shares_outstanding" in caught.value.fix


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "reference.csv").write_text("symbol,date,float\nAAA,2024-05-01,1\n")
    with pytest.raises(DataError, match="columns are symbol, date, float"):
        Reference.read(tmp_path)


def test_a_day_carries_them_and_its_key_changes_with_them(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    content = records("trades", [(1, at(DATE, 60 + n)) for n in range(5)])
    utc_file(folder / "one.trades.dbn.zst", "trades", content, {"AAA": 1}, first=DATE)

    def day() -> MarketDay:
        return MarketSimulator(manager_of(folder), timeline(), tmp_path / "days").day("AAA", DATE)

    plain = day()
    table(folder, "AAA,2024-04-01,20000000,5000000")
    known = day()
    table(folder, "AAA,2024-04-01,20000000,5000000", "AAA,2024-05-02,30000000,5000000")
    assert day().key == known.key  # what comes later changes nothing
    table(folder, "AAA,2024-04-01,20000000,6000000")
    assert len({plain.key, known.key, day().key}) == 3
    assert (plain.shares_outstanding, plain.float_shares) == (0, 0)
    assert (known.shares_outstanding, known.float_shares) == (2e7, 5e6)
    (stored,) = (path.parent for path in (tmp_path / "days").rglob("arrays.bin"))
    assert MarketDay.open(stored).float_shares == 6e6


def test_the_sample_market_knows_most(sample_folder: Path, sample_config: SampleMarketConfig) -> None:
    found = Reference.read(sample_folder)
    for symbol, days in plan_days(sample_config).items():
        for day in days:
            shares = found.shares(symbol, day.session.date, NO_SPLITS)
            if symbol == sample_config.symbols[1]:
                assert shares == UNKNOWN
            else:
                outstanding, floating = (count / day.scale for count in shares)
                assert 6e6 <= outstanding < 60e6
                assert floating == 0 if symbol == sample_config.symbols[2] else 1e6 < floating < outstanding


def test_split_and_offering_of_the_sample_market_are_rows(sample_config: SampleMarketConfig) -> None:
    days = plan_days(sample_config)["SNTI"]
    counts = share_counts(sample_config, days)
    assert len({tuple(row[1:]) for row in counts}) == 3 and {row.day.scale for row in counts} == {1.0, 10.0}
    least, *_, most = sorted(row.outstanding / row.day.scale for row in counts)
    assert 1.1 <= most / least <= 1.3
