from __future__ import annotations

import datetime as dt
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.schema import DataConfig
from data.data_manager import DataManager
from data.databento_provider import DatabentoProvider
from data.dbn_writer import write_dbn
from data.layout import SECOND_NS, SECONDS, WIRE, Bar, Market
from data.market_day import ARRAYS, MarketDay
from simulators import market_simulator
from simulators.market_simulator import MarketSimulator, timeline_code_hash
from simulators.timeline import read_events
from tests.simulators.test_market_kernels import timeline
from tests.support.wire import Records, busy_day, start_of, status, trades_of
from utils.errors import DataError
from utils.shared_store import SharedStore

DATES = [dt.date(2025, 4, 14), dt.date(2025, 4, 15), dt.date(2025, 4, 16)]
DATE = DATES[1]


def write(folder: Path, schema: str, date: dt.date, records: Records) -> None:
    start = start_of(date)
    made = records.copy()
    made["instrument_id"] = 7
    made["rtype"], made["length"] = {"mbp-1": 1, "trades": 0, "status": 18}[schema], made.dtype.itemsize // 4
    write_dbn(
        folder / f"{date}.{schema}.dbn.zst",
        schema,
        made,
        dataset="SYNTHETIC.TEST",
        symbols={"ABC": [(date, date + dt.timedelta(days=2), 7)]},
        start_ns=start,
        end_ns=start + SECONDS * SECOND_NS,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dnb"
    for seed, date in enumerate(DATES):
        records = np.sort(busy_day(seed, start_of(date), 5_000), order="ts_recv", kind="stable")
        write(made, "mbp-1", date, records)
        if date == DATE:
            write(made, "status", date, status(start_of(date), [(21_600, 9, 50), (21_900, 7, 0)]))
    return made


def manager(folder: Path) -> DataManager:
    config = DataConfig(
        folder=str(folder),
        source="files",
        cache=str(folder.parent / "cache"),
        schema_priority=["mbp-1", "trades"],
        publisher=0,
        splits=[],
    )
    return DataManager(DatabentoProvider(folder, config), config, timeline())


def simulator(folder: Path, **changes: Any) -> MarketSimulator:
    return MarketSimulator(manager(folder), timeline(**changes), folder.parent / "cache")


def stored(folder: Path) -> list[Path]:
    return sorted((folder.parent / "cache" / "days" / "ABC").iterdir())


def content(day: MarketDay) -> list[bytes]:
    return [np.asarray(getattr(day, name)).tobytes() for name in ARRAYS]


def test_stored_day_is_the_built_day(folder: Path) -> None:
    fresh = simulator(folder)
    built, day = fresh.build("ABC", DATE), fresh.day("ABC", DATE)
    assert content(built) == content(day) == content(simulator(folder).day("ABC", DATE))
    for name in MarketDay.__dataclass_fields__:
        if name not in ARRAYS:
            assert getattr(built, name) == getattr(day, name)
    assert day.synthetic and day.key and set(day.sources) >= {"context"}
    assert len(day.halts) == 1 and day.bars[21_600:21_900, Bar.HALTED].all()
    assert (day.start_ns, day.open_s, day.close_s, day.end_s) == (start_of(DATE), 19_800, 43_200, 57_600)
    assert day.previous_close == pytest.approx(float(fresh.day("ABC", DATES[0]).bars[43_199, Bar.CLOSE]))
    assert not day.bars.flags.writeable and fresh.day("ABC", DATE) is day
    assert [p.name for p in stored(folder) if p.name.startswith(".")] == []


def test_another_machine_takes_the_day_from_the_shared_cache(folder: Path, tmp_path: Path) -> None:
    class Borrower(MarketSimulator):
        def build(self, symbol: str, date: dt.date) -> MarketDay:
            raise AssertionError("made again")

    shared = SharedStore(str(tmp_path / "shared"))
    one = MarketSimulator(manager(folder), timeline(), tmp_path / "one", shared)
    two = Borrower(manager(folder), timeline(), tmp_path / "two", shared)
    assert content(one.day("ABC", DATE)) == content(two.day("ABC", DATE))
    for place in ("arrays.bin", "meta.json"):
        (mine,), (other,) = ((tmp_path / name / "days").rglob(place) for name in ("one", "two"))
        assert mine.read_bytes() == other.read_bytes()


def test_a_real_day_from_a_file_of_three_symbols(lean_folder: Path, tmp_path: Path) -> None:
    """Through provider, manager and cache, the same as straight from Databento's own reader."""
    import databento

    config = DataConfig(
        folder=str(lean_folder), source="files", cache=str(tmp_path), schema_priority=["mbp-1"], publisher=0, splits=[]
    )
    data = DataManager(DatabentoProvider(lean_folder, config), config, timeline())
    date = dt.date(2013, 10, 8)
    day = MarketSimulator(data, timeline(), tmp_path).day("IBM", date)
    store = databento.DBNStore.from_file(lean_folder / "equs-mini-20131008.mbp-1.dbn.zst")
    number = next(int(m["symbol"]) for m in store.metadata.mappings["IBM"])
    records = store.to_ndarray()
    records = records[(records["instrument_id"] == number) & (records["ts_recv"] >= start_of(date))]
    direct = read_events(start_of(date), "mbp-1", [records.view(WIRE["mbp-1"])])
    assert day.quotes.tobytes() == direct.quotes.tobytes() and day.trades.tobytes() == direct.trades.tobytes()
    assert day.bars.tobytes() == direct.bars.tobytes()
    assert day.previous_close == pytest.approx(181.99) and not day.synthetic and len(day.halts) == 0


def test_trades_are_the_fallback(folder: Path) -> None:
    records = np.sort(busy_day(1, start_of(DATE), 5_000), order="ts_recv", kind="stable")
    (folder / f"{DATE}.mbp-1.dbn.zst").unlink()
    write(folder, "trades", DATE, trades_of(records[(records["size"] > 0)]))
    day = simulator(folder).day("ABC", DATE)
    assert not day.bars[:, Bar.HAS_QUOTE].any() and day.bars[:, Bar.VOLUME].sum() > 0 and len(day.quotes) == 0
    assert any("no mbp-1" in note for note in day.notes)


def test_unknown_day(folder: Path) -> None:
    with pytest.raises(DataError):
        simulator(folder).day("ABC", dt.date(2025, 4, 10))
    assert not (folder.parent / "cache" / "days").exists()


def test_another_configuration_replaces_the_stored_day(folder: Path) -> None:
    simulator(folder).day("ABC", DATE)
    simulator(folder).day("ABC", DATES[2])
    (before, other) = stored(folder)
    simulator(folder, halt_gap_s=300).day("ABC", DATE)
    (after, still) = stored(folder)
    assert after != before and still == other


def test_bands_follow_the_tier_of_the_symbol(folder: Path) -> None:
    """The busy days cost 3 to 7 dollars: 10 % either way in Tier 2, 5 % in Tier 1."""
    widths: list[float] = []
    for tier1 in (["XYZ"], ["ABC"]):
        market = simulator(folder, tier1=tier1).day("ABC", DATES[2]).market[30_000]
        low, high = market[Market.LULD_LOW], market[Market.LULD_HIGH]
        widths.append((high - low) / (high + low))
    assert widths == pytest.approx([0.10, 0.05], abs=2e-3)


def test_changed_files_and_changed_context_change_the_key(folder: Path) -> None:
    day = simulator(folder).day("ABC", DATE)
    later = simulator(folder).day("ABC", DATES[2])
    records = np.sort(busy_day(9, start_of(DATES[0]), 5_000), order="ts_recv", kind="stable")
    write(folder, "mbp-1", DATES[0], records)
    assert simulator(folder).day("ABC", DATE).key != day.key  # the day before decides the previous close
    assert simulator(folder).day("ABC", DATES[2]).key != later.key  # and the clock volume of the day after


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(bytes(whole))


def bend(path: Path) -> None:
    meta = json.loads((path.parent / "meta.json").read_text())
    meta["previous_close"] = 1.0
    (path.parent / "meta.json").write_text(json.dumps(meta))


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        flip,
        bend,
        lambda path: path.unlink(),
        lambda path: (path.parent / "meta.json").unlink(),
        lambda path: (path.parent / "meta.json").write_text("{"),
        lambda path: (path.parent / "meta.json").write_text("[]"),
        lambda path: path.write_bytes(b""),
    ],
    ids=["cut", "bit flip", "edited meta", "no arrays", "no meta", "half meta", "other meta", "empty"],
)
def test_damaged_days_are_made_again(folder: Path, damage: Callable[[Path], object]) -> None:
    whole = content(simulator(folder).day("ABC", DATE))
    (at,) = stored(folder)
    damage(at / "arrays.bin")
    assert content(simulator(folder).day("ABC", DATE)) == whole
    assert stored(folder) == [at]
    assert content(MarketDay.open(at)) == whole


def test_a_damaged_day_of_another_machine_is_made_again(folder: Path, tmp_path: Path) -> None:
    shared = SharedStore(str(tmp_path / "shared"))
    whole = content(MarketSimulator(manager(folder), timeline(), tmp_path / "one").day("ABC", DATE))
    (at,) = (tmp_path / "one" / "days" / "ABC").iterdir()
    cut(at / "arrays.bin")
    shared.put(f"days/ABC/{at.name}", at)
    assert content(MarketSimulator(manager(folder), timeline(), tmp_path / "two", shared).day("ABC", DATE)) == whole


def test_a_copied_day_is_accepted_by_its_hash(folder: Path, tmp_path: Path) -> None:
    day = simulator(folder).day("ABC", DATE)
    (at,) = stored(folder)
    shutil.copytree(at, tmp_path / "copy", copy_function=shutil.copyfile)
    assert content(MarketDay.open(tmp_path / "copy")) == content(day)


def test_left_over_folders_of_killed_processes_go(folder: Path) -> None:
    old, new = (folder.parent / "cache" / "days" / "ABC" / f".{DATE}-{name}" for name in ("old", "new"))
    for left in (old, new):
        left.mkdir(parents=True)
    os.utime(old, (0, 0))
    simulator(folder).day("ABC", DATE)
    assert new.exists() and not old.exists()


def test_a_failed_build_leaves_nothing(folder: Path) -> None:
    (folder / f"{DATE}.status.dbn.zst").unlink()
    path = folder / f"{DATE}.mbp-1.dbn.zst"
    whole = path.read_bytes()
    fresh = simulator(folder)
    path.write_bytes(whole[: len(whole) // 2])  # cut after it was scanned
    with pytest.raises(DataError):
        fresh.day("ABC", DATE)
    assert not (folder.parent / "cache" / "days").exists()


def test_few_days_stay_open_and_pickles_start_empty(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_simulator, "OPEN_DAYS", 2)
    fresh = simulator(folder)
    first, second = fresh.day("ABC", DATES[0]), fresh.day("ABC", DATES[1])
    assert fresh.day("ABC", DATES[0]) is first
    fresh.day("ABC", DATES[2])
    assert fresh.day("ABC", DATES[0]) is first and fresh.day("ABC", DATES[1]) is not second
    copy = pickle.loads(pickle.dumps(fresh))  # noqa: S301 - our own bytes
    assert content(copy.day("ABC", DATES[0])) == content(first) and copy.day("ABC", DATES[0]) is not first


def test_code_hash_covers_what_makes_a_day() -> None:
    assert len(timeline_code_hash()) == 32
    for pattern in (*market_simulator.SOURCES, *market_simulator.NO_INFLUENCE):
        root = Path(market_simulator.__file__).parents[1]
        assert list(root.glob(pattern)) or list(root.glob(f"{pattern}*")), pattern
