"""Price bands: the plan's figures by tier, price, time and date, the reference price, limit states."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data.calendar import session
from data.layout import QUOTE, SECOND_NS, SECONDS, UNDEF_PRICE, HaltKind, Market
from simulators.luld_kernels import limit_state_nb, luld_band_nb
from simulators.timeline import build_day, luld_bands, luld_rule, luld_tier
from simulators.timeline_layout import MARKET_STATE
from tests.simulators.test_market_kernels import (
    CLOSE,
    DATE,
    NO_STATUS_NEWS,
    OPEN,
    Rows,
    built,
    context,
    timeline,
    trade,
)
from tests.support.wire import mbp, python_of, start_of, status

Band = tuple[float, float]


@pytest.mark.parametrize(
    ("tier", "previous", "reference", "doubled", "low", "high"),
    [
        (2, 4.0, 8.0, False, 7.20, 8.80),
        (2, 2.5, 8.0, False, 6.40, 9.60),
        (2, 2.5, 8.0, True, 4.80, 11.20),
        (2, 0.5, 0.60, False, 0.45, 0.75),
        (2, 3.0, 8.0, False, 6.40, 9.60),  # $3 itself is in the middle row
        (2, 3.01, 8.0, False, 7.20, 8.80),
        (2, 0.75, 1.0, False, 0.80, 1.20),  # and so is $0.75
        (2, 0.7499, 1.0, False, 0.85, 1.15),
        (2, 0.5, 0.10, False, 0.02, 0.18),  # 75 % is less than 15 cents: 0.025 and 0.175, to the cent
        (2, 0.5, 0.10, True, 0.0, 0.25),  # never below nothing
        (1, 4.0, 8.0, False, 7.60, 8.40),
        (1, 4.0, 8.0, True, 7.20, 8.80),
        (1, 3.01, 8.0, False, 7.60, 8.40),
        (1, 3.0, 8.0, False, 6.40, 9.60),
        (1, 2.5, 8.0, True, 4.80, 11.20),
        (1, 0.75, 1.0, False, 0.80, 1.20),
        (1, 0.5, 0.60, False, 0.45, 0.75),
    ],
)
def test_band_figures(tier: int, previous: float, reference: float, doubled: bool, low: float, high: float) -> None:
    bands = luld_bands("BIG" if tier == 1 else "ABC", DATE.isoformat(), timeline(tier1=["BIG"]))
    for kernel in (luld_band_nb, python_of(luld_band_nb)):
        assert kernel(previous, reference, doubled, bands) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    ("symbol", "previous", "noon", "last_minutes"),
    [
        ("ABC", 4.0, (7.2, 8.8), (7.2, 8.8)),
        ("ABC", 3.0, (6.4, 9.6), (4.8, 11.2)),
        ("ABC", 2.5, (6.4, 9.6), (4.8, 11.2)),
        ("BIG", 4.0, (7.6, 8.4), (7.2, 8.8)),
        ("BIG", 2.5, (6.4, 9.6), (4.8, 11.2)),
    ],
)
def test_bands_over_the_day(symbol: str, previous: float, noon: Band, last_minutes: Band) -> None:
    rows = [trade(OPEN - 5, 7.0), trade(OPEN + 2, 8.0)]
    day = built(rows, NO_STATUS_NEWS, context(previous), symbol=symbol, tier1=["BIG"])
    low, high = day["market"][:, Market.LULD_LOW], day["market"][:, Market.LULD_HIGH]
    outside = np.r_[0 : OPEN + 2, CLOSE:SECONDS]
    assert not low[outside].any() and np.isinf(high[outside]).all()  # none before the first trade of regular hours
    assert (low[OPEN + 2], high[OPEN + 2]) == noon and (low[CLOSE - 1501], high[CLOSE - 1501]) == noon
    assert (low[CLOSE - 1500], high[CLOSE - 1500]) == last_minutes == (low[CLOSE - 1], high[CLOSE - 1])


@pytest.mark.parametrize(("symbol", "single", "double"), [("ABC", 8.8, 9.6), ("BIG", 8.4, 8.8)])
def test_before_amendment_18_both_tiers_doubled_after_the_open_and_before_the_close(
    symbol: str, single: float, double: float
) -> None:
    date = dt.date(2020, 2, 21)
    records = mbp(start_of(date), [trade(OPEN, 8.0)])
    day = build_day(session(date), symbol, "mbp-1", [records], NO_STATUS_NEWS, context(4.0), timeline(tier1=["BIG"]))
    high = day["market"][:, Market.LULD_HIGH]
    edges = [OPEN, OPEN + 899, OPEN + 900, CLOSE - 1501, CLOSE - 1500, CLOSE - 1]
    assert high[edges].tolist() == [double, double, single, single, double, double]


def test_an_early_close_doubles_before_its_own_close() -> None:
    date = dt.date(2024, 11, 29)
    records = mbp(start_of(date), [trade(OPEN, 8.0)])
    day = build_day(session(date), "ABC", "mbp-1", [records], NO_STATUS_NEWS, context(2.5), timeline())
    high = day["market"][:, Market.LULD_HIGH]
    assert high[[32_400 - 1501, 32_400 - 1500, 32_400 - 1]].tolist() == [9.6, 11.2, 11.2] and np.isinf(high[32_400])


def test_rules_by_date_and_tier() -> None:
    config = timeline(tier1=["BIG"])
    old, new = luld_rule(config, "2020-02-23"), luld_rule(config, "2020-02-24")
    assert old is not None and new is not None
    assert (old.double_open_s, old.double_close_s) == (900, 1500) and (new.double_open_s, new.double_close_s) == (
        0,
        1500,
    )
    assert [luld_tier(old, s, config).double_up_to for s in ("BIG", "ABC")] == [np.inf, np.inf]
    assert [luld_tier(new, s, config).double_up_to for s in ("BIG", "ABC")] == [np.inf, 3.0]
    assert luld_rule(config, "2012-01-03") is None and luld_rule(timeline(luld=False), "2025-04-15") is None
    assert luld_bands("ABC", "2012-01-03", config).shape == (0, 3)


def test_a_rule_needs_both_tiers() -> None:
    rule = timeline().luld_rules[0]
    with pytest.raises(ValueError, match=r"2013-04-08 has tiers \[2\]"):
        replace(rule, tiers=rule.tiers[1:])


def test_reference_moves_by_the_mean_after_its_hold() -> None:
    """8.00 at the open, then 8.10 and 8.20: the mean passes 1 % only with enough trades, and never before 30 s."""
    rows = [trade(OPEN, 8.0), *[trade(OPEN + s, 8.2) for s in (5, 10, 15)], trade(OPEN + 100, 8.2)]
    high = built(rows, NO_STATUS_NEWS)["market"][:, Market.LULD_HIGH]
    assert high[OPEN] == high[OPEN + 29] == 8.8
    assert high[OPEN + 30] == pytest.approx(round(1.1 * (8.0 + 3 * 8.2) / 4, 2))  # 8.15 is 1.9 % away
    assert high[OPEN + 299] == high[OPEN + 30]
    # at +300 the first trade leaves the window: the mean is 8.20, only 0.6 % from 8.15, so the reference stays
    assert high[OPEN + 400] == high[OPEN + 30]


def test_small_changes_do_not_move_the_reference() -> None:
    rows = [trade(OPEN, 8.0), *[trade(OPEN + 1 + s, 8.07) for s in range(200)]]
    assert (built(rows, NO_STATUS_NEWS)["market"][OPEN:CLOSE, Market.LULD_HIGH] == 8.8).all()


# ---------------------------------------------------------------- limit states
def quote(second: float, bid: float | None, ask: float | None) -> tuple[Any, ...]:
    return second, "A", (bid, ask, 100 if bid else 0, 100 if ask else 0)


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        (8.80, 8.85, 1),
        (8.81, 8.85, 1),
        (8.80, None, 1),  # nobody sells at or below the band
        (8.79, 8.80, 0),
        (None, 8.80, 0),
        (7.15, 7.20, -1),
        (None, 7.20, -1),
        (7.20, 7.21, 0),
        (None, None, 0),
        (8.85, 8.80, 0),  # crossed
        (7.20, 7.19, 0),
    ],
)
def test_limit_states_by_book(bid: float | None, ask: float | None, expected: int) -> None:
    """Bands 7.20-8.80; the kernel compiled and not, and a whole day."""
    book = np.array([(0, 0, *(UNDEF_PRICE if p is None else round(p * 1e9) for p in (bid, ask)), 100, 100)], QUOTE)
    state = np.zeros(1, MARKET_STATE)
    state["low"], state["high"] = 7.2, 8.8
    for kernel in (limit_state_nb, python_of(limit_state_nb)):
        assert kernel(state[0], 0, book) == expected and kernel(state[0], -1, book) == 0
    day = built([trade(OPEN, 8.0), quote(OPEN + 5, bid, ask)], NO_STATUS_NEWS)
    limit = day["market"][:, Market.LIMIT_STATE]
    assert (limit[OPEN + 5 : CLOSE] == expected).all() and not limit[: OPEN + 5].any() and not limit[CLOSE:].any()


def test_limit_states_use_the_band_from_before_the_second_and_end_with_a_halt() -> None:
    """The first trade after the open makes the band; a bid above it in that very second is no limit state yet."""
    rows: Rows = [trade(OPEN + 3, 5.0), quote(OPEN + 3.5, 5.5, 5.6)]
    told = status(START := start_of(DATE), [(OPEN + 19.2, 9, 50), (OPEN + 319.5, 7, 50)])
    day = built(rows, told)
    limit = day["market"][:, Market.LIMIT_STATE]
    assert np.flatnonzero(limit[: OPEN + 1000]).tolist() == list(range(OPEN + 4, OPEN + 19))  # 15 s, then the pause
    assert (
        day["halts"]["kind"].tolist() == [HaltKind.LULD]
        and day["halts"]["start_ns"][0] > START + (OPEN + 19) * SECOND_NS
    )
    assert not limit[OPEN + 19 :].any()  # no band until a trade after the pause


def test_no_limit_state_without_bands() -> None:
    day = built([trade(OPEN, 8.0), quote(OPEN + 5, 20.0, 20.1)], NO_STATUS_NEWS, luld=False)
    assert not day["market"][:, Market.LIMIT_STATE].any()
