from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from config.schema import TimelineConfig
from data.calendar import session
from data.data_manager import DayContext
from data.layout import SECOND_NS, SECONDS, Bar, Daily, HaltKind, Market
from simulators.luld_kernels import luld_band_nb
from simulators.timeline import BuiltDay, build_day, daily_sigma, luld_bands, luld_rule, luld_tier
from tests.support.wire import Records, mbp, python_of, start_of, status
from utils.paths import ROOT

DATE = dt.date(2025, 4, 15)
START = start_of(DATE)
OPEN, CLOSE = 19_800, 43_200
Rows = list[tuple[Any, ...]]


def timeline(**changes: Any) -> TimelineConfig:
    plain = OmegaConf.load(ROOT / "config" / "timeline" / "default.yaml")
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(TimelineConfig), plain, changes))  # pyright: ignore[reportReturnType]


def context(previous_close: float = 4.0, volume: float = 1e6, known: bool = False) -> DayContext:
    daily = np.zeros((30, len(Daily)))
    if known:
        daily[-10:] = 4.0, 4.4, 3.9, 4.2, volume
    return DayContext(previous_close, 1.0, daily, np.zeros(960), volume)


def built(rows: Rows, told: Records | None = None, before: DayContext | None = None, **changes: Any) -> BuiltDay:
    before = context() if before is None else before
    return build_day(session(DATE), "ABC", "mbp-1", [mbp(START, rows)], told, before, timeline(**changes))


def trade(second: float, price: float, size: int = 100) -> tuple[Any, ...]:
    return second, "T", (None, None, 0, 0), price, size, "B"


NO_STATUS_NEWS = status(START, [])


# ---------------------------------------------------------------- limit up, limit down
@pytest.mark.parametrize(
    ("previous", "reference", "doubled", "low", "high"),
    [
        (4.0, 8.0, False, 7.20, 8.80),
        (2.5, 8.0, False, 6.40, 9.60),
        (2.5, 8.0, True, 4.80, 11.20),
        (0.5, 0.60, False, 0.45, 0.75),
        (3.0, 8.0, False, 6.40, 9.60),  # $3 itself is in the middle tier
        (0.75, 1.0, False, 0.80, 1.20),
        (0.5, 0.10, False, 0.02, 0.18),  # 75 % is less than 15 cents: 0.025 and 0.175, to the cent
    ],
)
def test_band_figures(previous: float, reference: float, doubled: bool, low: float, high: float) -> None:
    bands = luld_bands("ABC", DATE.isoformat(), timeline())
    for kernel in (luld_band_nb, python_of(luld_band_nb)):
        assert kernel(previous, reference, doubled, bands) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    ("previous", "noon", "last_minutes"),
    [(4.0, (7.2, 8.8), (7.2, 8.8)), (2.5, (6.4, 9.6), (4.8, 11.2))],
)
def test_bands_over_the_day(previous: float, noon: tuple[float, float], last_minutes: tuple[float, float]) -> None:
    day = built([trade(OPEN - 5, 7.0), trade(OPEN + 2, 8.0)], NO_STATUS_NEWS, context(previous))
    low, high = day["market"][:, Market.LULD_LOW], day["market"][:, Market.LULD_HIGH]
    outside = np.r_[0 : OPEN + 2, CLOSE:SECONDS]
    assert not low[outside].any() and np.isinf(high[outside]).all()  # none before the first trade of regular hours
    assert (low[OPEN + 2], high[OPEN + 2]) == noon and (low[CLOSE - 1501], high[CLOSE - 1501]) == noon
    assert (low[CLOSE - 1500], high[CLOSE - 1500]) == last_minutes == (low[CLOSE - 1], high[CLOSE - 1])


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


def test_rules_by_date() -> None:
    config = timeline(tier1=["BIG"])
    old, new = luld_rule(config, "2013-10-07"), luld_rule(config, "2025-04-15")
    assert old is not None and new is not None
    assert (old.double_open_s, old.double_close_s) == (900, 1500) and (new.double_open_s, new.double_close_s) == (
        0,
        1500,
    )
    assert [luld_tier(old, s, config).double_up_to for s in ("BIG", "ABC")] == [np.inf, np.inf]
    assert [luld_tier(new, s, config).double_up_to for s in ("BIG", "ABC")] == [np.inf, 3.0]
    assert luld_rule(config, "2012-01-03") is None and luld_rule(timeline(luld=False), "2025-04-15") is None


# ---------------------------------------------------------------- halts
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


# ---------------------------------------------------------------- the other columns
def test_session_and_quote_age() -> None:
    early = dt.date(2024, 11, 29)
    start = start_of(early)
    records = mbp(start, [(100.25, "A", (5.0, 5.1, 100, 200)), (200.0, "A", (5.0, 5.2, 100, 200))])
    market = build_day(session(early), "ABC", "mbp-1", [records], None, context(), timeline())["market"]
    assert market[:, Market.TRADABLE].sum() == 46_800 and market[:, Market.REGULAR].sum() == 12_600
    age = market[:, Market.QUOTE_AGE]
    assert age[99] == 1e9 and age[100] == 0.75 and age[199] == 99.75 and age[200] == 1.0 and age[-1] == 57_400
    np.testing.assert_array_equal(market[150, : Market.CLOSE], [5.0, 5_100_000_000 * 1e-9, 100, 200])


def walk(seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    rows: Rows = []
    price = 500.0
    seconds = np.flatnonzero((rng.random(SECONDS) < 0.1) | (np.arange(SECONDS) % 60 == 5))  # no minute without an event
    for second in seconds:
        price *= np.exp(rng.normal(0, 2e-3))
        cents = round(price)
        rows.append((float(second), "A", (cents / 100, cents / 100 + 0.02, 100, 100)))
        if rng.random() < 0.5:
            rows.append((second + 0.5, "T", (None, None, 0, 0), cents / 100, int(rng.integers(1, 5_000)), "B"))
    return rows


def test_volumes_equal_pandas() -> None:
    day = built(walk(0), NO_STATUS_NEWS, context(volume=3e6))
    volume = pd.Series(day["bars"][:, Bar.VOLUME])
    np.testing.assert_array_equal(day["market"][:, Market.VOLUME_30S], volume.rolling(30, min_periods=1).sum())
    np.testing.assert_array_equal(day["market"][:, Market.VOLUME_SCALE], np.maximum(3e6, volume.cumsum()))
    assert volume.sum() > 3e6


def test_sigma_equals_pandas_ewm() -> None:
    config = timeline()
    day = built(walk(1), NO_STATUS_NEWS)
    mids = 0.5 * (day["bars"][59::60, Bar.BID] + day["bars"][59::60, Bar.ASK])
    squares = pd.Series(np.log(mids[1:] / mids[:-1]) ** 2)
    variance = squares.ewm(halflife=config.sigma_halflife_min, adjust=True).mean()
    expected = np.clip(np.sqrt(variance * 390), config.sigma_floor, config.sigma_cap)
    sigma = day["market"][:, Market.SIGMA_DAILY]
    np.testing.assert_allclose(sigma[119::60], expected, rtol=1e-10)
    assert (sigma[:119] == config.sigma_floor).all()
    np.testing.assert_array_equal(sigma[120:179], sigma[119])  # changes only with completed minutes


def test_sigma_begins_with_previous_sessions() -> None:
    before = context(known=True)
    sigma = np.log(4.4 / 3.9) / np.sqrt(4 * np.log(2))
    assert daily_sigma(before.daily) == pytest.approx(sigma)
    day = built([trade(40_000, 5.0)], NO_STATUS_NEWS, before)
    np.testing.assert_allclose(day["market"][:, Market.SIGMA_DAILY], sigma, rtol=1e-12)


def test_a_stub_quote_does_not_blow_up_sigma() -> None:
    stub: Rows = [(30, "A", (0.01, 199_999.0, 100, 100)), trade(40, 5.0)]
    day = built([*stub, *[(70 + i, "A", (5.0, 5.02, 100 + i, 100)) for i in range(3_000)]], NO_STATUS_NEWS)
    assert day["market"][3_000, Market.SIGMA_DAILY] < 0.2


def test_notes_say_what_is_missing() -> None:
    day = built([trade(10, 5.0), trade(11, 0.0), trade(9, 5.0)], None, context(previous_close=0.0))
    text = "\n".join(day["notes"])
    for part in ("no status schema", "previous close unknown", "1 record(s) out of order", "1 record(s) refused"):
        assert part in text
