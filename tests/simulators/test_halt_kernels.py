"""Halts in the day's rows, reported or found in silence, and the short-sale restriction: what is known, and when."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from data.data_manager import DayContext
from data.layout import BLOCKING_ACTIONS, SECOND_NS, SECONDS, Bar, Daily, HaltKind, Market, StatusAction
from simulators.halts import halt_kind
from tests.simulators.test_market_kernels import CLOSE, NO_STATUS_NEWS, OPEN, START, Rows, built, context, trade
from tests.support.wire import Records, status


def test_reported_halts_hold_in_rows_from_arrival() -> None:
    """A LULD pause, told 5 ms later, with quoting from 10:04 and trading from 10:05:10.9 on; a second one for news."""
    told = status(
        START,
        [(21_600.3, 9, 50), (21_840, 3, 0), (21_910.9, 7, 0), (30_000.0, 8, 30), (30_060.0, 14, 0), (31_000, 7, 32)],
    )
    day = built([(1, "A", (5.0, 5.1, 100, 100)), trade(21_600.1, 5.0), trade(21_911.5, 6.0)], told)
    halts = day["halts"]
    assert halts["kind"].tolist() == [HaltKind.LULD, HaltKind.NEWS] and not halts["inferred"].any()
    assert halts["start_ns"][0] == START + 21_600 * SECOND_NS + 295_000_000
    assert halts["end_ns"][0] == START + 21_910 * SECOND_NS + 895_000_000
    halted = day["bars"][:, Bar.HALTED]
    assert halted.sum() == 310 + 1_000
    assert halted[21_599] == 0 and halted[21_600] == 1 and halted[21_909] == 1 and halted[21_910] == 0
    assert halted[29_999] == 0 and halted[30_000] == 1 and halted[30_999] == 1 and halted[31_000] == 0
    market = day["market"]
    np.testing.assert_array_equal(market[:, Market.TRADABLE], 1 - halted)
    since = market[:, Market.SINCE_RESUME]
    assert since[21_909] == 1e9 and since[21_910] == pytest.approx(0.1) and since[21_911] == pytest.approx(1.1)
    assert since[30_500] == pytest.approx(30_501 - 21_910.9)
    assert market[21_605, Market.LULD_LOW] == 0  # no band in a pause; it begins anew with the first trade after it
    assert market[21_910, Market.LULD_LOW] == 0 and market[21_911, Market.LULD_LOW] == 5.4


def test_a_halt_that_never_ends_lasts_to_the_end_of_the_day() -> None:
    day = built([trade(10, 5.0)], status(START, [(50_000.5, 10, 70)]))
    assert day["halts"]["end_ns"].tolist() == [START + SECONDS * SECOND_NS]
    assert day["halts"]["kind"].tolist() == [HaltKind.OTHER]
    assert day["bars"][50_000:, Bar.HALTED].all() and not day["bars"][:50_000, Bar.HALTED].any()


def near_band(until: int) -> Rows:
    """Trades that climb from 5.00 into the upper band (5.50) just before `until`."""
    climb = [trade(OPEN + 10 * i, 5.0) for i in range(20)]
    return [
        (OPEN - 1, "A", (4.99, 5.01, 100, 100)),
        *climb,
        (until - 1, "A", (5.50, 5.52, 100, 100)),
        trade(until, 5.49),
    ]


def test_silence_after_a_touched_band_is_a_halt() -> None:
    """Known only after 270 s of silence; the table holds when it began."""
    stop = OPEN + 210
    day = built([*near_band(stop), trade(stop + 300.5, 5.8), trade(stop + 301, 5.8)])
    halt = day["halts"][0]
    assert len(day["halts"]) == 1 and halt["inferred"] == 1 and halt["kind"] == HaltKind.LULD
    assert (
        halt["start_ns"] == START + stop * SECOND_NS
        and halt["end_ns"] == START + (stop + 300) * SECOND_NS + SECOND_NS // 2
    )
    halted = np.flatnonzero(day["bars"][:, Bar.HALTED])
    assert (halted[0], halted[-1]) == (stop + 269, stop + 299) and len(halted) == 31
    assert day["market"][stop + 300, Market.SINCE_RESUME] == pytest.approx(0.5)
    assert "1 halt(s) inferred" in day["notes"][0]


@pytest.mark.parametrize("why", ["no touch", "too short", "status schema"])
def test_silence_alone_is_no_halt(why: str) -> None:
    stop = OPEN + 210
    rows = near_band(stop)
    if why == "no touch":
        rows = [trade(OPEN, 5.0), trade(OPEN + 20, 5.2)]
    resume = stop + (269 if why == "too short" else 400)
    quiet = [(t, "A", (5.5, 5.52 + t % 7 / 100, 100, 100)) for t in range(resume, CLOSE, 60)]
    day = built([*rows, *quiet], NO_STATUS_NEWS if why == "status schema" else None)
    assert len(day["halts"]) == 0 and not day["bars"][:, Bar.HALTED].any()


def test_without_bands_any_silence_in_regular_hours_is_a_halt() -> None:
    day = built([trade(OPEN + 60, 5.0), trade(CLOSE + 60, 5.0)], luld=False)
    assert len(day["halts"]) == 1 and day["halts"][0]["kind"] == HaltKind.UNKNOWN
    halted = np.flatnonzero(day["bars"][:, Bar.HALTED])
    assert (halted[0], halted[-1]) == (OPEN + 60 + 269, CLOSE + 59)
    assert np.isinf(day["market"][:, Market.LULD_HIGH]).all()


def test_an_inferred_halt_tells_kind_and_age_once_it_is_known() -> None:
    stop = OPEN + 210
    market = built([*near_band(stop), trade(stop + 300.5, 5.8)])["market"]
    kind, since = market[:, Market.HALT_KIND], market[:, Market.SINCE_HALT]
    assert (kind[: stop + 269] == -1).all() and (kind[stop + 269 :] == HaltKind.LULD).all()
    assert (since[: stop + 269] == 1e9).all() and since[stop + 269] == 270 and since[stop + 999] == 1000


def test_fifteen_seconds_of_limit_state_and_then_silence() -> None:
    """Nobody sells: the book has no ask, so only the limit state shows that the band was reached."""
    limit: Rows = [(OPEN + 100, "A", (5.50, None, 100, 0)), (OPEN + 115, "A", (5.50, None, 200, 0))]
    rows = [*[trade(OPEN + 10 * i, 5.0) for i in range(6)], *limit, trade(OPEN + 415.5, 5.9)]
    day = built(rows)
    assert (day["market"][OPEN + 100 : OPEN + 115, Market.LIMIT_STATE] == 1).all()
    halt = day["halts"][0]
    assert len(day["halts"]) == 1 and halt["kind"] == HaltKind.LULD and halt["inferred"] == 1
    assert (halt["end_ns"] - halt["start_ns"]) / SECOND_NS == 300.5


def test_an_extended_pause_is_one_halt() -> None:
    """Two blocks of five minutes, in silence and as reported."""
    stop = OPEN + 210
    rows = [*near_band(stop), trade(stop + 600.5, 5.8)]
    silent = built(rows)
    told = built(rows, status(START, [(stop + 0.3, 9, 50), (stop + 300.3, 9, 50), (stop + 600.3, 7, 50)]))
    for day, known_s in ((silent, 270), (told, 1)):
        assert len(day["halts"]) == 1 and day["halts"]["kind"].tolist() == [HaltKind.LULD]
        halted = np.flatnonzero(day["bars"][:, Bar.HALTED])
        assert (halted[0], halted[-1]) == (stop + known_s - 1, stop + 599)
    assert told["market"][stop + 599, Market.SINCE_HALT] == pytest.approx(599.7)


def test_a_halt_from_before_the_day_begins() -> None:
    """Told two hours before 04:00, as a file of UTC days has it; and an earlier one that is over by then."""
    day = built([trade(10, 5.0)], status(START, [(-9_000, 9, 50), (-8_000, 7, 0), (-7_200, 8, 30), (600.5, 7, 0)]))
    market, halted = day["market"], day["bars"][:, Bar.HALTED]
    assert halted[:600].all() and not halted[600:].any() and not market[:600, Market.TRADABLE].any()
    assert market[0, Market.HALT_KIND] == HaltKind.NEWS and market[0, Market.SINCE_HALT] == 7_201
    assert market[0, Market.SINCE_RESUME] == 8_001 and market[600, Market.SINCE_RESUME] == 0.5


def test_a_halt_over_the_close() -> None:
    day = built(
        [trade(OPEN, 5.0), trade(CLOSE - 700, 5.0)],
        status(START, [(CLOSE - 600.5, 8, 70), (CLOSE + 1_800, 3, 0), (CLOSE + 3_600.5, 7, 0)]),
    )
    market, halted = day["market"], np.flatnonzero(day["bars"][:, Bar.HALTED])
    assert (halted[0], halted[-1], len(halted)) == (CLOSE - 601, CLOSE + 3_599, 4_201)
    assert (
        not market[CLOSE - 601 : CLOSE + 3_600, Market.TRADABLE].any() and market[CLOSE + 3_600, Market.TRADABLE] == 1
    )
    assert (market[CLOSE - 601 :, Market.HALT_KIND] == HaltKind.OTHER).all()


def test_silence_over_the_close_ends_with_the_first_event_after_it() -> None:
    stop = CLOSE - 300
    rows = [*[trade(stop - 400 + 10 * i, 5.0) for i in range(39)], (stop, "A", (5.5, 5.52, 100, 100))]
    day = built([*rows, trade(CLOSE + 60.25, 5.6)])
    halted = np.flatnonzero(day["bars"][:, Bar.HALTED])
    assert (halted[0], halted[-1]) == (stop + 269, CLOSE + 59) and day["halts"]["kind"].tolist() == [HaltKind.LULD]


def test_two_halts_back_to_back_and_one_within_a_second() -> None:
    told = status(START, [(20_000.5, 9, 50), (20_300.25, 7, 50), (20_300.5, 8, 30), (21_000.5, 7, 0)])
    market = built([trade(10, 5.0)], told)["market"]
    assert not market[20_000:21_000, Market.TRADABLE].any() and market[21_000, Market.TRADABLE] == 1
    kind, since = market[:, Market.HALT_KIND], market[:, Market.SINCE_HALT]
    assert kind[[19_999, 20_000, 20_299, 20_300, 21_500]].tolist() == [-1, 1, 1, 2, 2]
    assert since[20_299] == 299.5 and since[20_300] == 0.5 and since[21_000] == 700.5
    assert market[20_300, Market.SINCE_RESUME] == 0.75
    short = built([trade(10, 5.0)], status(START, [(20_000.25, 9, 50), (20_000.75, 7, 50)]))["market"]
    assert short[:, Market.TRADABLE].all() and short[20_000, Market.SINCE_HALT] == 0.75
    assert short[20_000, Market.SINCE_RESUME] == 0.25 and short[20_000, Market.HALT_KIND] == HaltKind.LULD


# ---------------------------------------------------------------- rows against a replay
def random_status(seed: int) -> Records:
    """Any actions in any order, several a second at times, with times of the exchange that run backwards."""
    rng = np.random.default_rng(seed)
    actions = rng.choice([3, 7, 7, 8, 9, 10, 14, 14, 15], 120)
    reasons, flags = rng.choice([0, 0, 30, 31, 32, 50, 70], 120), rng.choice(["Y", "N", "~"], 120)
    times = rng.choice(np.r_[rng.uniform(-3_600, SECONDS, 20), 30_000 + rng.uniform(0, 5, 5)], 120)
    made = status(START, list(zip(times.round(3).tolist(), actions.tolist(), reasons.tolist(), flags, strict=True)))
    made["ts_event"] -= rng.choice([0, 0, 0, 3_600], 120).astype("u8") * SECOND_NS
    return made


def replayed(told: Records, second: int) -> tuple[bool, int, float, float, int]:
    """(halted, kind, since halt, since resume, restricted) from what arrived by the end of a second, told in turn."""
    end = START + (second + 1) * SECOND_NS
    halted, kind, began, resumed, restricted, began_event, resumed_event = False, -1, 0, 0, 0, 0, 0
    for record in sorted(told[told["ts_recv"] < end], key=lambda r: int(r["ts_recv"])):
        action, event, now = int(record["action"]), int(record["ts_event"]), int(record["ts_recv"])
        reason = int(halt_kind(int(record["reason"])))
        if action in BLOCKING_ACTIONS and event >= resumed_event:
            if not halted:
                halted, kind, began, began_event = True, reason, now, event
            elif kind == HaltKind.UNKNOWN:
                kind = reason
        elif action == StatusAction.TRADING:
            resumed_event = max(resumed_event, event)
            if halted and event >= began_event:
                halted, resumed = False, now
        elif action == StatusAction.SHORT_SALE_CHANGE and record["is_short_sell_restricted"] in (b"Y", b"N"):
            restricted = int(record["is_short_sell_restricted"] == b"Y")
    since = [(end - t) / SECOND_NS if t else 1e9 for t in (began, resumed)]
    return halted, kind, since[0], since[1], restricted


@pytest.mark.parametrize("seed", range(4))
def test_rows_equal_a_replay_of_what_was_known(seed: int) -> None:
    told = random_status(seed)
    day = built([trade(10, 5.0)], told)
    arrivals = np.unique((told["ts_recv"].astype("i8") - START) // SECOND_NS)
    rows = np.unique(np.clip(np.r_[arrivals - 1, arrivals, arrivals + 1, 0, SECONDS - 1], 0, SECONDS - 1))
    columns = [Market.HALT_KIND, Market.SINCE_HALT, Market.SINCE_RESUME, Market.SSR]
    for row in rows.tolist():
        halted, *expected = replayed(told, row)
        assert day["market"][row, columns].tolist() == expected and day["bars"][row, Bar.HALTED] == halted, row
    changed = np.flatnonzero(np.diff(day["bars"][:, Bar.HALTED])) + 1
    assert set(changed) <= set(arrivals)  # between messages nothing changes
    assert all(a["end_ns"] <= b["start_ns"] or a["start_ns"] <= b["start_ns"] for a, b in pairwise(day["halts"]))


# ---------------------------------------------------------------- short sales
def restricted(rows: Rows, told: Records | None = NO_STATUS_NEWS, **changes: Any) -> np.ndarray:
    return built(rows, told, **changes)["market"][:, Market.SSR]


def after(low: float, last_close: float = 4.0, known: int = 2) -> DayContext:
    """A day after sessions of which the one before the last closed at 4.00 and the last one's low was `low`."""
    plain = context(last_close)
    plain.daily[-known:, [Daily.OPEN, Daily.HIGH, Daily.CLOSE]] = 4.0, 4.2, 4.0
    plain.daily[-known:, Daily.LOW] = 3.9
    plain.daily[-1, Daily.LOW] = low
    return plain


def test_a_tenth_below_the_previous_close_restricts_short_sales_for_the_day() -> None:
    """Previous close 4.00: 3.60 triggers and 3.61 does not; trades outside regular hours never do."""
    before, later = trade(OPEN - 10, 3.0), trade(CLOSE + 10, 3.0)
    assert not restricted([before, trade(OPEN + 50, 3.61), later]).any()
    found = restricted([before, trade(OPEN + 50, 3.61), trade(30_000.9, 3.60), trade(30_010, 4.5), later])
    assert not found[:30_000].any() and found[30_000:].all()
    assert restricted([trade(OPEN, 3.60)])[OPEN] == 1 and restricted([trade(CLOSE - 0.001, 3.60)])[CLOSE - 1] == 1
    assert not restricted([trade(OPEN, 3.0)], short_sale_from="2026-01-01").any()
    assert not restricted([trade(OPEN, 3.0)], before=context(0.0)).any()  # unknown previous close


@pytest.mark.parametrize("close", [0.37, 1.0, 2.3, 4.01, 7.7, 19.99])
def test_the_trigger_is_exact_to_the_cent(close: float) -> None:
    """In whole 1e-4 dollars: price <= 0.9 close."""
    edge = int(np.floor(round(close * 10_000) * 9 / 10))
    assert restricted([trade(OPEN, edge / 10_000)], before=context(close))[OPEN] == 1
    assert restricted([trade(OPEN, (edge + 1) / 10_000)], before=context(close))[OPEN] == 0


def test_the_restriction_of_the_previous_session_holds_all_day() -> None:
    rows = [trade(OPEN, 4.0)]
    assert restricted(rows, before=after(3.6)).all() and restricted(rows, None, before=after(3.6)).all()
    assert not restricted(rows, before=after(3.61)).any()
    assert not restricted(rows, before=after(3.0, known=1)).any()  # nothing is known of the session before
    assert not restricted(rows, before=context()).any()


def test_reports_count_more_than_reckoning() -> None:
    rows = [trade(OPEN, 4.0), trade(30_000, 3.0)]
    told = status(START, [(25_000, 14, 0, "Y"), (26_000, 14, 0, "~"), (40_000, 14, 0, "N")])
    found = restricted(rows, told)
    assert not found[:25_000].any() and found[25_000:40_000].all() and not found[40_000:].any()
    assert not restricted(rows, status(START, [(5, 14, 0, "N")]))[5:].any()
    lifted = restricted(rows, status(START, [(5, 14, 0, "N")]), before=after(3.6))
    assert lifted[:5].all() and not lifted[5:].any()
    unknown = restricted(rows, status(START, [(5, 14, 0, "~"), (6, 7, 0, "N")]))
    assert not unknown[:30_000].any() and unknown[30_000:].all()
