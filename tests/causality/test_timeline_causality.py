"""Rows before a cut never change: neither if the records end there, nor if the future is scaled by seven."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from data.calendar import session
from data.layout import F_LAST, SECOND_NS, SECONDS, Bar, Market
from simulators.timeline import BuiltDay, build_day
from tests.simulators.test_market_kernels import context, timeline
from tests.support.wire import Records, busy_day, start_of, status

DATE = dt.date(2025, 4, 15)
START = start_of(DATE)
OPEN = 19_800
CUTS = 10
TOLD = [
    (25_200.5, 9, 50),
    (26_000.2, 7, 0),
    (30_000, 14, 0, "Y"),
    (40_000, 8, 0),
    (40_010.5, 8, 30),
    (40_500, 7, 0),
    (41_000, 14, 0, "N"),
]
PRICES = ("price", "bid_px", "ask_px")
SIZES = ("size", "bid_sz", "ask_sz")


def day_of(records: Records, told: Records | None) -> BuiltDay:
    return build_day(session(DATE), "ABC", "mbp-1", [records], told, context(known=True), timeline())


def with_limit_state(records: Records) -> Records:
    """The same records with the upper band touched at 11:00, before the half hour of silence."""
    made = records.copy()
    second = (made["ts_recv"].astype("i8") - START) // SECOND_NS
    last = np.flatnonzero(second <= 25_200)[-30:]
    made["action"][last], made["flags"][last] = b"A", F_LAST
    made["bid_px"][last], made["ask_px"][last] = 90 * 10**9, 91 * 10**9
    return made


def cut_at(records: Records, second: int) -> Records:
    """Records that arrived before `second`, as read: those behind an earlier stamp of a later record are gone too."""
    arrived = np.maximum.accumulate(records["ts_recv"].astype("i8"))
    return records[arrived < START + second * SECOND_NS]


def future_times_seven(records: Records, second: int) -> Records:
    made = records.copy()
    later = np.maximum.accumulate(made["ts_recv"].astype("i8")) >= START + second * SECOND_NS
    for name in (*PRICES, *SIZES):
        defined = later & (made[name] < 2**62)
        made[name][defined] *= 7
    made["side"][later] = np.where(made["side"][later] == b"A", b"B", b"A")
    return made


def cuts(records: Records, seed: int) -> list[int]:
    """Uniform seconds, seconds right after a trade's, and the edges at which rules switch."""
    rng = np.random.default_rng(seed)
    traded = (records["ts_recv"][records["action"] == b"T"].astype("i8") - START) // SECOND_NS
    drawn = [*rng.integers(1, SECONDS, CUTS // 2), *rng.choice(traded, CUTS // 2), *(rng.choice(traded, CUTS // 2) + 1)]
    edges = [
        1,
        OPEN,
        OPEN + 1,
        25_200,
        25_470,
        25_471,
        26_000,
        27_001,
        30_000,
        40_010,
        40_011,
        41_700,
        43_200,
        SECONDS - 1,
    ]
    return [int(c) for c in (*drawn, *edges)]


def assert_same_past(whole: BuiltDay, other: BuiltDay, second: int) -> None:
    for name in ("bars", "market"):
        a, b = whole[name][:second], other[name][:second]
        different = a.view(np.int64) != b.view(np.int64)  # bitwise
        if different.any():
            row, column = np.argwhere(different)[0]
            raise AssertionError(f"{name} row {row} column {column} knows what comes at {second}")
    for rows, events in (("quote_rows", "quotes"), ("trade_rows", "trades")):
        assert whole[rows][: second + 1].tobytes() == other[rows][: second + 1].tobytes()
        count = whole[rows][second]
        assert whole[events][:count].tobytes() == other[events][:count].tobytes()


@pytest.mark.parametrize("told", [False, True], ids=["inferred halts", "reported halts"])
def test_rows_do_not_know_the_future(told: bool) -> None:
    records = with_limit_state(busy_day(11, START, 12_000))
    halts = status(START, TOLD) if told else None
    whole = day_of(records, halts)
    assert whole["bars"][:, Bar.HALTED].sum() > 500 and len(whole["halts"]) >= 1
    assert all(np.ptp(whole["market"][:, column]) > 0 for column in Market)
    for second in cuts(records, 0):
        short = cut_at(records, second)
        if len(short):
            assert_same_past(whole, day_of(short, None if halts is None else cut_at(halts, second)), second)
        assert_same_past(whole, day_of(future_times_seven(records, second), halts), second)


def test_a_planted_leak_is_caught() -> None:
    """A bar that already holds the next second's volume must not pass."""
    records = busy_day(12, START, 6_000)
    found, tried = 0, cuts(records, 1)[CUTS // 2 : CUTS]  # at trades' seconds
    for second in tried:
        leaky = [day_of(r, None) for r in (records, future_times_seven(records, second))]
        for day in leaky:
            day["bars"][:-1, Bar.VOLUME] += day["bars"][1:, Bar.VOLUME]
        try:
            assert_same_past(leaky[0], leaky[1], second)
        except AssertionError:
            found += 1
    assert found == len(tried)
