"""A whole market of made-up stocks, SYNTHETIC: what a scan of thousands of symbols over a year is measured on.

Written as the files of a download, one folder a symbol: daily bars of everything, a file a session as batch jobs
deliver them, and one-second bars of the days that stand out. Cheap on purpose: the sample market is for learning from.

Daily: log returns normal (2.5 %), ranges and volumes lognormal, capped so that quiet days stay below the scan's limits;
instrument ids change every date and are used again by other symbols. Every symbol has its own random stream, so a
smaller universe is a part of a larger one. Active days open with a gap, run up, lose some of it again;
their daily bar is that of their one-second bars. Now and then a reverse split that nobody announces.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.calendar import DAY_NS, Session, previous_sessions, session, utc_midnight_ns
from data.daily_index import PRICE_UNIT
from data.dbn_writer import write_dbn
from data.layout import SECOND_NS, WIRE_OHLCV
from data.sample_market import DATASET
from data.sample_records import FIRST_ID, PUBLISHER
from utils.atomic import write_text
from utils.progress import with_progress
from utils.seeding import stream

SPLIT_SHARE = 0.0004
SPLIT_RATIO = 10.0
QUIET_SIGMA, QUIET_MOST = 0.025, 0.045
"""Log return of a quiet day and of its wicks: the standard deviation, and the most that is let through."""
SECONDS_TRADED = (2_000, 8_000)
TICK_NS = 10_000_000
"""A cent in the unit of the files' prices."""
OPEN_HOURS = (0, 54_000)
"""One-second bars lie between these seconds after 04:00."""
README = """SYNTHETIC DATA - nothing in this folder happened.

Made by data/sample_universe.py to measure how a scan of the whole market scales. The symbols do not exist.
"""

Records = npt.NDArray[np.void]


class Universe(NamedTuple):
    """How large, and which."""

    symbols: int
    sessions: int
    last_date: dt.date
    seed: int
    active: float
    """Share of symbol-days that stand out and have one-second bars."""

    @property
    def symbol_days(self) -> int:
        """Daily bars in all."""
        return self.symbols * self.sessions

    def names(self) -> list[str]:
        """U0000, U0001, ..."""
        return [f"U{number:04d}" for number in range(self.symbols)]

    def clocks(self) -> list[Session]:
        """The sessions, oldest first."""
        dates = [*previous_sessions(self.last_date, self.sessions - 1), self.last_date]
        return [session(date) for date in dates]


class Written(NamedTuple):
    """What lies in the folder."""

    active_days: int
    second_bars: int


def write_universe(universe: Universe, folder: Path, log_every_s: float) -> Written:
    """Write all files below `folder`; those that are there already are left.

    Files appear whole or not at all: a run that was stopped goes on where it was.
    """
    write_text(folder / "README.txt", README)
    clocks, names = universe.clocks(), universe.names()
    daily = np.zeros((universe.symbols, universe.sessions), WIRE_OHLCV)
    active = bars = 0
    for number, name in enumerate(with_progress(names, len(names), log_every_s, "writing the universe", "symbols")):
        rng = stream(universe.seed, "universe", name)
        daily[number], days = _draw(rng, universe)
        for at, seconds in days:
            active, bars = active + 1, bars + len(seconds)
            ids = [int(_id(universe, number, date)) for date in _utc_dates(clocks[at])]
            _write_seconds(folder / name.lower(), name, ids, clocks[at], seconds)
    for at, clock in enumerate(clocks):
        _write_daily(folder / "daily", universe, clock.date, daily[:, at])
    return Written(active, bars)


def _id(universe: Universe, number: int | npt.NDArray[np.int64], date: dt.date) -> int | npt.NDArray[np.int64]:
    return FIRST_ID + (number + date.toordinal()) % universe.symbols


# ---------------------------------------------------------------- one symbol
def _draw(rng: np.random.Generator, universe: Universe) -> tuple[Records, list[tuple[int, Records]]]:
    """(daily bars [sessions], (number, one-second bars) of the active days); times and ids are still 0."""
    sessions = universe.sessions
    price, usual = float(np.exp(rng.uniform(np.log(1.5), np.log(18.0)))), float(np.exp(rng.normal(13.0, 1.0)))
    returns = np.clip(rng.normal(0.0, QUIET_SIGMA, (3, sessions)), -QUIET_MOST, QUIET_MOST)
    volumes = usual * np.exp(np.clip(rng.normal(0.0, 0.4, sessions), -1.0, 0.6))
    chances = rng.random((2, sessions))
    daily, days = np.zeros(sessions, WIRE_OHLCV), list[tuple[int, Records]]()
    for at in range(sessions):
        if chances[0, at] < SPLIT_SHARE and at:
            price *= SPLIT_RATIO
            usual /= SPLIT_RATIO
            volumes[at:] /= SPLIT_RATIO
        if chances[0, at] > 1.0 - universe.active and at:
            seconds = _active_day(rng, price, usual)
            days.append((at, seconds))
            daily[at] = _bar_of(seconds)
        else:
            daily[at] = _quiet_bar(price, returns[:, at], volumes[at])
        price = daily[at]["close"] / PRICE_UNIT
        price *= 0.7 if price > 25.0 else 1.4 if price < 1.0 else 1.0  # low-float stocks live between the two
    return daily, days


def _quiet_bar(price: float, returns: npt.NDArray[np.float64], volume: float) -> Records:
    bar = np.zeros((), WIRE_OHLCV)
    close = price * np.exp(returns[0])
    opened = price * np.exp(0.3 * returns[1])
    wick = 0.4 * abs(float(returns[2]))
    prices = (opened, max(opened, close) * (1 + wick), min(opened, close) * (1 - wick), close)
    for name, value in zip(("open", "high", "low", "close"), prices, strict=True):
        bar[name] = max(1, round(value * 100)) * TICK_NS
    bar["volume"] = round(volume)
    return bar


def _active_day(rng: np.random.Generator, price: float, usual: float) -> Records:
    """One-second bars; ts_event holds the second of the day."""
    count = int(rng.integers(*SECONDS_TRADED))
    seconds = np.sort(rng.choice(np.arange(*OPEN_HOURS), count, replace=False))
    share = np.arange(count) / count
    gap, run, peak = rng.uniform(0.05, 0.3), rng.exponential(0.25), rng.uniform(0.15, 0.7)
    path = np.interp(share, [0.0, peak, 1.0], [gap, gap + 0.15 + run, gap + 0.15 + run * rng.uniform(0.1, 0.9)])
    path += np.cumsum(rng.normal(0.0, 0.0012, count))
    close = price * np.exp(path)
    before = np.r_[close[:1], close[:-1]]
    wicks = np.abs(rng.normal(0.0, 0.0008, (2, count)))
    bars = np.zeros(count, WIRE_OHLCV)
    bars["ts_event"] = seconds
    high, low = np.maximum(before, close) * (1 + wicks[0]), np.minimum(before, close) * (1 - wicks[1])
    for name, value in (("open", before), ("high", high), ("low", low), ("close", close)):
        bars[name] = np.maximum(1, np.rint(value * 100)).astype(np.int64) * TICK_NS
    sizes = rng.exponential(1.0, count)
    bars["volume"] = np.maximum(1, np.rint(sizes / sizes.sum() * usual * rng.uniform(6.0, 40.0)))
    return bars


def _bar_of(seconds: Records) -> Records:
    bar = np.zeros((), WIRE_OHLCV)
    bar["open"], bar["close"] = seconds["open"][0], seconds["close"][-1]
    bar["high"], bar["low"] = seconds["high"].max(), seconds["low"].min()
    bar["volume"] = seconds["volume"].sum()
    return bar


# ---------------------------------------------------------------- files
def _utc_dates(clock: Session) -> list[dt.date]:
    """The one or two UTC dates that a session touches."""
    next_date = clock.date + dt.timedelta(days=1)
    return [clock.date, next_date][: 2 if clock.end_ns > utc_midnight_ns(next_date) else 1]


def _write_seconds(folder: Path, name: str, ids: list[int], clock: Session, seconds: Records) -> None:
    """A session's file; `ids`: by UTC date."""
    path = folder / f"{clock.date}.ohlcv-1s.dbn.zst"
    if path.exists():
        return
    day, dates = dt.timedelta(days=1), _utc_dates(clock)
    records = seconds.copy()
    records["ts_event"] = clock.start_ns + seconds["ts_event"].astype(np.int64) * SECOND_NS
    records["instrument_id"] = np.where(records["ts_event"] < utc_midnight_ns(clock.date + day), ids[0], ids[-1])
    records["publisher_id"] = PUBLISHER
    symbols = {name: [(date, date + day, number) for date, number in zip(dates, ids, strict=True)]}
    start, end = clock.start_ns, clock.end_ns
    write_dbn(path, "ohlcv-1s", records, dataset=DATASET, symbols=symbols, start_ns=start, end_ns=end)


def _write_daily(folder: Path, universe: Universe, date: dt.date, bars: Records) -> None:
    """Daily bars of all symbols on a date."""
    path = folder / f"{date}.ohlcv-1d.dbn.zst"
    if path.exists():
        return
    records, start = bars.copy(), utc_midnight_ns(date)
    ids = np.asarray(_id(universe, np.arange(universe.symbols), date))
    records["ts_event"], records["publisher_id"], records["instrument_id"] = start, PUBLISHER, ids
    end = date + dt.timedelta(days=1)
    pairs: Sequence[tuple[str, int]] = list(zip(universe.names(), ids.tolist(), strict=True))
    write_dbn(
        path,
        "ohlcv-1d",
        records,
        dataset=DATASET,
        symbols={name: [(date, end, number)] for name, number in pairs},
        start_ns=start,
        end_ns=start + DAY_NS,
    )
