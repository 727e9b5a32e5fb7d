"""Days that nobody would choose: from records through the real timeline, and from numbers no timeline would make."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from omegaconf import OmegaConf

from config.schema import TimelineConfig
from data.calendar import session
from data.data_manager import DayContext
from data.layout import DAILY_ROWS, MINUTES, SECOND_NS, UNDEF_PRICE, Daily
from data.market_day import MarketDay
from simulators.timeline import build_day
from tests.support.made_day import made_day
from tests.support.rich_day import rich_day
from tests.support.wire import Records, busy_day, start_of, status, trades_of
from utils.paths import ROOT

DATE, EARLY_CLOSE = dt.date(2025, 4, 15), dt.date(2024, 11, 29)
RECORDS = 8_000
HALT, RESUME = 8, 7
"""Status actions."""


def context(*, known: bool = True, price: float = 4.0) -> DayContext:
    """Ten previous sessions about `price` and reference data, or nothing at all."""
    daily = np.zeros((DAILY_ROWS, len(Daily)))
    if not known:
        return DayContext(0.0, 1.0, daily, np.zeros(MINUTES), 0.0)
    daily[-10:, : Daily.VOLUME] = price * np.array([1.0, 1.1, 0.95, 1.02])
    daily[-10:, Daily.VOLUME] = 1e6
    return DayContext(price, 1.0, daily, np.linspace(1e3, 1e6, MINUTES), 1e6, 2e7, 8e6)


def day_of(
    records: Records,
    *,
    schema: str = "mbp-1",
    told: Records | None = None,
    before: DayContext | None = None,
    date: dt.date = DATE,
) -> MarketDay:
    """Through the timeline, as from a file."""
    config = OmegaConf.merge(
        OmegaConf.structured(TimelineConfig), OmegaConf.load(ROOT / "config" / "timeline" / "default.yaml")
    )
    timeline: TimelineConfig = OmegaConf.to_object(config)  # pyright: ignore[reportAssignmentType]
    known = before or context()
    ordered = np.sort(records, order="ts_recv", kind="stable")
    built = build_day(session(date), "ABC", schema, [ordered], told, known, timeline)
    return MarketDay(symbol="ABC", date=date, synthetic=True, sources={}, **built)


def busy(date: dt.date = DATE, *, times: float = 1.0) -> Records:
    """All that a feed can do about $3 to $7, prices scaled."""
    made = busy_day(3, start_of(date), RECORDS)
    for field in ("bid_px", "ask_px", "price"):
        known = made[field] != UNDEF_PRICE
        made[field][known] = np.maximum(np.round(made[field][known] * times), 1)
    return made


def _changed(**fields: object) -> Records:
    made = busy()
    for name, value in fields.items():
        made[name] = value
    return made


def _crossed() -> Records:
    made = busy()
    made["bid_px"], made["ask_px"] = made["ask_px"].copy() + 10**7, made["bid_px"].copy()
    return made


def _only(action: bytes) -> Records:
    return busy()[busy()["action"] == action]


def _one(action: bytes) -> Records:
    return _only(action)[200:201]


def _halted(*events: tuple[int, int]) -> MarketDay:
    return day_of(busy(), told=status(start_of(DATE), [(second, action, 50) for second, action in events]))


def _extreme(lowest: float, highest: float) -> MarketDay:
    """Every number of the day anywhere between two powers of ten, or 0; nothing fits together."""
    rng = np.random.default_rng(5)

    def numbers(like: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        made = 10.0 ** rng.uniform(np.log10(lowest), np.log10(highest), like.shape)
        return np.where(rng.random(like.shape) < 0.3, 0.0, made)

    plain = rich_day()
    names = ("bars", "market", "daily", "clock_volume")
    return replace(plain, previous_close=highest, **{name: numbers(getattr(plain, name)) for name in names})


def _uneven() -> Records:
    """Prices that jump between a hundredth of a cent and $200,000, the largest sizes a record can hold."""
    made = busy()
    tiny = np.random.default_rng(1).random(len(made)) < 0.5
    for field in ("bid_px", "ask_px", "price"):
        known = made[field] != UNDEF_PRICE
        made[field][known] = np.where(tiny[known], 10**5, 2 * 10**5 * SECOND_NS)
    for field in ("bid_sz", "ask_sz", "size"):
        made[field] = 2**32 - 1
    return made


HOSTILE: dict[str, Callable[[], MarketDay]] = {
    "empty": lambda: replace(made_day([]), previous_close=0.0, clock_volume=np.zeros(MINUTES)),
    "everything a feed can do": lambda: day_of(busy()),
    "quotes only": lambda: day_of(busy()[busy()["action"] != b"T"]),
    "trades only": lambda: day_of(trades_of(busy()), schema="trades"),
    "no bids": lambda: day_of(_changed(bid_px=UNDEF_PRICE, bid_sz=0)),
    "no offers": lambda: day_of(_changed(ask_px=UNDEF_PRICE, ask_sz=0)),
    "crossed": lambda: day_of(_crossed()),
    "locked": lambda: day_of(_changed(ask_px=busy()["bid_px"])),
    "nothing displayed": lambda: day_of(_changed(bid_sz=0, ask_sz=0)),
    "trades of size 0": lambda: day_of(_changed(size=0)),
    "trades at price 0": lambda: day_of(_changed(price=0)),
    "halted for good": lambda: _halted((3_600, HALT)),
    "halted again and again": lambda: _halted(*((600 * i, HALT if i % 2 else RESUME) for i in range(1, 96))),
    "$0.10": lambda: day_of(busy(times=0.02), before=context(price=0.1)),
    "$500": lambda: day_of(busy(times=100.0), before=context(price=500.0)),
    "one quote": lambda: day_of(_one(b"A")),
    "one trade": lambda: day_of(trades_of(_one(b"T")), schema="trades"),
    "early close": lambda: day_of(busy(EARLY_CLOSE), date=EARLY_CLOSE),
    "nothing known before": lambda: day_of(busy(), before=context(known=False)),
    "uneven": lambda: day_of(_uneven()),
    "small numbers": lambda: _extreme(1e-300, 1e-3),
    "large numbers": lambda: _extreme(1e3, 1e300),
    "all numbers": lambda: _extreme(1e-300, 1e300),
}
"""By what is wrong with them; each call makes the day."""
CONTRADICTORY = ("small numbers", "large numbers", "all numbers")
"""Of them, those that no timeline would make: highs below lows, largest trades above the volume."""
