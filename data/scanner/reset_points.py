"""Reset points: the moments of a day that episodes start ahead of, patterns and uniform controls.

What completes at second s is found from rows <= s. Which of the found points are kept is drawn at random, never by
what followed: failed breakouts stay in at their natural frequency. Definitions: market-facts, "Reset points".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import PatternConfig, ResetPointConfig
from data.layout import RESET_POINT, Bar, Market, ResetKind
from data.market_day import MarketDay
from data.scanner import patterns
from utils.seeding import stream

MINUTES_PER_DAY = 390
"""Of a regular session: scales a daily volatility to one minute."""
ROC_S = 300
ACTIVITY_S, ACTIVITY_MEAN_S = 60, 600
CHOP_S = 900
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Series(NamedTuple):
    """What the patterns look at: one row per second, row s known at the end of second s."""

    price: Floats  # last trade, dollars, carried forward
    high: Floats
    traded: Bools
    vwap: Floats  # of the day so far, 0 before the first trade
    sigma: Floats  # of one-minute returns
    volume: Floats  # cumulative shares
    spread: Floats  # share of mid; nan without a book
    usable: Bools  # quoted, not halted, session open
    halted: Bools
    open_s: int
    close_s: int
    previous_close: float  # dollars, adjusted; 0 if there is none


def series_of(day: MarketDay, rows: int | None = None) -> Series:
    """The series of `day`, or of its first `rows` seconds."""
    bars, market = day.bars[:rows], day.market[:rows]
    traded = bars[:, Bar.HAS_TRADE] > 0
    volume, dollars = np.cumsum(bars[:, Bar.VOLUME]), np.cumsum(bars[:, Bar.NOTIONAL])
    bid, ask = bars[:, Bar.BID], bars[:, Bar.ASK]
    quoted = (bars[:, Bar.HAS_QUOTE] > 0) & (bid > 0) & (ask > bid)
    spread = np.divide(ask - bid, 0.5 * (ask + bid), out=np.full(len(bid), np.nan), where=quoted)
    halted = bars[:, Bar.HALTED] > 0
    return Series(
        price=np.ascontiguousarray(bars[:, Bar.CLOSE]),
        high=np.ascontiguousarray(bars[:, Bar.HIGH]),
        traded=traded,
        vwap=np.divide(dollars, volume, out=np.zeros(len(volume)), where=volume > 0),
        sigma=market[:, Market.SIGMA_DAILY] / math.sqrt(MINUTES_PER_DAY),
        volume=volume,
        spread=spread,
        usable=quoted & ~halted & (np.arange(len(bid)) < day.end_s),
        halted=halted,
        open_s=day.open_s,
        close_s=day.close_s,
        previous_close=day.previous_close,
    )


# ---------------------------------------------------------------- one function per pattern
Detector = Callable[[Series, PatternConfig, Bools], None]


def _high_break(x: Series, c: PatternConfig, out: Bools) -> None:
    patterns.high_break_nb(x.high, x.traded, c.base_s, out)


def _premarket_break(x: Series, c: PatternConfig, out: Bools) -> None:
    before = x.high[: x.open_s][x.traded[: x.open_s]]
    level = np.zeros(len(x.price))
    level[x.open_s : x.close_s] = before.max() if len(before) else 0.0
    patterns.cross_nb(x.price, level, x.traded, 1.0, c.hold_s, True, out)


def _flush(x: Series, c: PatternConfig, out: Bools) -> None:
    patterns.flush_nb(x.price, x.sigma, x.traded, c.flush_s, c.flush_return, c.flush_sigmas, out)


def _consolidation(x: Series, c: PatternConfig, out: Bools) -> None:
    narrow, wide = _range(x.price, c.narrow_s), _range(x.price, c.wide_s)
    active = math.ceil(c.narrow_active * c.narrow_s)
    args = (c.narrow_s, active, c.narrow_ratio, c.wide_return)
    patterns.squeeze_nb(narrow, wide, x.price, x.traded, *args, out)


def _vwap_reclaim(x: Series, c: PatternConfig, out: Bools) -> None:
    patterns.cross_nb(x.price, x.vwap, x.traded, 1.0, c.hold_s, False, out)


def _vwap_loss(x: Series, c: PatternConfig, out: Bools) -> None:
    patterns.cross_nb(x.price, x.vwap, x.traded, -1.0, c.hold_s, False, out)


def _halt_resume(x: Series, c: PatternConfig, out: Bools) -> None:  # noqa: ARG001 - same shape as the others
    out[1:] = x.halted[:-1] & ~x.halted[1:]


def _parabolic_top(x: Series, c: PatternConfig, out: Bools) -> None:
    low = -_rolling_max(-_known(x.price), c.top_s)
    patterns.top_nb(x.price, x.high, low, x.traded, c.top_s, c.top_rise, c.top_give_back, out)


def _first_pullback(x: Series, c: PatternConfig, out: Bools) -> None:
    patterns.pullback_nb(x.price, x.traded, c.leg_rise, c.leg_give_back, out)


def _open(x: Series, c: PatternConfig, out: Bools) -> None:  # noqa: ARG001 - same shape as the others
    out[x.open_s : x.open_s + 1] = True


DETECTORS: Mapping[ResetKind, Detector] = {
    ResetKind.OPEN: _open,
    ResetKind.HALT_RESUME: _halt_resume,
    ResetKind.PREMARKET_HIGH_BREAK: _premarket_break,
    ResetKind.PARABOLIC_TOP: _parabolic_top,
    ResetKind.FLUSH: _flush,
    ResetKind.FIRST_PULLBACK: _first_pullback,
    ResetKind.HIGH_OF_DAY_BREAK: _high_break,
    ResetKind.CONSOLIDATION: _consolidation,
    ResetKind.VWAP_RECLAIM: _vwap_reclaim,
    ResetKind.VWAP_LOSS: _vwap_loss,
}
"""Rare patterns first: that is the order in which they choose their places."""


def _known(price: Floats) -> Floats:
    """`price` with inf where there is none yet, so that a minimum passes over it."""
    return np.where(price > 0, price, np.inf)


def _rolling_max(x: Floats, window: int) -> Floats:
    out = np.empty(len(x))
    patterns.rolling_max_nb(x, window, out)
    return out


def _range(price: Floats, window: int) -> Floats:
    """High minus low of the last `window` seconds, dollars; 0 before the first price."""
    top = _rolling_max(price, window)
    low = -_rolling_max(-_known(price), window)
    return np.where(np.isfinite(low), top - low, 0.0)


def detect(x: Series, config: PatternConfig) -> dict[ResetKind, npt.NDArray[np.int64]]:
    """Seconds at which each pattern completes and orders are possible. Causal: a prefix of `x` gives a prefix."""
    found: dict[ResetKind, npt.NDArray[np.int64]] = {}
    for kind, detector in DETECTORS.items():
        out = np.zeros(len(x.price), np.bool_)
        detector(x, config, out)
        found[kind] = np.flatnonzero(out & x.usable)
    return found


# ---------------------------------------------------------------- scores and choice
def roc_at(x: Series, seconds: npt.NDArray[np.int64]) -> Floats:
    """Signed return over the last 5 minutes; 0 where there was no price then."""
    now, then = x.price[seconds], x.price[np.maximum(seconds - ROC_S, 0)]
    return np.divide(now, then, out=np.ones(len(seconds)), where=then > 0) - 1


def activity_at(x: Series, seconds: npt.NDArray[np.int64]) -> Floats:
    """v / (v + m): v shares of the last minute, m their mean per minute over the last 10; 0.5 is as usual."""
    total = np.concatenate([[0.0], x.volume])
    stop = seconds + 1
    last = total[stop] - total[np.maximum(stop - ACTIVITY_S, 0)]
    mean = (total[stop] - total[np.maximum(stop - ACTIVITY_MEAN_S, 0)]) * (ACTIVITY_S / ACTIVITY_MEAN_S)
    return np.divide(last, last + mean, out=np.zeros(len(seconds)), where=last > 0)


def difficulty_at(x: Series, seconds: npt.NDArray[np.int64], spread_cap: float) -> Floats:
    """Half the spread as a share of `spread_cap` (at most 1), half how choppy the last 15 minutes were.

    Choppy: 1 - |dP| / sum |dP| over 15 one-minute steps; 1 where the price stood still.
    """
    back = seconds[:, None] - np.arange(CHOP_S, -1, -60)[None, :]
    price = x.price[np.maximum(back, 0)]
    steps = np.diff(price, axis=1) * (price[:, :-1] > 0)
    path = np.abs(steps).sum(axis=1)
    chop = 1 - np.divide(np.abs(steps.sum(axis=1)), path, out=np.zeros(len(seconds)), where=path > 0)
    spread = np.nan_to_num(x.spread[seconds], nan=spread_cap) / spread_cap
    return 0.5 * np.minimum(spread, 1.0) + 0.5 * chop


def front_at(x: Series, seconds: npt.NDArray[np.int64]) -> Bools:
    """Whether the stock is on its front side: above the day's VWAP so far and green, i.e. above the previous close."""
    price = x.price[seconds]
    return (price > x.vwap[seconds]) & (x.previous_close > 0) & (price > x.previous_close)


def choose(
    found: Mapping[ResetKind, npt.NDArray[np.int64]],
    usable: npt.NDArray[np.int64],
    config: ResetPointConfig,
    rng: np.random.Generator,
) -> list[tuple[int, ResetKind]]:
    """(second, kind) of the points to keep, by time.

    Controls come first, uniform over the `usable` seconds; then the kinds take turns, each with a random one of its
    points that keeps the distance, until the day is full or nothing is left.
    """
    kept: list[tuple[int, ResetKind]] = []
    controls = math.ceil(config.random_share * config.per_day)
    for second in rng.permutation(usable):
        if len(kept) >= controls:
            break
        if _free(int(second), kept, config.min_distance_s):
            kept.append((int(second), ResetKind.RANDOM))
    queues = {kind: list(rng.permutation(seconds)) for kind, seconds in found.items()}
    for _ in range(config.per_kind):
        for kind, queue in queues.items():
            while queue and len(kept) < config.per_day:
                second = int(queue.pop())
                if _free(second, kept, config.min_distance_s):
                    kept.append((second, kind))
                    break
    return sorted(kept)


def _free(second: int, kept: list[tuple[int, ResetKind]], distance: int) -> bool:
    return all(abs(second - other) >= distance for other, _ in kept)


def reset_points(day: MarketDay, config: ResetPointConfig, spread_cap_bps: float) -> npt.NDArray[Any]:
    """The day's RESET_POINT array, by time. The same day and configuration always give the same points."""
    x = series_of(day)
    rng = stream(config.seed, "reset_points", day.symbol, day.date.isoformat())
    kept = choose(detect(x, config.patterns), np.flatnonzero(x.usable), config, rng)
    points = np.zeros(len(kept), RESET_POINT)
    seconds = np.array([second for second, _ in kept], np.int64)
    points["second"] = seconds
    points["kind"] = [kind for _, kind in kept]
    points["roc"] = roc_at(x, seconds)
    points["activity"] = activity_at(x, seconds)
    points["difficulty"] = difficulty_at(x, seconds, spread_cap_bps * 1e-4)
    points["front"] = front_at(x, seconds)
    return points
