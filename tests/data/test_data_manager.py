"""Context, schema priority, hashes and errors of the manager; causality by changing what comes later."""

from __future__ import annotations

import datetime as dt
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import databento
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from config.schema import DataConfig, SampleMarketConfig, TimelineConfig
from data.calendar import previous_sessions, session
from data.data_manager import DataManager, open_data
from data.databento_provider import DatabentoProvider
from data.layout import DAILY_ROWS, Daily
from tests.data.dbn_files import DAY, at, bars, data_config, manager_of, records, utc_file
from utils.errors import ConfigError, DataError
from utils.paths import ROOT

DATE = dt.date(2024, 6, 12)


def utc_ns(date: dt.date) -> int:
    return int(pd.Timestamp(date, tz="UTC").value)


def daily_file(folder: Path, rows: Sequence[tuple[dt.date, float, int]], symbol: str = "AAA") -> Path:
    """ohlcv-1d of (date, close, volume)."""
    content = bars("ohlcv-1d", 1, [(utc_ns(d), c, c + 1, c - 1, c, v) for d, c, v in rows])
    first, last = rows[0][0], rows[-1][0]
    return utc_file(folder / "daily.dbn.zst", "ohlcv-1d", content, {symbol: 1}, first=first, end=last + DAY)


def minute_file(folder: Path, date: dt.date, rows: list[tuple[int, int]], symbol: str = "AAA") -> Path:
    """ohlcv-1m of (minute, volume) at $5."""
    content = bars("ohlcv-1m", 1, [(at(date, 60 * m), 5, 5, 5, 5, v) for m, v in rows])
    return utc_file(folder / f"{date}.1m.dbn.zst", "ohlcv-1m", content, {symbol: 1}, first=date)


def trade_file(folder: Path, date: dt.date, schema: str = "trades") -> Path:
    content = records(schema, [(1, at(date, 60 + n)) for n in range(5)])
    return utc_file(folder / f"{date}.{schema}.dbn.zst", schema, content, {"AAA": 1}, first=date)


# ---------------------------------------------------------------- context
def test_context_holds_what_was_known_before_the_session(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    dates = previous_sessions(DATE, 40)
    daily_file(folder, [(d, 10 + n, 1000 + n) for n, d in enumerate(dates)] + [(DATE, 99, 99)])
    minute_file(folder, dates[-1], [(0, 100), (330, 50)])
    minute_file(folder, dates[-2], [(1, 300)])
    minute_file(folder, DATE, [(0, 10**6)])
    context = manager_of(folder).context("AAA", DATE)
    assert context.previous_close == 49
    assert context.adjustment == 1
    assert context.daily.shape == (DAILY_ROWS, len(Daily))
    assert context.daily[:, Daily.CLOSE].tolist() == list(range(20, 50))
    assert context.daily[-1].tolist() == [49, 50, 48, 49, 1039]
    assert context.average_volume == np.mean(np.arange(1020, 1040))
    clock = context.clock_volume
    assert (clock[0], clock[1], clock[329], clock[330], clock[959]) == (50, 200, 200, 225, 225)


def test_nothing_known_is_zero(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    trade_file(folder, DATE)
    context = manager_of(folder).context("AAA", DATE)
    assert (context.previous_close, context.adjustment, context.average_volume) == (0, 1, 0)
    assert not context.daily.any()
    assert not context.clock_volume.any()


def test_few_daily_rows_stand_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    daily_file(folder, [(d, 10, 500) for d in previous_sessions(DATE, 3)])
    context = manager_of(folder).context("AAA", DATE)
    assert np.flatnonzero(context.daily[:, Daily.CLOSE]).tolist() == [27, 28, 29]
    assert context.average_volume == 500


def test_a_reverse_split_adjusts_what_came_before_it(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    dates = previous_sessions(DATE, 4)
    daily_file(folder, [(d, c, 1000) for d, c in zip(dates, (1.0, 1.0, 10.0, 11.0), strict=True)])
    minute_file(folder, dates[0], [(5, 1000)])
    minute_file(folder, dates[3], [(5, 1000)])
    (folder / "splits.csv").write_text(f"symbol,date,factor\nAAA,{dates[2]},10\nBBB,{dates[3]},7\n")
    manager = manager_of(folder)
    after = manager.context("AAA", DATE)
    np.testing.assert_allclose(after.daily[-4:, Daily.CLOSE], [10, 10, 10, 11])
    np.testing.assert_allclose(after.daily[-4:, Daily.VOLUME], [100, 100, 1000, 1000])
    assert (after.previous_close, after.adjustment) == (11, 1)
    assert after.clock_volume[-1] == (100 + 1000) / 2
    at_split = manager.context("AAA", dates[2])
    assert (at_split.previous_close, at_split.adjustment) == (10, 10)
    before = manager.context("AAA", dates[1])
    assert (before.previous_close, before.adjustment) == (1, 1)


@pytest.mark.parametrize(
    "text", ["symbol,when\nAAA,x\n", "symbol,date,factor\nAAA,12.6.24,10\n", "symbol,date,factor\nAAA,2024-06-12,0\n"]
)
def test_an_unreadable_split_table_is_refused_by_line(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "d"
    trade_file(folder, DATE)
    (folder / "splits.csv").write_text(text)
    with pytest.raises(DataError, match=r"splits\.csv") as caught:
        manager_of(folder)
    assert caught.value.rule == "splits"


def test_context_never_looks_at_the_session_or_later(tmp_path: Path) -> None:
    """The same past with another future gives the same context."""
    found: list[bytes] = []
    past = previous_sessions(DATE, 3)
    for future in (1, 50):
        folder = tmp_path / str(future)
        daily_file(folder, [(d, 10, 500) for d in past] + [(DATE, 10 * future, future), (DATE + DAY, future + 2, 7)])
        for date in past:
            minute_file(folder, date, [(100, 70)])
        minute_file(folder, DATE, [(100, 70 * future)])
        context = manager_of(folder).context("AAA", DATE)
        found.append(b"".join(np.asarray(part).tobytes() for part in context))
    assert found[0] == found[1]


def test_daily_bars_are_made_of_intraday_ones_where_there_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    before = previous_sessions(DATE, 2)
    daily_file(folder, [(before[0], 10, 500)])
    rows = [
        (at(before[1], s), *p, v)
        for s, p, v in (
            (600, (4.0, 9.0, 3.0, 4.0), 10),  # before the open: volume only
            (19_800, (5.0, 5.5, 4.8, 5.2), 20),
            (43_140, (5.2, 6.0, 5.1, 5.9), 30),
            (43_200, (7.0, 7.0, 7.0, 7.0), 40),
        )
    ]
    utc_file(folder / "m.dbn.zst", "ohlcv-1m", bars("ohlcv-1m", 1, rows), {"AAA": 1}, first=before[1])
    got = manager_of(folder).daily("AAA")
    assert got["date"].tolist() == [int(d.strftime("%Y%m%d")) for d in before]
    assert got[1].tolist()[1:] == (5.0, 6.0, 4.8, 5.9, 100.0)


# ---------------------------------------------------------------- minute volume
@pytest.mark.parametrize("drop", [(), ("ohlcv-1m",), ("ohlcv-1m", "ohlcv-1s"), ("ohlcv-1m", "ohlcv-1s", "trades")])
def test_minute_volume_of_a_real_day_from_every_schema(
    lean_folder: Path, tmp_path: Path, drop: tuple[str, ...]
) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for path in lean_folder.glob("*20131008*"):
        if not any(f".{schema}." in path.name for schema in drop):
            (folder / path.name).symlink_to(path)
    date = dt.date(2013, 10, 8)
    got = manager_of(folder).minute_volume("BAC", date)
    path = lean_folder / "equs-mini-20131008.trades.dbn.zst"
    store = databento.DBNStore.from_file(path)
    trades = pd.DataFrame(store.to_ndarray())
    trades = trades[trades["instrument_id"] == int(store.metadata.mappings["BAC"][0]["symbol"])]
    minute = (trades["ts_recv"].astype("int64") - session(date).start_ns) // 60_000_000_000
    want = np.bincount(minute, weights=trades["size"], minlength=960)
    np.testing.assert_array_equal(got, want)


def test_minutes_are_read_from_the_files_once(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    path = minute_file(folder, DATE, [(3, 70)])
    assert manager_of(folder).minute_volume("AAA", DATE)[3] == 70
    stored = list((tmp_path / "d-cache" / "minute_volume").iterdir())
    assert len(stored) == 1
    second = manager_of(folder)
    before = stored[0].stat().st_mtime_ns
    assert second.minute_volume("AAA", DATE)[3] == 70
    assert stored[0].stat().st_mtime_ns == before
    path.unlink()
    minute_file(folder, DATE, [(3, 71)])  # another content, another key
    assert manager_of(folder).minute_volume("AAA", DATE)[3] == 71


def test_a_damaged_earlier_day_is_left_out_of_the_context(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    earlier = previous_sessions(DATE, 2)
    minute_file(folder, earlier[0], [(m, 10) for m in range(300)])
    path = minute_file(folder, earlier[1], [(m, 1000) for m in range(300)])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    manager = manager_of(folder)
    assert manager.context("AAA", DATE).clock_volume[-1] == 3000
    assert not [p for p in (tmp_path / "d-cache" / "minute_volume").iterdir() if str(earlier[1]) in p.name]
    with pytest.raises(DataError, match="checksum"):
        manager.minute_volume("AAA", earlier[1])


def test_a_file_that_vanishes_is_no_part_of_the_context_but_an_error(tmp_path: Path) -> None:
    """Else the same day would silently look different in the middle of a run."""
    folder = tmp_path / "d"
    earlier = previous_sessions(DATE, 1)[0]
    trade_file(folder, DATE)
    path = minute_file(folder, earlier, [(3, 70)])
    manager = manager_of(folder)
    path.unlink()
    for ask in (manager.context, manager.sources):
        with pytest.raises(DataError, match=path.name) as caught:
            ask("AAA", DATE)
        assert caught.value.rule == "vanished"


# ---------------------------------------------------------------- events, sources
def test_the_first_schema_of_the_priority_that_is_there_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    trade_file(folder, DATE)
    trade_file(folder, DATE, "mbp-1")
    trade_file(folder, DATE + DAY)
    manager = manager_of(folder)
    assert manager.events("AAA", DATE)[0] == "mbp-1"
    schema, chunks = manager.events("AAA", DATE + DAY)
    assert schema == "trades"
    assert sum(map(len, chunks)) == 5
    assert manager.sessions("AAA") == [DATE, DATE + DAY]
    assert not manager.synthetic("AAA", DATE)
    only = DataManager(
        manager.provider, data_config(folder, priority=["mbp-1"]), TimelineConfig(clock_volume_sessions=20)
    )
    assert only.sessions("AAA") == [DATE]
    with pytest.raises(DataError, match="missing-schema"):
        only.events("AAA", DATE + DAY)


def test_status_is_an_array_or_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    trade_file(folder, DATE)
    trade_file(folder, DATE + DAY)
    content = records("status", [(1, at(DATE, 60))])
    content["action"], content["reason"] = 9, 50
    utc_file(folder / "s.dbn.zst", "status", content, {"AAA": 1}, first=DATE)
    manager = manager_of(folder)
    status = manager.status("AAA", DATE)
    assert status is not None
    assert status[["action", "reason"]].tolist() == [(9, 50)]
    assert manager.status("AAA", DATE + DAY) is None
    assert set(manager.sources("AAA", DATE)) == {f"{DATE}.trades.dbn.zst", "s.dbn.zst", "context"}


def test_sources_change_with_every_input_and_with_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    earlier = previous_sessions(DATE, 2)
    trade_file(folder, DATE)
    daily_file(folder, [(d, 10, 500) for d in earlier])
    minute_file(folder, earlier[1], [(3, 70)])
    first = manager_of(folder).sources("AAA", DATE)
    assert manager_of(folder).sources("AAA", DATE) == first
    trade_file(folder, DATE + DAY)  # the future
    os.utime(folder / f"{DATE}.trades.dbn.zst")  # a new time, the same content
    assert manager_of(folder).sources("AAA", DATE) == first
    (folder / "splits.csv").write_text(f"symbol,date,factor\nAAA,{earlier[1]},10\n")
    split = manager_of(folder).sources("AAA", DATE)
    assert {k for k in split if split[k] != first[k]} == {"context"}
    minute_file(folder, earlier[1], [(3, 71)])
    assert manager_of(folder).sources("AAA", DATE)["context"] != split["context"]


def test_a_worker_s_copy_says_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    trade_file(folder, DATE)
    manager = manager_of(folder)
    copy = pickle.loads(pickle.dumps(manager))  # noqa: S301 - our own object
    assert copy.sources("AAA", DATE) == manager.sources("AAA", DATE)


def test_symbols_are_found_whatever_their_case(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    trade_file(folder, DATE)
    manager = manager_of(folder)
    assert manager.resolve("aaa") == "AAA"
    with pytest.raises(DataError, match="unknown-symbol") as caught:
        manager.resolve("AAB")
    assert caught.value.near == ("AAA",)


def test_real_days(lean_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.symlink_to(lean_folder)
    manager = manager_of(folder)
    assert manager.symbols() == ["AIG", "BAC", "IBM"]
    assert manager.sessions("IBM") == [dt.date(2013, 10, d) for d in (7, 8, 9)]
    context = manager.context("IBM", dt.date(2013, 10, 9))
    assert context.previous_close == manager.daily("IBM")["close"][1]
    volumes = [manager.minute_volume("IBM", dt.date(2013, 10, d)) for d in (7, 8)]
    np.testing.assert_array_equal(context.clock_volume, np.cumsum(volumes[0] + volumes[1]) / 2)


# ---------------------------------------------------------------- open_data
_YAML = OmegaConf.load(ROOT / "config" / "sample" / "signal.yaml")
SAMPLE = cast("SampleMarketConfig", OmegaConf.to_object(OmegaConf.merge(SampleMarketConfig, _YAML)))
TIMELINE = TimelineConfig(clock_volume_sessions=20)


def config(folder: Path, source: str) -> DataConfig:
    return DataConfig(
        folder=str(folder),
        source=source,
        cache=str(folder) + "-cache",
        schema_priority=["trades"],
        publisher=0,
        splits=[],
        provider="databento",
        params={},
    )


@pytest.mark.parametrize("source", ["files", "auto"])
def test_files_are_used_where_there_are_any(tmp_path: Path, source: str) -> None:
    folder = tmp_path / "d"
    trade_file(folder / "mlgo", DATE)
    assert open_data(config(folder, source), SAMPLE, TIMELINE).sessions("AAA") == [DATE]


def test_an_empty_folder_is_told_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.source=sample") as caught:
        open_data(config(tmp_path / "nowhere", "files"), SAMPLE, TIMELINE)
    assert caught.value.rule == "no-files"
    assert "does not exist" in caught.value.what


def test_a_folder_of_damaged_files_is_never_silently_replaced_by_the_sample(tmp_path: Path) -> None:
    path = trade_file(tmp_path / "d", DATE)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError) as caught:
        open_data(config(tmp_path / "d", "auto"), SAMPLE, TIMELINE)
    assert caught.value.near == (f"{path.name} (truncated)",)


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fils") as caught:
        open_data(config(tmp_path, "fils"), SAMPLE, TIMELINE)
    assert caught.value.near == ("files",)


def test_provider_and_manager_agree_on_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    trade_file(folder, DATE)
    provider = DatabentoProvider(folder, data_config(folder))
    assert manager_of(folder).provider.folder == provider.folder == folder
