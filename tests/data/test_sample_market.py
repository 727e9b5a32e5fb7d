"""The synthetic market: what its files hold, that its signal is there, and that the placebo has none."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import databento
import numpy as np
import pandas as pd
import pytest
import xxhash
import zstandard

from config.schema import DataConfig, SampleMarketConfig
from data.calendar import utc_date
from data.databento_provider import DatabentoProvider
from data.layout import F_LAST, SECOND_NS, SECONDS, UNDEF_PRICE, StatusAction, StatusReason
from data.sample_market import DATASET, ensure_sample_market
from data.sample_model import DayKind, DayPlan, draw_path, plan_days, window_activity
from tests.support.configs import load_config
from utils.errors import ConfigError

SIZES = ("bid_sz_00", "ask_sz_00")


def _read(folder: Path, plan: DayPlan, schema: str) -> np.ndarray:
    """A session's records by Databento's own reader: in winter from two UTC dates."""
    first = plan.session.date
    parts: list[np.ndarray] = []
    for date in (first, first + dt.timedelta(days=1)):
        path = folder / plan.symbol.lower() / f"{date}.{schema}.dbn.zst"
        if path.exists():
            records = databento.DBNStore.from_file(path).to_ndarray()
            ts = records["ts_event"].astype(np.int64)
            parts.append(records[(ts >= plan.session.start_ns) & (ts < plan.session.end_ns)])
    return np.concatenate(parts)


class Seconds(NamedTuple):
    """What a trader sees at the end of each second, [57600]."""

    mid: np.ndarray
    spread: np.ndarray  # dollars
    volume: np.ndarray
    ofi: np.ndarray


def _seconds(events: np.ndarray, plan: DayPlan) -> Seconds:
    """pandas does it: order-flow imbalance after Cont, Kukanov, Stoikov (2014), last quotes, volume."""
    frame: Any = pd.DataFrame({n: events[n] for n in ("bid_px_00", "ask_px_00", *SIZES, "size", "action", "flags")})
    frame["s"] = (events["ts_recv"].astype(np.int64) - plan.session.start_ns) // SECOND_NS
    every = range(SECONDS)
    volume = frame[frame["action"] == b"T"].groupby("s")["size"].sum().reindex(every, fill_value=0)
    two_sided = (frame["bid_px_00"] != UNDEF_PRICE) & (frame["ask_px_00"] != UNDEF_PRICE)
    book: Any = frame[two_sided & (frame["flags"] & F_LAST > 0)].astype(dict.fromkeys(SIZES, float))
    (b, a), (q, r) = (book["bid_px_00"], book["ask_px_00"]), (book[n] for n in SIZES)
    bought = q * (b >= b.shift()) - q.shift() * (b <= b.shift())
    sold = r * (a <= a.shift()) - r.shift() * (a >= a.shift())
    ofi = (bought - sold).fillna(0).groupby(book["s"]).sum().reindex(every, fill_value=0)
    last = book.groupby("s")[["bid_px_00", "ask_px_00"]].last().reindex(every).ffill() * 1e-9
    mid = (last["bid_px_00"] + last["ask_px_00"]) / 2
    spread = last["ask_px_00"] - last["bid_px_00"]
    return Seconds(mid.to_numpy(), spread.to_numpy(), volume.to_numpy(float), ofi.to_numpy())


@pytest.fixture(scope="module")
def plans(sample_config: SampleMarketConfig) -> list[DayPlan]:
    return [plan for days in plan_days(sample_config).values() for plan in days]


@pytest.fixture(scope="module")
def active(plans: list[DayPlan]) -> list[DayPlan]:
    return [p for p in plans if p.kind != DayKind.QUIET and "mbp-1" not in p.missing]


@pytest.fixture(scope="module")
def placebo_folder(sample_config: SampleMarketConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("placebo") / "sample"
    return ensure_sample_market(dataclasses.replace(sample_config, variant="placebo", folder=str(folder)))


@pytest.fixture
def tiny(sample_config: SampleMarketConfig, tmp_path: Path) -> Callable[..., SampleMarketConfig]:
    def make(name: str, **changes: object) -> SampleMarketConfig:
        plain = {"symbols": ["KZIA", "MLGO"], "sessions": 3, "split_symbol": "", **changes}
        return dataclasses.replace(sample_config, folder=str(tmp_path / name), **plain)

    return make


def _bytes(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ---------------------------------------------------------------- files
def test_bytes_depend_on_the_configuration_alone(tiny: Callable[..., SampleMarketConfig]) -> None:
    first = _bytes(ensure_sample_market(tiny("a", workers=1)))
    assert first == _bytes(ensure_sample_market(tiny("b", workers=2)))
    other = _bytes(ensure_sample_market(tiny("c", seed=0)))
    same = [n for n in first if n in other and n.endswith("mbp-1.dbn.zst") and first[n] == other[n]]
    assert not same


def test_made_once_and_again_for_another_configuration(tiny: Callable[..., SampleMarketConfig]) -> None:
    folder = ensure_sample_market(tiny("a"))
    stamps = {p: p.stat().st_mtime_ns for p in folder.rglob("*.zst")}
    assert ensure_sample_market(tiny("a")) == folder
    assert stamps == {p: p.stat().st_mtime_ns for p in folder.rglob("*.zst")}
    ensure_sample_market(tiny("a", seed=0))
    assert json.loads((folder / "manifest.json").read_text())["config"]["seed"] == 0


def test_what_others_own_is_left_alone(tiny: Callable[..., SampleMarketConfig]) -> None:
    config = tiny("mine")
    treasure = Path(config.folder) / "treasure.dbn.zst"
    treasure.parent.mkdir()
    treasure.write_bytes(b"real")
    with pytest.raises(ConfigError, match="holds something else"):
        ensure_sample_market(config)
    assert treasure.read_bytes() == b"real"


def test_everything_says_synthetic(sample_folder: Path) -> None:
    manifest = json.loads((sample_folder / "manifest.json").read_text())
    assert manifest["synthetic"] is True
    assert "SYNTHETIC" in (sample_folder / "README.txt").read_text()
    for name, digest in manifest["files"].items():
        content = (sample_folder / name).read_bytes()
        assert xxhash.xxh3_128(content).hexdigest() == digest
        if not name.startswith("broken/"):
            assert databento.DBNStore.from_bytes(content).dataset == DATASET


def test_ids_move_on_daily_and_belong_to_one_symbol_a_date(sample_folder: Path, plans: list[DayPlan]) -> None:
    path = next((sample_folder / "daily").iterdir())
    mappings = databento.DBNStore.from_file(path).metadata.mappings
    by_symbol = {s: {i["start_date"]: i["symbol"] for i in intervals} for s, intervals in mappings.items()}
    for plan in plans:
        date = plan.session.date
        ids = [by_symbol[s][date] for s in by_symbol]
        assert len(set(ids)) == len(ids)
        if plan.kind == DayKind.MOMENTUM and "mbp-1" not in plan.missing:
            assert set(_read(sample_folder, plan, "trades")["instrument_id"]) == {int(by_symbol[plan.symbol][date])}
    assert all(len(set(dates.values())) > 1 for dates in by_symbol.values())


def test_winter_evenings_lie_in_the_next_utc_date(sample_folder: Path) -> None:
    files = sorted(p.name for p in (sample_folder / "kzia").glob("*.status.dbn.zst"))
    assert files[0].startswith("2025-03-05")
    saturday = sample_folder / "kzia" / "2025-03-08.mbp-1.dbn.zst"  # Friday 19:00-20:00 New York, winter time
    assert saturday.exists()
    records = databento.DBNStore.from_file(saturday).to_ndarray()
    assert {utc_date(int(t)) for t in records["ts_recv"]} == {dt.date(2025, 3, 8)}
    assert not (sample_folder / "kzia" / "2025-03-15.mbp-1.dbn.zst").exists()  # summer time: 20:00 is midnight UTC


def test_planned_flaws_are_there(sample_folder: Path, plans: list[DayPlan]) -> None:
    gone = [(p, schema) for p in plans for schema in p.missing]
    assert "mbp-1" in {schema for _, schema in gone}
    for plan, schema in gone:
        mine = sample_folder / plan.symbol.lower()
        assert not (mine / f"{plan.session.date}.{schema}.dbn.zst").exists()
        assert (mine / f"{plan.session.date}.trades.dbn.zst").exists()
    broken = list((sample_folder / "broken").iterdir())
    assert len(broken) == 1
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompress(broken[0].read_bytes())


def test_provider_reads_the_rest_beside_the_cut_file(
    sample_folder: Path, sample_config: SampleMarketConfig, plans: list[DayPlan], tmp_path: Path
) -> None:
    priority = ["mbp-1", "trades"]
    config = DataConfig(
        folder=str(sample_folder), source="files", cache=str(tmp_path), schema_priority=priority, publisher=0, splits=[]
    )
    provider = DatabentoProvider(sample_folder, config)
    assert ["broken" in str(q.path) for q in provider.quarantined] == [True]
    assert provider.symbols() == sorted(sample_config.symbols)
    for plan in plans:
        found = provider.schemas(plan.symbol, plan.session.date)
        assert {"mbp-1", "status", "ohlcv-1s", "trades"} - found == plan.missing


# ---------------------------------------------------------------- records
def test_books_are_valid_and_trades_show_the_book_before(sample_folder: Path, active: list[DayPlan]) -> None:
    for plan in active[:2]:
        events = _read(sample_folder, plan, "mbp-1")
        assert events["action"][0] == b"R"
        assert events["bid_px_00"][0] == UNDEF_PRICE
        assert (np.diff(events["ts_recv"].astype(np.int64)) >= 0).all()
        delay = events["ts_recv"].astype(np.int64) - events["ts_event"].astype(np.int64)
        assert delay.min() >= 100_000
        assert np.percentile(delay, 99) <= 3_100_000
        whole = (events["bid_px_00"] != UNDEF_PRICE) & (events["ask_px_00"] != UNDEF_PRICE)
        assert (events["ask_px_00"][whole] > events["bid_px_00"][whole]).all()
        at = np.flatnonzero(events["action"] == b"T")
        for name in ("bid_px_00", "ask_px_00", *SIZES):  # the record before is the book before
            np.testing.assert_array_equal(events[name][at], events[name][at - 1])
        buys, sells = at[events["side"][at] == b"B"], at[events["side"][at] == b"A"]
        np.testing.assert_array_equal(events["price"][buys], events["ask_px_00"][buys])
        np.testing.assert_array_equal(events["price"][sells], events["bid_px_00"][sells])
        assert not (events["flags"][buys] & F_LAST).any()
        assert (events["flags"][buys + 1] & F_LAST).all()
        assert 10_000 < len(events) < 150_000


def test_bars_and_trades_agree_with_the_book_file(sample_folder: Path, active: list[DayPlan]) -> None:
    plan = active[0]
    events = _read(sample_folder, plan, "mbp-1")
    trades = _read(sample_folder, plan, "trades")
    taken = events[events["action"] == b"T"]
    for name in ("ts_recv", "price", "size", "side", "sequence"):
        np.testing.assert_array_equal(trades[name], taken[name])
    second = trades["ts_event"] // SECOND_NS * SECOND_NS
    groups: Any = pd.DataFrame({"price": trades["price"], "size": trades["size"].astype("u8")}).groupby(second)
    bars = _read(sample_folder, plan, "ohlcv-1s")
    np.testing.assert_array_equal(bars["ts_event"], list(groups.groups))
    for name, expected in groups["price"].agg(open="first", high="max", low="min", close="last").items():
        np.testing.assert_array_equal(bars[str(name)], expected)
    np.testing.assert_array_equal(bars["volume"], groups["size"].sum())
    store = databento.DBNStore.from_file(next((sample_folder / "daily").iterdir()))
    daily: Any = store.to_df(price_type="fixed")
    row = daily[(daily["symbol"] == plan.symbol) & (daily.index.date == plan.session.date)].iloc[0]
    assert (row["open"], row["close"]) == (trades["price"][0], trades["price"][-1])
    assert (row["high"], row["low"]) == (trades["price"].max(), trades["price"].min())
    assert row["volume"] == trades["size"].sum()


def test_nothing_happens_while_halted(tiny: Callable[..., SampleMarketConfig]) -> None:
    calm = tiny("a", sessions=6, news_halt_share=1.0, active_share=0.5, first_window=[6.5, 8.0])
    folder = ensure_sample_market(calm)
    reasons: set[int] = set()
    for plan in (p for days in plan_days(calm).values() for p in days if p.news_halt and not p.missing):
        status = _read(folder, plan, "status")
        quotes = _read(folder, plan, "mbp-1")["ts_event"]
        reasons |= set(status["reason"].tolist())
        stops = status[(status["is_trading"] == b"N") & (status["action"] != StatusAction.QUOTING)]
        for stop in stops["ts_event"]:
            again = status[(status["ts_event"] > stop) & (status["action"] == StatusAction.TRADING)]["ts_event"][0]
            assert not ((quotes >= stop) & (quotes < again)).any()
            assert ((quotes >= again) & (quotes < again + SECOND_NS)).any()
    news = (StatusReason.NEWS_PENDING, StatusReason.NEWS_DISSEMINATION, StatusReason.NEWS_AND_RESUMPTION)
    assert reasons.issuperset(news)


# ---------------------------------------------------------------- days
def test_kinds_of_days(sample_folder: Path, plans: list[DayPlan]) -> None:
    volumes: dict[bool, list[float]] = {True: [], False: []}
    kinds = {p.kind for p in plans}
    assert kinds == set(DayKind)
    for plan in plans:
        bars = _read(sample_folder, plan, "ohlcv-1s")
        second = (bars["ts_event"].astype(np.int64) - plan.session.start_ns) // SECOND_NS
        regular = bars[(second >= plan.session.open_s) & (second < plan.session.close_s)]
        move = regular["close"][-1] / regular["open"][0] - 1
        volumes[plan.kind != DayKind.QUIET].append(bars["volume"].sum() / plan.scale)
        assert plan.kind != DayKind.FADER or move < 0
        assert plan.kind != DayKind.MOMENTUM or regular["close"][-1] > bars["open"][0]
        if plan.kind == DayKind.QUIET:
            assert abs(move) < 0.12
    assert min(volumes[True]) > 10 * max(volumes[False])


def test_reverse_split_multiplies_raw_prices(sample_folder: Path, sample_config: SampleMarketConfig) -> None:
    days = plan_days(sample_config)[sample_config.split_symbol]
    at = sample_config.split_session
    before, after = (_read(sample_folder, days[n], "ohlcv-1s") for n in (at - 1, at))
    assert 8 < after["open"][0] / before["close"][-1] < 12
    assert before["close"][-1] < SECOND_NS  # below $1, in ticks of $0.0001
    assert (before["close"] % 100_000 == 0).mean() > 0.9
    ratio = before["volume"].sum() / after["volume"].sum()
    assert 7 < ratio < 14


def _trigger_second(bars: np.ndarray, plan: DayPlan, previous_close: float, usual: np.ndarray) -> int | None:
    """First second at which a scanner would have called it: +10 %, $1-20, $1M traded, 5x the usual volume."""
    second = (bars["ts_event"].astype(np.int64) - plan.session.start_ns) // SECOND_NS
    price = bars["close"] * 1e-9
    hit = (
        (price >= 1.1 * previous_close)
        & (price >= 1)
        & (price <= 20)
        & (np.cumsum(price * bars["volume"]) >= 1e6)
        & (np.cumsum(bars["volume"]) >= 5 * usual[second])
    )
    return int(second[np.argmax(hit)]) if hit.any() else None


@pytest.mark.slow
def test_default_market_has_days_that_a_scanner_calls(shared_tmp: Path) -> None:
    config = load_config("demo", []).sample
    config.folder = str(shared_tmp / "default")
    folder = ensure_sample_market(config)
    assert sum(p.stat().st_size for p in folder.rglob("*")) < 400e6
    called: list[bool] = []
    for days in plan_days(config).values():
        past: list[np.ndarray] = []
        close = 0.0
        for plan in days:
            bars = _read(folder, plan, "ohlcv-1s")
            if past and plan.kind != DayKind.QUIET:
                called.append(_trigger_second(bars, plan, close, np.mean(past[-20:], axis=0)) is not None)
            second = (bars["ts_event"].astype(np.int64) - plan.session.start_ns) // SECOND_NS
            past.append(np.cumsum(np.bincount(second, bars["volume"], SECONDS)))
            close = bars["close"][-1] * 1e-9
    assert len(called) > 50
    assert np.mean(called) > 0.65


# ---------------------------------------------------------------- signal
class Market(NamedTuple):
    correlation: float  # of the past 30-s order-flow imbalance with the next 60-s return
    sigma: float  # of 1-s returns below 1 %: bursts and reopenings are few and of any size
    spread: float
    volume: float


def _measured(folder: Path, active: list[DayPlan]) -> Market:
    flows: list[np.ndarray] = []
    returns: list[np.ndarray] = []
    rows: list[tuple[float, float, float]] = []
    for plan in active:
        day = _seconds(_read(folder, plan, "mbp-1"), plan)
        busy = (window_activity(plan) > 0.25) & np.isfinite(day.mid)
        busy[:60], busy[-60:] = False, False
        log = np.log(day.mid)
        flow = np.convolve(day.ofi, np.ones(30))[:SECONDS]
        at = np.flatnonzero(busy)
        flows.append(flow[at] / flow[at].std())
        returns.append(log[at + 60] - log[at])
        one = np.diff(log, prepend=log[:1])[at]
        one = one[np.abs(one) < 0.01]
        rows.append((float(one.std()), float((day.spread / day.mid)[at].mean()), float(day.volume.sum())))
    sigma, spread, volume = np.mean(rows, axis=0)
    correlation = np.corrcoef(np.concatenate(flows), np.concatenate(returns))[0, 1]
    return Market(float(correlation), sigma, spread, volume)


def test_flow_leads_price_but_not_in_the_placebo(
    sample_folder: Path, placebo_folder: Path, active: list[DayPlan]
) -> None:
    signal, placebo = _measured(sample_folder, active), _measured(placebo_folder, active)
    assert signal.correlation > 0.3
    # 60-s returns overlap: some 9 days x 2 h hold about 1,000 independent ones, so one deviation is about 0.03
    assert abs(placebo.correlation) < 0.09
    for name in ("sigma", "spread", "volume"):
        assert getattr(placebo, name) == pytest.approx(getattr(signal, name), rel=0.15)


@pytest.mark.parametrize("variant", ["signal", "placebo"])
def test_sudden_moves_go_as_planned_but_are_a_martingale_in_the_placebo(variant: str) -> None:
    config = dataclasses.replace(load_config("demo", []).sample, variant=variant)
    moves = [(plan, move) for days in plan_days(config).values() for plan in days for move in plan.moves]
    mids = {id(plan): draw_path(config, plan, 2.0).mid for plan, _ in moves}
    got = np.array([mids[id(plan)][end] / mids[id(plan)][begin] - 1 for plan, (begin, end, _) in moves])
    planned = np.expm1([size for _, (_, _, size) in moves])
    drops = (planned > -config.flush[1]) & (planned < 0)
    assert drops.sum() > 40
    if variant == "signal":
        assert np.abs(got - planned)[drops].max() < 0.06  # noise and pressure go on meanwhile
        assert got[drops].mean() == pytest.approx(planned[drops].mean(), abs=0.01)
    else:
        assert abs(got.mean()) < 3 * got.std() / np.sqrt(len(got))
        assert abs(np.corrcoef(got, planned)[0, 1]) < 3 / np.sqrt(len(got))
