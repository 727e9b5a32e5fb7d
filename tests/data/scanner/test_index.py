from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.layout import RESET_POINT
from data.scanner.index import COLUMNS, DAYS, POINTS, SUMMARY, MomentumIndex
from data.scanner.judge import Status, from_plain, judge, to_plain, without_timeline
from data.scanner.table import clock, listed, render_table
from data.split import Split
from tests.support.configs import load_config
from tests.support.made_momentum import DATE, momentum_day, quiet_day
from utils.errors import DataError


@pytest.fixture(scope="module")
def index() -> MomentumIndex:
    config = load_config("scan", []).scanner
    return MomentumIndex.of(
        [
            ("ZZZ", DATE, without_timeline(Status.QUARANTINED, "cut short [truncated]\n  looked in: zzz")),
            ("BBB", DATE, judge(quiet_day(symbol="BBB"), config)),
            ("AAA", DATE, judge(momentum_day(symbol="AAA"), config)),
            ("AAA", DATE - dt.timedelta(days=1), without_timeline(Status.REJECTED, "daily range 2% is below 10%")),
        ],
        {"config_hash": "x"},
    )


def test_rows_are_ordered_and_typed(index: MomentumIndex) -> None:
    assert index.days["symbol"].to_list() == ["AAA", "AAA", "BBB", "ZZZ"]
    assert index.days.schema == pl.Schema(COLUMNS)
    assert index.days["status"].to_list() == ["rejected", "taken", "taken", "quarantined"]
    assert index.days["triggered"].to_list() == [False, True, False, False]
    assert index.days["quality"][0] is None
    row = index.row("AAA", DATE)
    assert row is not None
    assert row["reset_points"] == len(index.reset_points("AAA", DATE)) > 15
    assert row["flags"][0] == "float unknown"
    assert index.row("AAA", dt.date(2000, 1, 1)) is None
    assert index.reset_points("AAA", dt.date(2000, 1, 1)).dtype == RESET_POINT


def test_quality_is_the_weighted_sum_of_its_parts(index: MomentumIndex) -> None:
    row = index.row("AAA", DATE)
    assert row is not None
    weights = {"range": 0.25, "rvol": 0.2, "dollar_volume": 0.15, "trend": 0.15, "halts": 0.1, "spread": 0.15}
    assert row["quality"] == pytest.approx(sum(w * row[f"quality_{name}"] for name, w in weights.items()))


def test_round_trip(index: MomentumIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    index.save(tmp_path)  # over the old one
    read = MomentumIndex.load(tmp_path)
    assert read.days.equals(index.days, null_equal=True)
    for symbol in ("AAA", "BBB", "ZZZ"):
        np.testing.assert_array_equal(read.reset_points(symbol, DATE), index.reset_points(symbol, DATE))
    assert read.summary() == index.summary()
    summary = json.loads((tmp_path / SUMMARY).read_text())
    assert summary["days"] == {"taken": 2, "rejected": 1, "quarantined": 1}
    assert summary["reset_points"]["random"] == 12
    assert summary["config_hash"] == "x"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([DAYS, POINTS, SUMMARY])


def test_the_split_is_kept_with_the_index(index: MomentumIndex, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="which sessions train"):
        _ = MomentumIndex.of([], {}).split
    mine = MomentumIndex(index.days, {}, index.about)
    mine.fix_split(Split((DATE,), (), (DATE + dt.timedelta(days=2),)))
    mine.save(tmp_path)
    assert MomentumIndex.load(tmp_path).split == mine.split
    summary = json.loads((tmp_path / SUMMARY).read_text())
    assert summary["split"] == {"train": ["2025-04-15"], "validation": [], "test": ["2025-04-17"]}
    assert summary["split_hash"] == mine.split.hash


def test_empty_index(tmp_path: Path) -> None:
    MomentumIndex.of([], {}).save(tmp_path)
    assert len(MomentumIndex.load(tmp_path)) == 0


def test_load_refuses(index: MomentumIndex, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no index of momentum days yet") as missing:
        MomentumIndex.load(tmp_path)
    assert "build-index" in missing.value.fix
    index.save(tmp_path)
    good = (tmp_path / DAYS).read_bytes()
    (tmp_path / DAYS).write_bytes(good[:100])
    with pytest.raises(DataError, match="cannot be read"):
        MomentumIndex.load(tmp_path)
    (tmp_path / DAYS).write_bytes(good)
    about = json.loads((tmp_path / SUMMARY).read_text())
    (tmp_path / SUMMARY).write_text(json.dumps({**about, "version": 99}))
    with pytest.raises(DataError, match="version 99"):
        MomentumIndex.load(tmp_path)
    (tmp_path / SUMMARY).write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        MomentumIndex.load(tmp_path)


def test_a_verdict_survives_json(index: MomentumIndex) -> None:
    judged = judge(dataclasses.replace(momentum_day(), float_shares=5e6), load_config("scan", []).scanner)
    again = from_plain(json.loads(json.dumps(to_plain(judged), allow_nan=False)))
    assert again.row == judged.row
    np.testing.assert_array_equal(again.points, judged.points)


def test_listing(index: MomentumIndex) -> None:
    assert listed(index, 0.3)["symbol"].to_list() == ["AAA"]
    assert listed(index, 0.0)["symbol"].to_list() == ["AAA", "BBB"]
    everything = listed(index, 0.99, ("taken", "rejected", "quarantined"))
    assert everything["status"].to_list() == ["rejected", "quarantined"]
    assert len(listed(index, 0.0, rows=1)) == 1


def test_table_says_what_it_is(index: MomentumIndex) -> None:
    from rich.console import Console

    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(render_table(index, 0.0))
    text = console.export_text()
    assert "synthetic" in text
    assert "training only" in text
    assert "2025-04-15 AAA" in text
    assert "..." not in text
    console.print(render_table(index, 0.0, ("taken", "rejected", "quarantined")))
    text = console.export_text()
    assert "cut short [truncated]" in " ".join(text.split())
    assert "looked in" not in text


@pytest.mark.parametrize(("second", "text"), [(-1, "-"), (19_799, "09:30"), (59, "04:01"), (57_599, "20:00")])
def test_clock(second: int, text: str) -> None:
    assert clock(second) == text


def test_a_fold_is_a_copy_with_its_own_split_and_days(index: MomentumIndex) -> None:
    split = Split((DATE - dt.timedelta(days=1),), (), (DATE,))
    fold = index.fold(split, {("AAA", DATE)})
    assert fold.split == split
    assert "split" not in index.about
    assert fold.days.select("symbol", "date").rows() == [
        ("AAA", DATE - dt.timedelta(days=1)),
        ("BBB", DATE),
        ("ZZZ", DATE),
    ]
    assert (len(index), len(fold.reset_points("AAA", DATE))) == (4, 0)
    assert np.array_equal(fold.reset_points("BBB", DATE), index.reset_points("BBB", DATE))
