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
from data.layout import SECONDS, Bar, Daily, Market
from simulators.timeline import BuiltDay, build_day, daily_sigma
from tests.support.wire import Records, mbp, start_of, status
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


def built(
    rows: Rows, told: Records | None = None, before: DayContext | None = None, *, symbol: str = "ABC", **changes: Any
) -> BuiltDay:
    before = context() if before is None else before
    return build_day(session(DATE), symbol, "mbp-1", [mbp(START, rows)], told, before, timeline(**changes))


def trade(second: float, price: float, size: int = 100) -> tuple[Any, ...]:
    return second, "T", (None, None, 0, 0), price, size, "B"


NO_STATUS_NEWS = status(START, [])


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
