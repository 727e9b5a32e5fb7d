"""What is written is what is read: series, tables, days, candles; and quickly, however long the run was."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.layout import RESET_POINT, Bar, ResetKind
from data.scanner.recent_pattern import NO_PATTERN
from metrics import registry as names
from metrics.hub import MetricsHub
from metrics.layout import EPISODE_ROW, LIVE_ROW, trade_layout
from metrics.notes import Kind
from metrics.run_info import DayFacts
from metrics.run_store import RunStore
from metrics.runs import ABOUT, CONFIG, RESULT, State, find_run, list_runs, summary_of
from metrics.store_schema import CANDLE_COLUMNS, FILE, LATEST, LIVE, VERSION, quoted
from simulators.layout import FILL
from tests.support.hubs import a_hub
from tests.support.simulation import steady_day
from utils.errors import ModelError

REWARD, LOSS = names.REWARD.name, names.LOSS.name


def facts() -> DayFacts:
    points = np.zeros(2, RESET_POINT)
    points["second"], points["kind"] = [1_000, 20_000], [ResetKind.FLUSH, ResetKind.OPEN]
    return DayFacts(steady_day(), 0.75, points)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of three rollouts, with rows in every table."""
    trades, fills = np.zeros(2, trade_layout(3)), np.zeros(1, FILL)
    trades["parts"] = [[0.5, 0.0, -0.25], [0.0, 0.0, 0.0]]
    trades["second"], trades["held_s"], trades["pnl"] = [1_200, 20_000], [100, 600], [5.0, -2.0]
    fills["order"], fills["price"] = 7, 5.03
    episodes, live = np.zeros(1, EPISODE_ROW), np.zeros(2, LIVE_ROW)
    episodes["difficulty"], episodes["pnl"] = np.nan, 3.0
    live["second"], live["equity"], live["hold"], live["value"] = [40, 41], 25_000.0, 0.25, np.nan
    with a_hub(tmp_path, "store", days=(facts(),), group="line", components=("equity", "costs", "mae")) as hub:
        for step in (10, 20, 30):
            hub.log(step, {REWARD: step / 7, **({LOSS: 0.5} if step == 20 else {})})
        hub.rows(30, {"trades": trades, "fills": fills, "episodes": episodes, "live": live})
        hub.note(10, Kind.STAGE, "stage easy", {"name": "easy", "stage": 0})
        hub.note(30, Kind.STAGE, "stage hard", {"name": "hard", "stage": 1})
    return tmp_path


def test_numbers_keep_every_bit_and_late_ones_are_null_before(folder: Path) -> None:
    with RunStore(folder) as store:
        assert store.names() == [REWARD, LOSS]
        rows = store.tail("numbers")
        assert rows.select("seq", "step", REWARD, LOSS).rows() == [
            (1, 10, 10 / 7, None),
            (2, 20, 20 / 7, 0.5),
            (3, 30, 30 / 7, None),
        ]
        assert store.tail("numbers", since=2)["step"].to_list() == [30]
        assert store.snapshot(LATEST) is not None
        assert store.snapshot(LATEST).value == {REWARD: 30 / 7, LOSS: 0.5}  # pyright: ignore[reportOptionalMemberAccess]
        assert store.about()["group"] == "line"


def test_a_validation_comes_later_than_the_step_that_it_is_of(tmp_path: Path) -> None:
    with a_hub(tmp_path, "store") as hub:
        hub.log(20, {REWARD: 1.0})
        hub.log(10, {names.VALIDATION_PNL.name: 3.0})
    assert summary_of(tmp_path).step == 20
    with RunStore(tmp_path) as store:
        assert store.series([names.VALIDATION_PNL.name])["step"].to_list() == [10, 20]


def test_a_run_that_has_not_traded_has_a_table_without_rows(tmp_path: Path) -> None:
    with a_hub(tmp_path, "store") as hub:
        hub.log(10, {REWARD: 1.0})
    with RunStore(tmp_path) as store:
        trades = store.trades()
        assert trades.is_empty()
        assert {"pnl", "entry_second", "hour", "pattern", "quality"} <= set(trades.columns)


def test_series_are_means_and_ranges_of_stretches(folder: Path) -> None:
    with RunStore(folder) as store:
        whole = store.series([REWARD])
        assert whole.rows() == [(step, *[step / 7] * 3) for step in (10, 20, 30)]
        coarse = store.series([REWARD, LOSS], points=1)
        assert coarse.rows() == [(30, pytest.approx(20 / 7), 10 / 7, 30 / 7, 0.5, 0.5, 0.5)]
        assert store.series([REWARD], steps=(15, 25))["step"].to_list() == [20]
        with pytest.raises(ModelError, match="rollout/reward"):
            store.series(["rollout/rewards"])


def test_trades_know_their_hour_pattern_and_quality(folder: Path) -> None:
    with RunStore(folder) as store:
        trades = store.trades()
        assert trades.select("symbol", "pnl", "entry_second", "hour", "pattern", "quality").rows() == [
            ("FLAT", 5.0, 1_100, 4, "flush", 0.75),
            ("FLAT", -2.0, 19_400, 9, NO_PATTERN, 0.75),
        ]
        assert store.trades(limit=1)["pnl"].to_list() == [-2.0]
        assert [json.loads(parts) for parts in trades["parts"]] == [{"equity": 0.5, "mae": -0.25}, {}]
        assert store.tail("fills").select("order", "price").rows() == [(7, 5.03)]
        assert store.tail("episodes").select("pnl", "difficulty", "date").rows() == [
            (3.0, None, steady_day().date.isoformat())
        ]
        with pytest.raises(ModelError, match="trades"):
            store.tail("trade")


def test_days_with_a_trade_have_their_candles_and_the_oldest_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrics.sinks.store.CANDLE_DAYS", 2)
    dates = [dt.date(2025, 4, number) for number in (14, 15, 16, 17)]
    days = tuple(facts()._replace(day=replace(steady_day(), date=date)) for date in dates)

    def drawn() -> list[dt.date]:
        with RunStore(tmp_path) as store:
            return [date for date in dates if store.candles("FLAT", date.isoformat()) is not None]

    def traded(hub: MetricsHub, step: int, *numbers: int) -> None:
        trades = np.zeros(len(numbers), trade_layout(0))
        trades["day"] = numbers
        hub.rows(step, {"trades": trades})
        assert hub.flush(20)

    with a_hub(tmp_path, "store", days=days) as hub:
        traded(hub, 10, 0, 0)
        traded(hub, 20, 1)
        assert drawn() == dates[:2]
        traded(hub, 30, 0)  # seen again: the other one is older now
        traded(hub, 40, 3)
        assert drawn() == [dates[0], dates[3]]
    with a_hub(tmp_path, "store", days=days, resumed_at=40) as hub:
        traded(hub, 50, 1, 2)
        assert drawn() == dates[1:3]
        assert hub.dropped == 0


def test_the_lane_that_is_followed_has_its_candles(folder: Path) -> None:
    with RunStore(folder) as store:
        live = store.snapshot(LIVE)
        assert live is not None
        assert (live.step, live.value["second"], live.value["equity"], live.value["value"]) == (30, 41, 25_000.0, None)
        candles = store.candles(live.value["symbol"], live.value["date"])
        assert candles is not None
        day = steady_day()
        assert np.array_equal(candles, day.bars[:, [Bar[c.upper()] for c in CANDLE_COLUMNS]].astype(np.float32))
        told = store.day(live.value["symbol"], live.value["date"])
        assert told is not None
        assert [point["second"] for point in told["points"]] == [1_000, 20_000]
        assert (told["open_s"], told["quality"], told["halts"]) == (day.open_s, 0.75, [])
        assert store.candles("NONE", "2020-01-01") is None
        assert store.day("NONE", "2020-01-01") is None
        assert store.last_note(Kind.STAGE) == {"name": "hard", "stage": 1}
        store.follow(3)
    assert (folder / "follow").read_text() == "3\n"


def test_a_run_that_goes_on_drops_what_is_done_again(folder: Path) -> None:
    with a_hub(folder, "store", days=(facts(),), resumed_at=20) as hub:
        hub.log(30, {REWARD: 1.0})
    with RunStore(folder) as store:
        assert store.tail("numbers").select("seq", "step").rows() == [(1, 10), (2, 20), (4, 30)]
        assert len(store.tail("trades")) == 0
        assert store.notes()["step"].to_list() == [10]


def test_a_store_of_another_version_is_refused_by_readers_and_writers(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(folder / FILE) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(ModelError, match="version") as refused:
        RunStore(folder)
    assert "about.json" in str(refused.value.fix)
    with a_hub(folder, "store") as hub:
        hub.log(40, {REWARD: 1.0})
    assert f"version {VERSION + 1}, not {VERSION}" in caplog.text
    assert "move the file away" in caplog.text
    with pytest.raises(ModelError, match=FILE):
        RunStore(folder / "nowhere")


def test_runs_are_found_by_name_and_told_by_state(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = tmp_path_factory.mktemp("runs")
    for number, result in enumerate([{"interrupted": False, "version": "v1"}, {"interrupted": True}, None]):
        made = runs / f"2025010{number}T000000-quick"
        shutil.copytree(folder, made)
        (made / CONFIG).write_text("name: quick\n")
        (made / ABOUT).write_text(json.dumps({"group": "line"}))
        if result is not None:
            (made / RESULT).write_text(json.dumps(result))
    (runs / "20250109T000000-backtest").mkdir()
    (runs / "20250109T000000-backtest" / CONFIG).write_text("name: backtest\n")
    (runs / "no-run").mkdir()
    listed = list_runs(runs)
    assert [run.state for run in listed] == [State.OTHER, State.STOPPED, State.INTERRUPTED, State.ENDED]
    assert [run.step for run in listed] == [0, 30, 30, 30]
    assert {run.group for run in listed[1:]} == {"line"}
    assert listed[1].stage["name"] == "hard"
    assert find_run(runs, "last") == listed[1].folder
    assert find_run(runs, str(listed[3].folder)) == listed[3].folder
    with pytest.raises(ModelError, match="20250100T000000-quick"):
        find_run(runs, "20250100T000000-quik")
    with pytest.raises(ModelError, match="no run"):
        find_run(runs / "nowhere", "last")


def test_a_hundred_runs_are_listed_within_a_second(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = tmp_path_factory.mktemp("many")
    for number in range(100):
        made = runs / f"2025{number:04d}T000000-quick"
        made.mkdir()
        shutil.copy(folder / FILE, made)
        (made / CONFIG).write_text("name: quick\n")
        (made / ABOUT).write_text(json.dumps({"group": "line"}))
    began = time.perf_counter()
    listed = list_runs(runs)
    spent = time.perf_counter() - began
    assert len(listed) == 100
    assert all(run.step == 30 for run in listed)
    assert spent < 1.0, f"{spent:.2f} s"


def test_ten_million_steps_open_within_two_seconds(tmp_path: Path) -> None:
    """20,000 rollouts of 512 steps with 90 metrics: the run, all its names and six curves."""
    members = [names.REWARD_PART.of(f"part_{i}") for i in range(88)]
    with a_hub(tmp_path, "store") as hub:
        hub.log(0, dict.fromkeys([REWARD, LOSS, *members], 0.0))
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20_000, 90)).cumsum(0)
    columns = ", ".join(quoted(name) for name in [REWARD, LOSS, *members])
    with sqlite3.connect(tmp_path / FILE) as db:
        rows = ((512 * (i + 1), float(i), *row) for i, row in enumerate(values.tolist()))
        db.executemany(f"INSERT INTO numbers (step, time, {columns}) VALUES (?, ?{', ?' * 90})", rows)
    (tmp_path / CONFIG).write_text("name: quick\n")
    began = time.perf_counter()
    told = summary_of(tmp_path)
    with RunStore(tmp_path) as store:
        listed = store.names()
        curves = store.series([REWARD, LOSS, *members[:4]], points=1000)
    spent = time.perf_counter() - began
    assert told.numbers is not None
    assert len(listed) == 90
    assert 900 <= len(curves) <= 1001
    assert curves[f"{REWARD}|high"].max() == pytest.approx(max(0.0, values[:, 0].max()))
    assert spent < 2.0, f"{spent:.2f} s"
