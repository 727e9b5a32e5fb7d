"""Reading by symbol, date and schema: real files against databento's own reader, traps by files made for them."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path

import databento
import numpy as np
import pandas as pd
import pytest

from data.calendar import session
from data.dbn_stream import CHUNK_BYTES
from data.layout import WIRE
from tests.data.dbn_files import DAY, at, bars, provider_of, read, records, utc_file
from utils.errors import DataError

WINTER = dt.date(2024, 1, 10)
SUMMER = dt.date(2024, 6, 12)
MIDNIGHT_S = 54_000  # 19:00 New York in winter: midnight UTC


def of_databento(path: Path, number: int) -> np.ndarray:
    """The file's records of one instrument as databento decodes them."""
    whole = databento.DBNStore.from_file(path).to_ndarray()
    return whole[whole["instrument_id"] == number]


# ---------------------------------------------------------------- against databento
@pytest.mark.parametrize("schema", ["mbp-1", "trades", "ohlcv-1s", "ohlcv-1m"])
@pytest.mark.parametrize(("symbol", "date"), [("IBM", dt.date(2013, 10, 7)), ("AIG", dt.date(2013, 10, 9))])
def test_real_days_are_bitwise_what_databento_decodes(
    lean_folder: Path, tmp_path: Path, schema: str, symbol: str, date: dt.date
) -> None:
    # Only these files: the scan is the same, but the cache must not go beside the read-only folder.
    folder = tmp_path / "data"
    folder.symlink_to(lean_folder)
    got = read(provider_of(folder), symbol, date, schema)
    path = lean_folder / f"equs-mini-{date:%Y%m%d}.{schema}.dbn.zst"
    intervals = databento.DBNStore.from_file(path).metadata.mappings[symbol]
    want = of_databento(path, int(intervals[0]["symbol"]))
    clock = session(date)
    time = want["ts_event" if schema.startswith("ohlcv") else "ts_recv"]
    want = want[(time >= clock.start_ns) & (time < clock.end_ns)]
    assert got.dtype == WIRE[schema]
    assert got.tobytes() == want.tobytes()
    assert len(got)


@pytest.mark.parametrize("schema", ["mbp-1", "trades", "ohlcv-1s", "ohlcv-1m", "status"])
@pytest.mark.parametrize(
    "name", ["test_data.{}.v1.dbn.zst", "test_data.{}.v2.dbn.zst", "test_data.{}.v3.dbn.zst", "test_data.{}.dbn"]
)
def test_every_version_of_the_format(dbn_test_folder: Path, tmp_path: Path, schema: str, name: str) -> None:
    source = dbn_test_folder / name.format(schema)
    if not source.exists():
        assert schema == "status"
        return
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / source.name).symlink_to(source)
    date = dt.date(2020, 12, 28)
    got = read(provider_of(folder), "ESH1", date, schema)
    want = databento.DBNStore.from_file(source).to_ndarray()
    time = want["ts_event" if schema.startswith("ohlcv") else "ts_recv"]
    want = want[(time >= session(date).start_ns) & (time < session(date).end_ns)]
    assert got.tobytes() == want.tobytes()
    assert len(got) >= 2


def test_daily_bars_of_thousands_of_symbols(daily_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.symlink_to(daily_folder)
    provider = provider_of(folder)
    assert len(provider.symbols()) > 6000
    store = databento.DBNStore.from_file(next(daily_folder.glob("*.dbn.zst")))
    numbers = {s: int(v[0]["symbol"]) for s, v in store.metadata.mappings.items()}
    whole = store.to_ndarray()
    for symbol in ("AAPL", "DRYS", provider.symbols()[-1]):
        want = whole[whole["instrument_id"] == numbers[symbol]]
        got = provider.daily(symbol)
        want = want[np.argsort(want["ts_event"])]
        dates = pd.DatetimeIndex(want["ts_event"].astype("datetime64[ns]")).strftime("%Y%m%d")
        np.testing.assert_array_equal(got["date"], dates.astype(int))
        for name in ("open", "high", "low", "close"):
            np.testing.assert_array_equal(got[name], want[name] / 1e9)
        np.testing.assert_array_equal(got["volume"], want["volume"])
    assert len(provider.daily("no such symbol")) == 0
    again = provider_of(folder)  # from the stored index
    assert again.daily("AAPL").tobytes() == provider.daily("AAPL").tobytes()


# ---------------------------------------------------------------- dates and borders
def test_a_winter_day_spans_two_utc_files_and_two_ids(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    border = [(1, at(WINTER, s)) for s in (-1, 0, 100, MIDNIGHT_S - 1)]
    other = [(2, at(WINTER, 50))]
    utc_file(
        folder / "a.dbn.zst",
        "trades",
        records("trades", sorted(border + other, key=lambda r: r[1])),
        {"AAA": 1, "BBB": 2},
        first=WINTER,
    )
    evening = [
        (2, at(WINTER, MIDNIGHT_S)),
        (1, at(WINTER, MIDNIGHT_S + 5)),
        (2, at(WINTER, 57_599)),
        (2, at(WINTER, 57_600)),
    ]
    utc_file(folder / "b.dbn.zst", "trades", records("trades", evening), {"AAA": 2, "BBB": 1}, first=WINTER + DAY)
    provider = provider_of(folder)
    got = read(provider, "AAA", WINTER, "trades")
    assert got["ts_recv"].tolist() == [at(WINTER, s) for s in (0, 100, MIDNIGHT_S - 1, MIDNIGHT_S, 57_599)]
    assert read(provider, "BBB", WINTER, "trades")["ts_recv"].tolist() == [at(WINTER, 50), at(WINTER, MIDNIGHT_S + 5)]
    assert provider.dates("AAA") == [WINTER, WINTER + DAY]
    assert [p.name for p in provider.source_files("AAA", WINTER)] == ["a.dbn.zst", "b.dbn.zst"]


def test_an_evening_alone_is_no_session(tmp_path: Path) -> None:
    utc_file(tmp_path / "d" / "b.dbn.zst", "trades", records("trades", []), {"AAA": 2}, first=WINTER)
    provider = provider_of(tmp_path / "d")
    assert provider.dates("AAA") == [WINTER]
    assert provider.schemas("AAA", WINTER - DAY) == set()


def test_a_map_that_ends_at_midnight_keeps_its_last_id_unless_another_has_it(tmp_path: Path) -> None:
    rows = [(1, at(WINTER, 10)), (1, at(WINTER, MIDNIGHT_S + 10))]
    for name, other, count in (("a", 7, 2), ("b", 1, 1)):
        symbols = {"AAA": [(WINTER, WINTER + DAY, 1)], "BBB": [(WINTER + DAY, WINTER + 2 * DAY, other)]}
        utc_file(
            tmp_path / name / "x.dbn.zst",
            "trades",
            records("trades", rows),
            symbols,
            first=WINTER,
            end=WINTER + 2 * DAY,
        )
        assert len(read(provider_of(tmp_path / name), "AAA", WINTER, "trades")) == count


def test_one_file_over_many_days_with_changing_ids(tmp_path: Path) -> None:
    first = dt.date(2024, 6, 10)
    dates = [first + n * DAY for n in range(5)]
    rows = [(1 + (n + k) % 2, at(d, 60 + k)) for n, d in enumerate(dates) for k in range(2)]
    symbols = {s: [(d, d + DAY, 1 + (n + k) % 2) for n, d in enumerate(dates)] for k, s in enumerate(("AAA", "BBB"))}
    utc_file(tmp_path / "d" / "x.dbn.zst", "trades", records("trades", rows), symbols, first=first, end=first + 7 * DAY)
    provider = provider_of(tmp_path / "d")
    assert provider.dates("BBB") == dates
    for _ in range(2):  # the second time each read stops behind its day
        for k, symbol in enumerate(("AAA", "BBB")):
            for date in dates:
                assert read(provider, symbol, date, "trades")["ts_recv"].tolist() == [at(date, 60 + k)]


# ---------------------------------------------------------------- several of everything
def test_chunks_do_not_depend_on_the_file_s_size_and_may_be_kept(tmp_path: Path) -> None:
    count = 3 * CHUNK_BYTES // 80 + 17
    rows = [(1 + n % 3, at(SUMMER, 1 + n / 100)) for n in range(count)]
    content = records("mbp-1", rows)
    for compressed in (True, False):
        folder = tmp_path / str(compressed)
        utc_file(folder / "x.dbn", "mbp-1", content, {"A": 1, "B": 2, "C": 3}, first=SUMMER, compressed=compressed)
        chunks = list(provider_of(folder).chunks("B", SUMMER, "mbp-1"))
        assert len(chunks) > 3
        got = np.concatenate(chunks)
        want = content[content["instrument_id"] == 2]
        want["length"], want["rtype"] = 20, 1
        assert got.tobytes() == want.tobytes()


def test_overlapping_files_are_read_once(tmp_path: Path) -> None:
    rows = [(1, at(SUMMER + n * DAY, 60)) for n in range(2)]
    content = records("trades", rows)
    utc_file(tmp_path / "d" / "month.dbn.zst", "trades", content, {"AAA": 1}, first=SUMMER, end=SUMMER + 2 * DAY)
    utc_file(tmp_path / "d" / "day.dbn.zst", "trades", content[:1], {"AAA": 1}, first=SUMMER)
    provider = provider_of(tmp_path / "d")
    assert len(read(provider, "AAA", SUMMER, "trades")) == 1
    assert len(read(provider, "AAA", SUMMER + DAY, "trades")) == 1


def test_of_several_datasets_the_consolidated_one_is_read(tmp_path: Path) -> None:
    for dataset, price in (("XNAS.ITCH", 1), ("EQUS.MINI", 2), ("ARCX.PILLAR", 3)):
        content = records("trades", [(1, at(SUMMER, 60))])
        content["price"] = price
        utc_file(tmp_path / "d" / f"{dataset}.dbn.zst", "trades", content, {"AAA": 1}, first=SUMMER, dataset=dataset)
    provider = provider_of(tmp_path / "d")
    assert read(provider, "AAA", SUMMER, "trades")["price"].tolist() == [2]
    assert provider.dataset("AAA", SUMMER, "trades") == "EQUS.MINI"


def test_publishers_of_events_and_bars(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    events = np.concatenate(
        [records("trades", [(1, at(SUMMER, 60 + n))], publisher=p) for n, p in enumerate((7, 8, 7))]
    )
    utc_file(folder / "t.dbn.zst", "trades", events, {"AAA": 1}, first=SUMMER)
    start = at(SUMMER, 60)
    rows = [
        bars("ohlcv-1s", 1, [(start, 5.0, 5.2, 4.9, 5.1, 100)], publisher=7),
        bars("ohlcv-1s", 1, [(start, 5.01, 5.3, 5.0, 5.02, 300)], publisher=8),
        bars("ohlcv-1s", 1, [(start + 10**9, 5.1, 5.1, 5.1, 5.1, 50)], publisher=8),
    ]
    utc_file(folder / "b.dbn.zst", "ohlcv-1s", np.concatenate(rows), {"AAA": 1}, first=SUMMER)
    all_of_them, one = provider_of(folder), provider_of(folder, publisher=7)
    assert read(all_of_them, "AAA", SUMMER, "trades")["publisher_id"].tolist() == [7, 8, 7]
    assert read(one, "AAA", SUMMER, "trades")["publisher_id"].tolist() == [7, 7]
    got = read(all_of_them, "AAA", SUMMER, "ohlcv-1s")
    prices = [[round(float(b[f]) / 1e9, 4) for f in ("open", "high", "low", "close")] for b in got]
    assert prices == [[5.01, 5.3, 4.9, 5.02], [5.1] * 4]
    assert got["volume"].tolist() == [400, 50]
    assert read(one, "AAA", SUMMER, "ohlcv-1s")["volume"].tolist() == [100]


def test_daily_bars_from_many_files_publishers_and_repeats(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    day = [SUMMER + n * DAY for n in range(3)]
    ns = [int(pd.Timestamp(d, tz="UTC").value) for d in day]
    first = [
        bars("ohlcv-1d", 1, [(ns[0], 5, 6, 4, 5.5, 100)], publisher=7),
        bars("ohlcv-1d", 1, [(ns[0], 5, 7, 4.5, 5.6, 50)], publisher=8),
        bars("ohlcv-1d", 2, [(ns[0], 9, 9, 9, 9, 9)]),
        bars("ohlcv-1d", 3, [(ns[0], 1, 1, 1, 1, 1)]),
    ]
    utc_file(folder / "1.dbn.zst", "ohlcv-1d", np.concatenate(first), {"AAA": 1, "BBB": 2}, first=day[0])
    # The id changes hands, and the range repeats the first day.
    second = [bars("ohlcv-1d", 2, [(ns[1], 6, 6, 6, 6, 60)]), bars("ohlcv-1d", 1, [(ns[1], 8, 8, 8, 8, 80)])]
    utc_file(folder / "2.dbn.zst", "ohlcv-1d", np.concatenate(second), {"AAA": 2, "BBB": 1}, first=day[1])
    again = [bars("ohlcv-1d", 5, [(ns[0], 1, 1, 1, 1, 1), (ns[2], 3, 3, 3, 3, 33)])]
    utc_file(folder / "3.dbn.zst", "ohlcv-1d", np.concatenate(again), {"AAA": 5}, first=day[0], end=day[2] + DAY)
    provider = provider_of(folder)
    got = provider.daily("AAA")
    assert got["date"].tolist() == [20240612, 20240613, 20240614]
    assert got[0].tolist() == (20240612, 5.0, 7.0, 4.0, 5.5, 150.0)
    assert got["volume"].tolist() == [150, 60, 33]
    assert provider.daily("BBB")["volume"].tolist() == [9, 80]
    assert provider.dates("AAA") == []


def test_a_damaged_daily_file_is_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    for n, date in enumerate((SUMMER, SUMMER + DAY)):
        ns = int(pd.Timestamp(date, tz="UTC").value)
        rows = [bars("ohlcv-1d", k, [(ns, 5 + k / 100, 6, 4, 5, 100)]) for k in range(200)]
        path = utc_file(
            folder / f"{n}.dbn.zst", "ohlcv-1d", np.concatenate(rows), {f"S{k}": k for k in range(200)}, first=date
        )
        if n:
            content = bytearray(path.read_bytes())
            content[-1] ^= 1  # the checksum itself
            path.write_bytes(content)
    assert provider_of(folder).daily("S7")["date"].tolist() == [20240612]


# ---------------------------------------------------------------- errors, workers
def test_requests_for_what_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    utc_file(folder / "x.dbn.zst", "trades", records("trades", []), {"MLGO": 1}, first=SUMMER)
    (folder / "x-2024-06-13.mbp-1.dbn.zst").write_bytes(b"")
    provider = provider_of(folder)
    with pytest.raises(DataError) as unknown:
        provider.chunks("MLG0", SUMMER, "trades")
    assert (unknown.value.rule, unknown.value.near) == ("unknown-symbol", ("MLGO",))
    with pytest.raises(DataError) as date:
        provider.chunks("MLGO", SUMMER + DAY, "trades")
    assert (date.value.rule, date.value.near) == ("no-data", ("2024-06-12",))
    assert "x-2024-06-13.mbp-1.dbn.zst" in date.value.what
    with pytest.raises(DataError) as schema:
        provider.chunks("MLGO", SUMMER, "mbp-1")
    assert (schema.value.rule, schema.value.near) == ("missing-schema", ("trades",))
    assert str(folder) in str(schema.value)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    provider = provider_of(tmp_path / "nowhere")
    assert (provider.files, provider.quarantined, provider.symbols()) == ((), (), [])


def test_links_are_followed_once(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    utc_file(
        tmp_path / "disk" / "x.dbn.zst", "trades", records("trades", [(1, at(SUMMER, 60))]), {"AAA": 1}, first=SUMMER
    )
    folder.mkdir()
    (folder / "mlgo").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(folder)
    provider = provider_of(folder)
    assert [f.name for f in provider.files] == ["mlgo/x.dbn.zst"]
    assert len(read(provider, "AAA", SUMMER, "trades")) == 1


def test_a_worker_s_copy_reads_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    utc_file(folder / "x.dbn.zst", "trades", records("trades", [(1, at(SUMMER, 60))]), {"AAA": 1}, first=SUMMER)
    ns = int(pd.Timestamp(SUMMER, tz="UTC").value)
    utc_file(folder / "y.dbn.zst", "ohlcv-1d", bars("ohlcv-1d", 1, [(ns, 5, 6, 4, 5, 100)]), {"AAA": 1}, first=SUMMER)
    provider = provider_of(folder)
    provider.daily("AAA")
    copy = pickle.loads(pickle.dumps(provider))  # noqa: S301 - our own object
    assert read(copy, "AAA", SUMMER, "trades").tobytes() == read(provider, "AAA", SUMMER, "trades").tobytes()
    assert copy.daily("AAA").tobytes() == provider.daily("AAA").tobytes()


def test_each_kind_of_repair_is_told_once_and_summed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = records("trades", [(1, at(SUMMER, 60 + n)) for n in range(200)])
    content["ts_recv"][7] -= 2 * 10**9
    utc_file(tmp_path / "d" / "x.dbn.zst", "trades", content, {"AAA": 1}, first=SUMMER)
    provider = provider_of(tmp_path / "d")
    with caplog.at_level("INFO"):
        read(provider, "AAA", SUMMER, "trades")
        read(provider, "AAA", SUMMER, "trades")
    assert [r.message for r in caplog.records if "out-of-order x 1" in r.message] != []
    assert sum("out-of-order" in r.message for r in caplog.records) == 1
    assert provider.repairs == {"out-of-order": 2}


def test_the_kernels_are_the_same_interpreted(tmp_path: Path) -> None:
    """The compiled pass against its own source, on records that need every repair."""
    from data.dbn_stream import new_state, select_nb

    rng = np.random.default_rng(3)
    rows = [(int(n), at(SUMMER, 60 + k)) for k, n in enumerate(rng.integers(1, 4, 300))]
    content = records("trades", rows)
    content["length"], content["publisher_id"] = 12, rng.integers(7, 9, 300)
    content["ts_recv"][::50] -= 3 * 10**9
    content[100] = content[99]
    words = content.view(np.uint64).reshape(len(content), -1)
    ids, starts, ends = (np.array([v, v + 1], np.int64) for v in (1, 0, 2**62))
    found = []
    for function in (select_nb, getattr(select_nb, "py_func")):  # noqa: B009 - unknown to the type checker
        state, previous, out = new_state(), np.zeros(6, np.uint64), np.zeros((300, 6), np.uint64)
        result = function(words, np.uint64(12), 4, 5, True, ids, starts, ends, 7, state, previous, out)
        found.append((result, state.tolist(), out.tolist()))
    assert found[0] == found[1]
    assert 0 < found[0][0][0] < 300


@pytest.mark.parametrize("schema", ["trades", "ohlcv-1d"])
def test_a_file_that_vanishes_is_told_by_name_and_may_come_back(tmp_path: Path, schema: str) -> None:
    folder = tmp_path / "d"
    if schema == "trades":
        content = records(schema, [(1, at(SUMMER, 60))])
    else:
        content = bars(schema, 1, [(int(pd.Timestamp(SUMMER, tz="UTC").value), 5, 6, 4, 5, 100)])
    path = utc_file(folder / "x.dbn.zst", schema, content, {"AAA": 1}, first=SUMMER)
    provider = provider_of(folder)
    away = path.rename(tmp_path / "away")

    def count() -> int:
        return len(read(provider, "AAA", SUMMER, schema) if schema == "trades" else provider.daily("AAA"))

    with pytest.raises(DataError, match=r"x\.dbn\.zst: the file was there") as caught:
        count()
    assert caught.value.rule == "vanished"
    assert caught.value.where.endswith("x.dbn.zst")
    assert "put it back" in caught.value.fix
    away.rename(path)
    assert count() == 1
