from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.layout import PRICE_SCALE, SECOND_NS, SECONDS, UNDEF_PRICE, WIRE_MBP1, WIRE_OHLCV, Bar
from simulators.timeline import Events, read_events
from simulators.timeline_kernels import aggressor_nb, mbp_chunk_nb, order_flow_nb
from simulators.timeline_layout import TIMELINE_STATE
from tests.support.wire import Records, busy_day, mbp, python_of, start_of, trades_of
from utils.errors import DataError

DATE = dt.date(2025, 4, 15)
START = start_of(DATE)
Frame = Any  # pandas infers too little of itself to be checked
NOTHING = (None, None, 0, 0)


def events_of(records: Records, schema: str = "mbp-1") -> Events:
    return read_events(START, schema, [records])


def same(a: Events, b: Events) -> bool:
    return all(np.asarray(x).tobytes() == np.asarray(y).tobytes() for x, y in zip(a, b, strict=True))


def chunked(records: Records, sizes: np.random.Generator) -> Iterator[Records]:
    """Random chunks that all live in one reused buffer, as a file reader's do."""
    buffer = np.zeros(512, records.dtype)
    at = 0
    while at < len(records):
        size = int(sizes.integers(1, 512))
        part = records[at : at + size]
        buffer[: len(part)] = part
        yield buffer[: len(part)]
        buffer[:] = np.zeros(1, records.dtype)
        at += size


# ---------------------------------------------------------------- independence of the chunks
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_result_does_not_depend_on_chunks(seed: int) -> None:
    records = busy_day(seed, START)
    whole = events_of(records)
    assert len(whole.quotes) > 5_000 and len(whole.trades) > 4_000 and whole.late > 0 and whole.refused > 0
    for draw in range(3):
        assert same(whole, read_events(START, "mbp-1", chunked(records, np.random.default_rng(draw))))
    single = events_of(records[:300])
    assert same(single, read_events(START, "mbp-1", (records[i : i + 1] for i in range(300))))


def test_python_and_compiled_kernel_agree() -> None:
    records = busy_day(3, START, 2_000)
    coded = records.view(
        np.dtype([(n, "u1" if n in ("action", "side") else records.dtype[n]) for n in WIRE_MBP1.names or ()])
    )
    compiled = events_of(records)
    state = np.zeros(1, TIMELINE_STATE)
    state["start_ns"] = state["last_ns"] = START
    state["bid"] = state["ask"] = UNDEF_PRICE
    quotes, trades = np.zeros(2_000, compiled.quotes.dtype), np.zeros(2_000, compiled.trades.dtype)
    bars, rows = np.zeros_like(compiled.bars), np.zeros((2, SECONDS + 1), np.int64)
    python_of(mbp_chunk_nb)(coded, state[0], bars, quotes, trades, rows[0], rows[1])
    done = int(state[0]["second"])
    assert quotes[: len(compiled.quotes)].tobytes() == compiled.quotes.tobytes()
    assert trades[: len(compiled.trades)].tobytes() == compiled.trades.tobytes()
    assert bars[:done].tobytes() == compiled.bars[:done].tobytes()


# ---------------------------------------------------------------- by hand
def test_rows_of_a_hand_made_day() -> None:
    got = events_of(
        mbp(
            START,
            [
                (0.5, "R", NOTHING),
                (10.25, "A", (5.00, 5.04, 600, 400)),
                (10.75, "A", (5.00, 5.02, 600, 300)),
                (12.1, "T", (5.00, 5.02, 600, 300), 5.02, 200, "B"),
                (12.1, "A", (5.00, 5.02, 600, 100)),
                (12.6, "T", (5.00, 5.02, 600, 100), 5.00, 50, "A"),
                (20.0, "A", (None, 5.02, 0, 100)),
            ],
        )
    )
    bars = got.bars
    assert not bars[:10].any()
    row = bars[10]
    assert row[Bar.BID] == 5_000_000_000 * PRICE_SCALE and row[Bar.ASK] == 5_020_000_000 * PRICE_SCALE
    assert row[Bar.SPREAD_TW] == pytest.approx((0.5 * 0.04 + 0.25 * 0.02) / 0.75, rel=1e-12)
    assert row[Bar.QUOTES] == 2
    assert row[Bar.OFI] == -300  # the ask came down to 300 shares; the first book of the day is no flow
    assert row[Bar.HAS_QUOTE] == 1 and row[Bar.HAS_TRADE] == 0 and row[Bar.CLOSE] == 0
    row = bars[12]
    assert row[Bar.OPEN] == row[Bar.HIGH] == 5_020_000_000 * PRICE_SCALE
    assert row[Bar.LOW] == row[Bar.CLOSE] == 5_000_000_000 * PRICE_SCALE
    assert (row[Bar.VOLUME], row[Bar.TRADES], row[Bar.LARGEST]) == (250, 2, 200)
    assert (row[Bar.BUY_VOLUME], row[Bar.SELL_VOLUME]) == (200, 50)
    assert row[Bar.NOTIONAL] == pytest.approx(5.02 * 200 + 5.00 * 50, rel=1e-15)
    assert row[Bar.OFI] == 200  # 200 shares of the ask were taken
    assert row[Bar.ASK_SIZE] == 100
    assert bars[13][Bar.CLOSE] == bars[13][Bar.OPEN] == row[Bar.CLOSE] and bars[13][Bar.VOLUME] == 0
    row = bars[20]
    assert row[Bar.BID] == 5_000_000_000 * PRICE_SCALE  # the last book with two sides stays
    assert row[Bar.OFI] == -600 and row[Bar.QUOTES] == 1
    last = got.quotes[-1]
    assert last["bid"] == UNDEF_PRICE and last["bid_size"] == 0 and last["ask"] == 5_020_000_000
    assert (last["ts_recv"], last["ts_event"]) == (START + 20 * SECOND_NS, START + 20 * SECOND_NS - 1000)
    assert (bars[57_599, : Bar.ASK_SIZE + 1] != 0).sum() == 8  # carried to the end of the day, volumes are not


def test_a_book_counts_only_at_the_last_record_of_its_event() -> None:
    got = events_of(
        mbp(START, [(1, "A-", (4.0, 6.0, 1, 1)), (1, "A", (5.0, 5.1, 100, 100)), (2, "M-", (5.2, 5.1, 9, 9))])
    )
    assert len(got.quotes) == 1 and got.quotes[0]["bid"] == 5_000_000_000
    assert got.bars[2, Bar.BID] == 5.0


def test_a_trade_record_holds_the_book_before_the_trade() -> None:
    """Read as the book after the trade, the 100 shares that are gone would still stand there."""
    got = events_of(
        mbp(
            START,
            [
                (1.0, "A", (5.00, 5.02, 100, 100)),
                (1.1, "T-", (5.00, 5.02, 100, 100), 5.02, 100, "B"),
                (1.1, "C", (5.00, 5.05, 100, 700)),
            ],
        )
    )
    assert got.bars[1, Bar.ASK] == 5_050_000_000 * PRICE_SCALE and len(got.quotes) == 2
    # an event that ends with the trade's record: its book is valid and is the one the trade met
    got = events_of(mbp(START, [(1.0, "A-", (5.00, 5.02, 100, 100)), (1.0, "T", (5.00, 5.02, 100, 100), 5.02, 9, "N")]))
    assert got.bars[1, Bar.BID] == 5.0 and got.trades[0]["side"] == 1


def test_clear_empties_the_book_but_not_the_marks() -> None:
    got = events_of(mbp(START, [(1, "A", (5.0, 5.1, 100, 100)), (3, "R", NOTHING), (4, "A", (4.0, 4.1, 700, 500))]))
    assert got.quotes[1]["bid"] == got.quotes[1]["ask"] == UNDEF_PRICE
    assert got.bars[3, Bar.BID] == 5.0 and got.bars[3, Bar.OFI] == 0 and got.bars[4, Bar.OFI] == 0
    assert got.bars[4, Bar.BID] == 4.0


def test_crossed_books_are_events_but_never_marks() -> None:
    got = events_of(mbp(START, [(1, "A", (5.0, 5.1, 100, 100)), (2, "A", (5.2, 5.1, 100, 100))]))
    assert len(got.quotes) == 2 and got.bars[2, Bar.BID] == 5.0
    locked = events_of(mbp(START, [(1, "A", (5.0, 5.0, 100, 100))]))
    assert locked.bars[1, Bar.HAS_QUOTE] == 1 and locked.bars[1, Bar.SPREAD_TW] == 0


def test_repeated_books_refresh_once_a_second() -> None:
    book = (5.0, 5.1, 100, 100)
    got = events_of(
        mbp(START, [(1.1, "A", book), (1.2, "A", book), (1.3, "A", book), (3.4, "A", book), (3.5, "A", book)])
    )
    assert [(int(t) - START) / SECOND_NS for t in got.quotes["ts_recv"]] == [1.1, 3.4]
    assert got.bars[3, Bar.QUOTES] == 0 and got.bars[1, Bar.QUOTES] == 1


def test_stamps_that_run_backwards_arrive_with_their_predecessor() -> None:
    got = events_of(
        mbp(START, [(7.5, "A", (5.0, 5.1, 1, 1)), (6.0, "A", (5.0, 5.2, 1, 1)), (8, "A", (5.0, 5.3, 1, 1))])
    )
    assert got.late == 1 and (np.diff(got.quotes["ts_recv"]) >= 0).all()
    assert got.bars[6, Bar.HAS_QUOTE] == 0 and got.bars[7, Bar.ASK] == 5_200_000_000 * PRICE_SCALE


def test_records_outside_the_day_are_refused() -> None:
    got = events_of(mbp(START, [(-1, "A", (5.0, 5.1, 1, 1)), (57_600, "A", (5.0, 5.1, 1, 1))]))
    assert got.refused == 2 and len(got.quotes) == 0 and not got.bars.any()


@pytest.mark.parametrize(
    ("trades", "sides"),
    [
        ([(5.02, "B"), (5.00, "A")], [1, -1]),  # the feed's word
        ([(5.02, "N"), (5.00, "N")], [1, -1]),  # quote rule
        ([(5.01, "N")], [0]),  # at the mid, first trade: unknown
        ([(5.00, "N"), (5.01, "N"), (5.01, "N")], [-1, 1, 1]),  # at the mid: tick rule, zero ticks keep their direction
        ([(5.02, "A"), (5.01, "N")], [-1, -1]),
    ],
)
def test_aggressor(trades: list[tuple[float, str]], sides: list[int]) -> None:
    book = (5.00, 5.02, 100, 100)
    rows = [(1.0, "A", book), *[(2.0 + i, "T", book, p, 100, s) for i, (p, s) in enumerate(trades)]]
    assert events_of(mbp(START, rows)).trades["side"].tolist() == sides


def test_aggressor_without_a_book_follows_ticks() -> None:
    rows = [(1.0 + i, "T-", NOTHING, p, 100, "N") for i, p in enumerate([5.0, 5.1, 5.1, 5.0, 5.0])]
    assert events_of(mbp(START, rows)).trades["side"].tolist() == [0, 1, 1, -1, -1]
    trades = events_of(trades_of(mbp(START, rows)), "trades")
    assert trades.trades["side"].tolist() == [0, 1, 1, -1, -1]
    assert python_of(aggressor_nb)({"bid": UNDEF_PRICE, "ask": UNDEF_PRICE, "tick": -1}, 5, ord("N")) == -1


def test_order_flow_is_the_paper_s_formula() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        bid, ask = rng.integers(495, 500, 2), rng.integers(500, 505, 2)
        bid_size, ask_size = rng.integers(1, 9, 2) * 100, rng.integers(1, 9, 2) * 100
        flow = (
            (bid[1] >= bid[0]) * bid_size[1]
            - (bid[1] <= bid[0]) * bid_size[0]
            - (ask[1] <= ask[0]) * ask_size[1]
            + (ask[1] >= ask[0]) * ask_size[0]
        )
        state = np.zeros(1, TIMELINE_STATE)
        state["bid"], state["ask"], state["bid_size"], state["ask_size"] = bid[0], ask[0], bid_size[0], ask_size[0]
        now = int(bid[1]), int(ask[1]), int(bid_size[1]), int(ask_size[1])
        assert order_flow_nb(state[0], *now) == flow
        assert python_of(order_flow_nb)(state[0], *now) == flow


def test_trades_schema_gives_the_same_trade_columns() -> None:
    records = busy_day(4, START)
    records["side"] = np.where(records["side"] == b"N", b"A", records["side"])  # without a book N is less known
    records = records[records["action"] != b"R"]
    records = np.sort(records, order="ts_recv", kind="stable")  # a late trade's second depends on what came before it
    full, bare = events_of(records), events_of(trades_of(records), "trades")
    columns = [*range(Bar.BID), Bar.HAS_TRADE]
    assert full.bars[:, columns].tobytes() == bare.bars[:, columns].tobytes()
    assert not bare.bars[:, Bar.HAS_QUOTE].any() and len(bare.quotes) == 0
    assert bare.trades.tobytes() == full.trades.tobytes()


def test_other_schemas_are_refused() -> None:
    with pytest.raises(DataError, match="ohlcv-1m"):
        read_events(START, "ohlcv-1m", [])


# ---------------------------------------------------------------- oracles on real days
def lean_records(folder: Path, name: str, schema: str, symbol_id: int) -> Frame:
    import databento

    store = databento.DBNStore.from_file(folder / f"equs-mini-{name}.{schema}.dbn.zst")
    array = store.to_ndarray()
    array = array[array["instrument_id"] == symbol_id]
    return pd.DataFrame({n.removesuffix("_00"): array[n] for n in array.dtype.names})


def as_wire(frame: Frame, start: int) -> Records:
    frame = frame[frame["ts_recv"] >= start]
    records = np.zeros(len(frame), WIRE_MBP1)
    for name in WIRE_MBP1.names or ():
        records[name] = frame[name].to_numpy()
    return records


@pytest.fixture(scope="module")
def ibm(lean_folder: Path) -> tuple[Frame, Events, int]:
    start = start_of(dt.date(2013, 10, 7))
    frame = lean_records(lean_folder, "20131007", "mbp-1", 3)
    frame = frame[frame["ts_recv"] >= start].reset_index(drop=True)
    frame["second"] = ((frame["ts_recv"].astype("i8") - start) // SECOND_NS).astype("i8")
    return frame, read_events(start, "mbp-1", [as_wire(frame, start)]), start


def test_bars_equal_pandas_on_a_real_day(ibm: tuple[Frame, Events, int]) -> None:
    frame, events, _ = ibm
    trades = frame[frame["action"] == b"T"]
    by = trades.groupby("second")
    every = pd.RangeIndex(SECONDS)
    close = (by["price"].last() * PRICE_SCALE).reindex(every).ffill().fillna(0.0)
    for column, name in ((Bar.OPEN, "first"), (Bar.HIGH, "max"), (Bar.LOW, "min")):
        expected = (by["price"].agg(name) * PRICE_SCALE).reindex(every).fillna(close)
        np.testing.assert_array_equal(events.bars[:, column], expected)
    np.testing.assert_array_equal(events.bars[:, Bar.CLOSE], close)
    for column, name in ((Bar.VOLUME, "sum"), (Bar.LARGEST, "max"), (Bar.TRADES, "count")):
        np.testing.assert_array_equal(events.bars[:, column], by["size"].agg(name).reindex(every).fillna(0))
    notional = (trades["price"].astype("f8") * trades["size"]).groupby(trades["second"]).sum() * PRICE_SCALE
    np.testing.assert_allclose(events.bars[:, Bar.NOTIONAL], notional.reindex(every).fillna(0), rtol=1e-14)
    sides = events.bars[:, Bar.BUY_VOLUME] + events.bars[:, Bar.SELL_VOLUME]
    assert (sides <= events.bars[:, Bar.VOLUME]).all() and sides.sum() > 0.99 * events.bars[:, Bar.VOLUME].sum()


def test_book_equals_pandas_on_a_real_day(ibm: tuple[Frame, Events, int]) -> None:
    frame, events, start = ibm
    books = frame[(frame["flags"] & 128 > 0) & (frame["bid_px"] < UNDEF_PRICE) & (frame["ask_px"] < UNDEF_PRICE)]
    books = books[books["bid_px"] <= books["ask_px"]]
    last = books.groupby("second")[["bid_px", "ask_px", "bid_sz", "ask_sz"]].last()
    last = last.reindex(pd.RangeIndex(SECONDS)).ffill().fillna(0)
    for column, name in ((Bar.BID, "bid_px"), (Bar.ASK, "ask_px")):
        np.testing.assert_array_equal(events.bars[:, column], last[name] * PRICE_SCALE)
    for column, name in ((Bar.BID_SIZE, "bid_sz"), (Bar.ASK_SIZE, "ask_sz")):
        np.testing.assert_array_equal(events.bars[:, column], last[name])
    # time-weighted spread: the book as a step function, cut at every second
    steps = pd.Series((books["ask_px"] - books["bid_px"]).to_numpy(), index=books["ts_recv"].to_numpy().astype("i8"))
    steps = steps.groupby(level=0).last()
    edges = start + np.arange(SECONDS + 1) * SECOND_NS
    grid = np.union1d(steps.index, edges)
    grid = grid[grid >= steps.index[0]]
    spread = steps.reindex(grid).ffill().to_numpy()[:-1] * np.diff(grid)
    second = (grid[:-1] - start) // SECOND_NS
    mean = np.bincount(second, spread, SECONDS) / np.maximum(np.bincount(second, np.diff(grid), SECONDS), 1)
    np.testing.assert_allclose(events.bars[:, Bar.SPREAD_TW], mean * PRICE_SCALE, rtol=1e-12)


def test_event_rows_find_each_second(ibm: tuple[Frame, Events, int]) -> None:
    _, events, start = ibm
    edges = start + np.arange(SECONDS + 1) * SECOND_NS
    np.testing.assert_array_equal(events.quote_rows, np.searchsorted(events.quotes["ts_recv"], edges))
    np.testing.assert_array_equal(events.trade_rows, np.searchsorted(events.trades["ts_recv"], edges))
    assert events.bars[:, Bar.TRADES].sum() == len(events.trades)


@pytest.mark.parametrize("symbol_id", [1, 2, 3])
def test_bars_agree_with_the_provider_s_own(lean_folder: Path, symbol_id: int) -> None:
    start = start_of(dt.date(2013, 10, 7))
    trades = lean_records(lean_folder, "20131007", "trades", symbol_id)
    events = read_events(start, "trades", [_as_trades(trades, start)])
    own = lean_records(lean_folder, "20131007", "ohlcv-1s", symbol_id)
    own = own[own["ts_event"] >= start]
    second = ((own["ts_event"].astype("i8") - start) // SECOND_NS).to_numpy()
    assert len(np.unique(second)) == len(second)
    rows = events.bars[second]
    for column, name in ((Bar.OPEN, "open"), (Bar.HIGH, "high"), (Bar.LOW, "low"), (Bar.CLOSE, "close")):
        np.testing.assert_array_equal(rows[:, column], own[name] * PRICE_SCALE)
    np.testing.assert_array_equal(rows[:, Bar.VOLUME], own["volume"])
    assert events.bars[:, Bar.HAS_TRADE].sum() == len(own)
    read = read_events(start, "ohlcv-1s", [_as_bars(own)])
    columns = [*range(Bar.VOLUME + 1), Bar.HAS_TRADE]
    np.testing.assert_array_equal(read.bars[:, columns], events.bars[:, columns])
    # the mean of four prices stands for that of all trades
    assert read.bars[:, Bar.NOTIONAL].sum() == pytest.approx(events.bars[:, Bar.NOTIONAL].sum(), rel=1e-3)
    assert (read.refused, len(read.trades)) == (0, len(own))


def _as_bars(frame: Frame) -> Records:
    out = np.zeros(len(frame), WIRE_OHLCV)
    for name in ("ts_event", "open", "high", "low", "close", "volume"):
        out[name] = frame[name].astype("i8")
    return out


def test_impossible_bars_are_refused() -> None:
    bars = np.zeros(3, WIRE_OHLCV)
    bars["ts_event"] = START + np.arange(3) * SECOND_NS
    bars["open"], bars["high"], bars["low"], bars["close"], bars["volume"] = 5, (6, 4, 6), (4, 4, 0), 5, 10
    events = read_events(START, "ohlcv-1s", [bars])
    assert (events.refused, len(events.trades), events.bars[:, Bar.VOLUME].sum()) == (2, 1, 10)


def _as_trades(frame: Frame, start: int) -> Records:
    frame = frame.assign(bid_px=0, ask_px=0, bid_sz=0, ask_sz=0, bid_ct=0, ask_ct=0)
    return trades_of(as_wire(frame, start))
