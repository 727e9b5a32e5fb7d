"""The sample market's plan, and the latent series of one day. The model is described in data/sample_market.py."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from config.schema import SampleDayConfig, SampleMarketConfig
from data.calendar import Session, previous_sessions, session
from data.day_clock import HOUR_S
from data.layout import SECONDS
from data.sample_kernels import delayed_nb, luld_nb, pressure_nb
from utils.seeding import stream

Series = npt.NDArray[np.float64]
"""One value per second, [57600]."""
Move = tuple[int, int, float]
"""(start second, end second, log size)"""

RAMP_IN, RAMP_OUT, TAIL = 0.10, 0.15, 0.65
"""A window rises over its first tenth, then declines to TAIL of its height, and ends over its last 15 %."""
LULD_REFERENCE_S, LULD_LIMIT_S, LULD_PAUSE_S = 300, 15, 300
PULL, MAX_PULL = 0.5, 0.08
"""Overnight, quiet days give back that share of the log distance to the symbol's base price, at most MAX_PULL."""
OVERNIGHT_SIGMA = 0.012
RUN_SKEW = 2.0
"""Runs are low + (high - low) * uniform ** RUN_SKEW: most are small, some are very large."""
BURST_S = (45, 150)
BURST_NOISE = 0.4
"""Squared 1-s returns of a burst and its LULD reopening add up to about that share of its squared size (measured)."""
FLUSH_S = (20, 45)
FLUSH_APART_S = 900
"""Between a flush and the next sudden move of the day, so that each is seen for what it is."""
NEWS_HALT_S = (600, 1500)
EXTENDED_BASE = 0.06
"""Quiet activity outside regular hours, relative to regular hours."""


class DayKind(IntEnum):
    """What a day is meant to be."""

    QUIET = 0
    MOMENTUM = 1
    FADER = 2


@dataclass(frozen=True, kw_only=True)
class DayPlan:
    """What is decided about a symbol's day before its prices are drawn."""

    symbol: str
    number: int
    """Of the session, from 0."""
    session: Session
    kind: DayKind
    windows: tuple[tuple[int, int, float], ...]
    """(start second, end second, height) of the active windows."""
    levels: tuple[float, float, float]
    """In logs: gap over the previous close, run on top of it, end against the open (fader) or the peak (momentum)."""
    peak: float
    """Share of the day's activity by which the run is done."""
    news_halt: tuple[int, int] | None
    moves: tuple[Move, ...]
    """Sudden moves, by time: flushes, and a burst in regular hours, which takes LULD pauses along."""
    scale: float
    """Shares and prices: raw price = price / scale, raw shares = shares * scale (the split ratio before the split)."""
    missing: frozenset[str]
    """Schemas that have no file."""


@dataclass(frozen=True, kw_only=True)
class DayPath:
    """The latent series of a day that its records are drawn from."""

    mid: Series  # raw dollars
    pressure: Series  # in the order flow: activity * OU
    spread: Series  # share of mid
    quote_rate: Series  # events per second
    trade_rate: Series
    trade_shares: float
    halted: npt.NDArray[np.uint8]
    pauses: int  # LULD pauses in `halted`
    close: float
    """Log of the adjusted price at the end of the day."""


def session_dates(config: SampleMarketConfig) -> list[dt.date]:
    """The sessions, oldest first."""
    last = dt.date.fromisoformat(config.last_date)
    return [*previous_sessions(last, config.sessions - 1), last]


# ---------------------------------------------------------------- plan
def _uniform(rng: np.random.Generator, bounds: Sequence[float]) -> float:
    low, high = bounds
    return float(rng.uniform(low, high))


def _active_numbers(config: SampleMarketConfig, symbol: str, reserved: set[int]) -> list[int]:
    """One session out of each of k equal stretches, so that every part of the sample has its share."""
    count = max(1, round(config.active_share * config.sessions))
    edges = np.linspace(0, config.sessions, count + 1)
    rng = stream(config.seed, "sample", symbol, "active")
    found: list[int] = []
    for low, high in itertools.pairwise(edges):
        options = [n for n in range(int(np.ceil(low)), int(np.ceil(high))) if n not in reserved]
        if options:
            found.append(options[int(rng.integers(len(options)))])
    return found


def _windows(config: SampleMarketConfig, rng: np.random.Generator, clock: float) -> tuple[tuple[int, int, float], ...]:
    """Active windows; the first begins at `clock` in [0, 1] of the range in config.first_window."""
    low, high = config.first_window
    start = HOUR_S * (low + clock * (high - low))
    found: list[tuple[int, int, float]] = []
    for n in range(int(rng.integers(config.windows[0], config.windows[1] + 1))):
        length = HOUR_S * _uniform(rng, config.window_hours)
        height = rng.uniform(0.75, 1.0) if n == 0 else rng.uniform(0.5, 0.9)
        if start + length > SECONDS - 1800:
            break
        found.append((int(start), int(start + length), float(height)))
        start += length + HOUR_S * rng.uniform(0.25, 1.25)
    return tuple(found)


def _levels(day: SampleDayConfig, rng: np.random.Generator, placebo: bool) -> tuple[float, float, float]:
    low, high = day.run
    gap, end = _uniform(rng, day.gap), _uniform(rng, day.end)
    run = low + (high - low) * float(rng.random()) ** RUN_SKEW
    gap, run, end = (float(np.log1p(x)) for x in (gap, run, end))
    # without drift in the day, what would have been a run-up happens overnight
    return (gap + 0.5 * run, 0.0, 0.0) if placebo else (gap, run, end)


def _news_halt(
    config: SampleMarketConfig, rng: np.random.Generator, start: int, clock: Session
) -> tuple[int, int] | None:
    """A halt that ends where the first window begins, if that lies in regular hours."""
    wanted, length = rng.random() < config.news_halt_share, int(rng.integers(*NEWS_HALT_S))
    begin = start - length
    return (begin, start) if wanted and begin >= clock.open_s + 60 and start < clock.close_s - HOUR_S else None


def _burst(
    config: SampleMarketConfig, rng: np.random.Generator, windows: Sequence[tuple[int, int, float]], clock: Session
) -> Move | None:
    """A sudden move inside the first window, if that lies in regular hours; two in three go up."""
    wanted, place, length = rng.random() < config.burst_share, _uniform(rng, (0.1, 0.6)), int(rng.integers(*BURST_S))
    size = float(np.log1p(_uniform(rng, config.burst))) * (1.0 if rng.random() < 2 / 3 else -1.0)
    begin = int(windows[0][0] + place * (windows[0][1] - windows[0][0]))
    inside = clock.open_s + LULD_REFERENCE_S < begin < clock.close_s - HOUR_S
    return (begin, begin + length, size) if wanted and inside else None


def _flushes(
    config: SampleMarketConfig, rng: np.random.Generator, windows: Sequence[tuple[int, int, float]]
) -> list[Move]:
    """Sudden drops anywhere in the active windows."""
    found: list[Move] = []
    for _ in range(int(rng.integers(config.flushes[0], config.flushes[1] + 1))):
        start, end, _ = windows[int(rng.integers(len(windows)))]
        begin = int(start + _uniform(rng, (0.15, 0.8)) * (end - start))
        found.append((begin, begin + int(rng.integers(*FLUSH_S)), float(np.log1p(-_uniform(rng, config.flush)))))
    return found


def _apart(moves: Sequence[Move]) -> tuple[Move, ...]:
    """`moves` by time, without those too close to one that is named before."""
    kept: list[Move] = []
    for move in moves:
        if all(abs(move[0] - other[0]) >= FLUSH_APART_S for other in kept):
            kept.append(move)
    return tuple(sorted(kept))


def plan_days(config: SampleMarketConfig) -> dict[str, list[DayPlan]]:
    """The plan of every symbol's days, in order of date."""
    dates = [session(date) for date in session_dates(config)]
    split = min(config.split_session, config.sessions - 1)
    without_book = (config.symbols[0], config.sessions // 2)
    active: list[tuple[str, int]] = []
    for symbol in config.symbols:
        reserved = set(range(split + 1)) if symbol == config.split_symbol else {0}
        reserved |= {without_book[1]} if symbol == without_book[0] else set()
        active += [(symbol, n) for n in _active_numbers(config, symbol, reserved)]
    order = stream(config.seed, "sample", "kinds").permutation(len(active))
    faders = {active[i] for i in order[: round(config.fader_share * len(active))]}
    # first windows are spread evenly over the clock: were they all at one hour, no day would stand out at that hour
    clocks = stream(config.seed, "sample", "clocks").permutation(len(active)) / max(1, len(active) - 1)
    late = [a for a in active if a[0] == config.symbols[-1] and a[1] >= config.sessions // 2]
    missing = {without_book: frozenset({"mbp-1"})} | ({late[0]: frozenset({"status"})} if late else {})
    plans: dict[str, list[DayPlan]] = {symbol: [] for symbol in config.symbols}
    for symbol in config.symbols:
        for number, clock in enumerate(dates):
            at = (symbol, number)
            first = float(clocks[active.index(at)]) if at in active else -1.0
            kind = DayKind.QUIET if at not in active else DayKind.FADER if at in faders else DayKind.MOMENTUM
            scale = config.split_ratio if symbol == config.split_symbol and number < split else 1.0
            gone = missing.get(at, frozenset[str]())
            plans[symbol].append(_plan(config, symbol, number, clock, kind, first, scale, gone))
    return plans


def _plan(
    config: SampleMarketConfig,
    symbol: str,
    number: int,
    clock: Session,
    kind: DayKind,
    first: float,
    scale: float,
    missing: frozenset[str],
) -> DayPlan:
    rng = stream(config.seed, "sample", symbol, number, "plan")
    windows = () if kind == DayKind.QUIET else _windows(config, rng, first)
    day = config.fader if kind == DayKind.FADER else config.momentum
    sudden = stream(config.seed, "sample", symbol, number, "flushes")
    levels = (0.0, 0.0, 0.0) if kind == DayKind.QUIET else _levels(day, rng, config.variant == "placebo")
    peak = _uniform(rng, day.peak)
    news = _news_halt(config, rng, windows[0][0], clock) if windows else None
    burst = _burst(config, rng, windows, clock) if windows else None
    flushes = _flushes(config, sudden, windows) if windows else []
    return DayPlan(
        symbol=symbol,
        number=number,
        session=clock,
        kind=kind,
        windows=windows,
        levels=levels,
        peak=peak,
        news_halt=news,
        moves=_apart([*([burst] if burst else []), *flushes]),
        scale=scale,
        missing=missing,
    )


# ---------------------------------------------------------------- one day
def _smooth(x: Series) -> Series:
    """Smoothstep, 0 below 0 and 1 above 1."""
    y = np.clip(x, 0.0, 1.0)
    return y * y * (3.0 - 2.0 * y)


def base_activity(clock: Session) -> Series:
    """Activity of any day by the clock: U-shaped with mean about 1 in regular hours, thin outside, 0 after the end."""
    s = np.arange(SECONDS, dtype=np.float64)
    regular = 0.75 + np.exp(-(s - clock.open_s) / 1800.0) + np.exp(-(clock.close_s - s) / 1800.0)
    inside = (s >= clock.open_s) & (s < clock.close_s)
    out = np.where(inside, regular, EXTENDED_BASE)
    out[clock.end_s :] = 0.0
    return out


def window_activity(plan: DayPlan) -> Series:
    """Activity in [0, 1] of the active windows."""
    s = np.arange(SECONDS, dtype=np.float64)
    out = np.zeros(SECONDS)
    for start, end, height in plan.windows:
        x = (s - start) / (end - start)
        shape = _smooth(x / RAMP_IN) * (1.0 - (1.0 - TAIL) * np.clip(x, 0, 1)) * _smooth((1.0 - x) / RAMP_OUT)
        out = np.maximum(out, height * shape)
    out[plan.session.end_s :] = 0.0
    return out


def _anchor(plan: DayPlan, share: Series) -> Series:
    """Expected log price over the previous close, by the share of the day's activity that is done."""
    gap, run, end = plan.levels
    opening = float(np.interp(share[plan.session.open_s], [0.0, plan.peak, 1.0], [gap, gap + run, gap + run]))
    final = min(gap, opening) + end if plan.kind == DayKind.FADER else gap + run + end
    sudden, total = np.zeros(SECONDS), 0.0
    for begin, end, size in plan.moves:
        sudden += size * np.clip((np.arange(SECONDS) - begin) / (end - begin), 0.0, 1.0)
        total += size
    return sudden + np.interp(share, [0.0, plan.peak, 1.0], [gap, gap + run, final - total])


def _pinned(x: Series, share: Series, clock: Session) -> Series:
    """x less what makes it 0 at the open and at the close; in between by the share of activity."""
    out = x.copy()
    for begin, end in ((0, clock.open_s), (clock.open_s, clock.close_s)):
        base = x[begin - 1] if begin else 0.0
        done = share[begin:end] - (share[begin - 1] if begin else 0.0)
        total = float(done[-1])
        out[begin:end] -= base + (x[end - 1] - base) * (done / total if total > 0 else 0.0)
    out[clock.close_s :] -= x[clock.close_s - 1]
    return out


def _log_path(config: SampleMarketConfig, plan: DayPlan, activity: Series, raw: Series, noise: Series) -> Series:
    """Log price over the previous close, [57600]; `raw` is the OU pressure, `noise` standard normal."""
    strength = 1e-4 * config.signal_strength
    sigma = 1e-4 * config.noise_bps * np.sqrt(activity)
    if config.variant == "placebo":
        memory = config.signal_halflife_s / np.log(2.0)
        share = memory / (memory + config.lead_s)  # variance of the pressure that is left behind the delay
        total = np.sqrt(sigma**2 + share * (strength * delayed_nb(activity, config.lead_s)) ** 2)
        for begin, end, size in plan.moves:  # as rough, but with neither direction nor course
            total[begin:end] = np.sqrt(total[begin:end] ** 2 + BURST_NOISE * size**2 / (end - begin))
        steps = np.roll(total * noise - 0.5 * total**2, 1)
        steps[0] = 0.0
        return plan.levels[0] + np.cumsum(steps)
    steps = np.roll(strength * delayed_nb(activity * raw, config.lead_s) + sigma * noise - 0.5 * sigma**2, 1)
    steps[0] = 0.0
    path = np.cumsum(steps)
    if plan.kind == DayKind.QUIET:
        return path
    weight = np.cumsum(activity)
    done = np.minimum(weight / weight[plan.session.close_s - 1], 1.0)
    return _anchor(plan, done) + _pinned(path, done, plan.session)


def _overnight(config: SampleMarketConfig, plan: DayPlan, close: float, base: float) -> float:
    """Log return from the last close to 04:00, without the planned gap."""
    if plan.kind != DayKind.QUIET:
        return 0.0
    shock = stream(config.seed, "sample", plan.symbol, plan.number, "overnight").standard_normal()
    return float(np.clip(PULL * (base - close), -MAX_PULL, MAX_PULL) + OVERNIGHT_SIGMA * np.clip(shock, -2, 2))


def base_price(config: SampleMarketConfig, symbol: str) -> float:
    """Log of the price that the symbol returns to between its active days, dollars after any split."""
    low, high = np.log(config.base_price)
    place = config.symbols.index(symbol) / max(1, len(config.symbols) - 1)
    return float(low + (high - low) * place)


def _halts(plan: DayPlan, mid: Series, previous_close: float) -> tuple[npt.NDArray[np.uint8], int]:
    halted = np.zeros(SECONDS, np.uint8)
    if plan.news_halt:
        halted[plan.news_halt[0] : plan.news_halt[1]] = 1
    # Tier 2 bands by previous close (market-wide plan): > $3 10 %, $0.75-3 20 %, below the lesser of $0.15 and 75 %
    band = 0.10 if previous_close > 3.0 else 0.20
    absolute = 0.0
    if previous_close < 0.75:
        band, absolute = 0.0, min(0.15, 0.75 * previous_close)
    clock = plan.session
    # pauses near the close would run into the closing auction: none in the last 25 minutes
    last = clock.close_s - 1500
    pauses = luld_nb(mid, band, absolute, clock.open_s, last, LULD_REFERENCE_S, LULD_LIMIT_S, LULD_PAUSE_S, halted)
    return halted, int(pauses)


def draw_path(config: SampleMarketConfig, plan: DayPlan, close: float) -> DayPath:
    """The latent series of a day after a session that closed at log price `close` (split-adjusted)."""
    clock = plan.session
    base, windows = base_activity(clock), window_activity(plan)
    activity = np.maximum(windows, config.quiet_activity * base)
    draws = {n: stream(config.seed, "sample", plan.symbol, plan.number, n) for n in ("pressure", "noise")}
    raw = pressure_nb(draws["pressure"].standard_normal(SECONDS), 0.5 ** (1.0 / config.signal_halflife_s))
    noise = draws["noise"].standard_normal(SECONDS)
    start = close + _overnight(config, plan, close, base_price(config, plan.symbol))
    path = start + _log_path(config, plan, activity, raw, noise)
    mid = np.exp(path) / plan.scale
    halted, pauses = _halts(plan, mid, float(np.exp(close)) / plan.scale)
    pressure = activity * raw
    surge = (1.0 + config.surge * np.abs(pressure)) / (1.0 + config.surge * 0.8 * activity)
    s = np.arange(SECONDS)
    extended = (s < clock.open_s) | (s >= clock.close_s)
    thin = np.where(extended, config.extended_thinning, 1.0) * windows * surge
    after = 1.0 if plan.kind == DayKind.QUIET else 3.0  # the rest of an active day is busier, too
    spread = 1e-4 * config.spread_bps * (1.0 + 1.0 * (1.0 - np.sqrt(np.minimum(activity, 1.0))))
    return DayPath(
        mid=mid,
        pressure=pressure,
        spread=np.where(extended, 1.5, 1.0) * spread,
        quote_rate=config.quote_rate * thin + after * config.quiet_quote_rate * base,
        trade_rate=config.trade_rate * thin + after * config.quiet_trade_rate * base,
        trade_shares=config.trade_shares * (0.35 if plan.kind == DayKind.QUIET else 1.0),
        halted=halted,
        pauses=pauses,
        close=float(path[clock.end_s - 1]),
    )
