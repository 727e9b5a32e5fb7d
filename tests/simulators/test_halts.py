"""What status records say, whatever order they come in."""

from __future__ import annotations

import numpy as np
import pytest

from data.layout import SECOND_NS, SECONDS, HaltKind
from simulators.halts import Reported, halt_kind, reported
from tests.simulators.test_market_kernels import START
from tests.support.wire import Records, status

END = START + SECONDS * SECOND_NS
DELAY = 5_000_000
"""From the exchange to us, ns: `tests.support.wire.status`."""


def ns(second: float) -> int:
    return START + round(second * SECOND_NS)


def seconds(got: Reported) -> list[tuple[float, ...]]:
    """(start, end, kind) in seconds by the exchange's time as arrival would have it."""
    return [(*((h[n] - START + DELAY) / 1e9 for n in ("start_ns", "end_ns")), h["kind"]) for h in got.halts]


def test_reasons() -> None:
    kinds = [HaltKind.UNKNOWN, *[HaltKind.NEWS] * 3, HaltKind.LULD, HaltKind.OTHER]
    assert [halt_kind(r) for r in (0, 30, 31, 32, 50, 70)] == kinds


def test_nothing_reported() -> None:
    for told in (None, status(START, [])):
        got = reported(told, END)
        assert [len(rows) for rows in got] == [0, 0, 0, 0] and got.known.shape == (0, 2)


def test_the_reason_may_come_with_a_later_record() -> None:
    got = reported(status(START, [(10, 7, 0), (100, 8, 0), (101, 8, 30), (160, 15, 0), (200, 7, 0), (300, 14, 0)]), END)
    assert seconds(got) == [(100, 200, HaltKind.NEWS)]
    assert got.known.tolist() == [[ns(100), ns(200)]]
    assert got.kinds.tolist() == [[ns(100), HaltKind.UNKNOWN], [ns(101), HaltKind.NEWS]]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(100, 8, 30), (400, 8, 31), (900, 3, 32), (1200, 7, 32)], [(100, 1200, HaltKind.NEWS)]),  # T1, T2, T3
        ([(100, 8, 70), (200, 3, 70), (50_000, 7, 0)], [(100, 50_000, HaltKind.OTHER)]),  # T12
        ([(100, 9, 50), (400, 9, 50), (700, 9, 50), (1000.5, 7, 50)], [(100, 1000.5, HaltKind.LULD)]),  # two extensions
        ([(100, 9, 50), (399, 3, 50), (401, 3, 50)], [(100, SECONDS + DELAY / 1e9, HaltKind.LULD)]),  # quoting: no end
        ([(100, 9, 50), (400, 7, 50), (400, 9, 50), (700, 7, 50)], [(100, 400, 1), (400, 700, 1)]),  # back to back
        ([(100, 10, 0), (200, 7, 0), (300, 15, 0), (400, 7, 0)], [(100, 200, 0), (300, 400, 0)]),
        ([(100, 7, 0), (200, 7, 0)], []),
        ([(-7200, 8, 30), (500, 7, 0)], [(-7200, 500, HaltKind.NEWS)]),  # from before 04:00
    ],
)
def test_halts_from_blocking_to_trading(rows: list[tuple[float, int, int]], expected: list[tuple[float, ...]]) -> None:
    got = reported(status(START, rows), END)
    assert seconds(got) == expected
    assert not got.halts["inferred"].any() and len(got.known) == len(expected)


def shuffled(records: Records, seed: int) -> Records:
    return np.random.default_rng(seed).permutation(records)


def test_order_in_the_file_and_duplicates_do_not_matter() -> None:
    rows = [(100, 9, 50), (399, 3, 50), (400, 7, 50), (900, 8, 30), (1500, 8, 31), (2000, 7, 0), (2100, 14, 0, "Y")]
    plain = reported(status(START, rows), END)
    assert seconds(plain) == [(100, 400, HaltKind.LULD), (900, 2000, HaltKind.NEWS)]
    twice = reported(status(START, [row for row in rows for _ in range(2)]), END)
    for seed in range(5):
        other = reported(shuffled(status(START, rows), seed), END)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(plain, other, strict=True))
    assert plain.halts.tobytes() == twice.halts.tobytes() and plain.known.tobytes() == twice.known.tobytes()


def test_overtaken_messages_count_for_nothing() -> None:
    late_halt = status(START, [(100, 9, 50), (400, 7, 50), (401, 9, 50)])
    late_halt["ts_event"][2] = late_halt["ts_event"][0]  # the first pause, told again after the resumption
    assert seconds(reported(late_halt, END)) == [(100, 400, HaltKind.LULD)]
    late_trading = status(START, [(90, 7, 0), (100, 9, 50), (101, 7, 0), (400, 7, 50)])
    late_trading["ts_event"][2] = late_trading["ts_event"][0]  # the start of trading, told again in the pause
    assert seconds(reported(late_trading, END)) == [(100, 400, HaltKind.LULD)]


@pytest.mark.parametrize("event", [0, 2**64 - 1, 2**63])
def test_undefined_times_of_the_exchange(event: int) -> None:
    told = status(START, [(100, 9, 50), (400, 7, 50)])
    told["ts_event"] = event
    got = reported(told, END)
    assert got.halts["start_ns"].tolist() == [ns(100)] and got.halts["end_ns"].tolist() == [ns(400)]


def test_short_sale_changes() -> None:
    rows = [(50, 7, 0, "N"), (100, 14, 0, "Y"), (200, 14, 0, "~"), (300, 14, 0, "N"), (400, 8, 30, "Y"), (500, 14, 0)]
    got = reported(status(START, rows), END)
    assert got.short_sales.tolist() == [[ns(100), 1], [ns(300), 0]]  # only changes, and only what is known
