"""How good a momentum day was, seen afterwards. Training only: it chooses what to practise on, never what to trade.

Formula and weights: market-facts, "Training-only quality".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import QualityConfig, QualityTerm
from data.layout import SECONDS, Bar, Daily
from data.market_day import MarketDay

TREND_MINUTES = 60
TREND_MOVING = 30
"""Minutes of a trend window in which the price must change: one print in a silent hour is no trend."""


class Facts(NamedTuple):
    """What the quality is made of; nan where the day does not tell."""

    range: float  # (high - low) / previous close
    rvol: float  # volume against the mean of up to 20 previous sessions
    dollar_volume: float  # dollars
    trend: float  # largest |dP| / sum |dP| over 60 one-minute steps, [0, 1]
    halts: int
    spread_bps: float  # median over the seconds with a trade


class Quality(NamedTuple):
    """Parts in [0, 1], unweighted, and their weighted sum."""

    total: float
    range: float
    rvol: float
    dollar_volume: float
    trend: float
    halts: float
    spread: float


def ramp(x: float, term: QualityTerm) -> float:
    """clip(ln(x / low) / ln(high / low), 0, 1); 0 for nan and for x <= 0."""
    if not x > 0:
        return 0.0
    return min(max(math.log(x / term.low) / math.log(term.high / term.low), 0.0), 1.0)


def linear(x: float, term: QualityTerm) -> float:
    """clip((x - low) / (high - low), 0, 1); 0 for nan."""
    return 0.0 if math.isnan(x) else min(max((x - term.low) / (term.high - term.low), 0.0), 1.0)


def score(facts: Facts, config: QualityConfig) -> Quality:
    """The quality of a day with these facts."""
    parts = (
        ramp(facts.range, config.range),
        ramp(facts.rvol, config.rvol),
        ramp(facts.dollar_volume, config.dollar_volume),
        linear(facts.trend, config.trend),
        1 - math.exp(-facts.halts / 2),
        0.0 if math.isnan(facts.spread_bps) else 1 - min(max(facts.spread_bps / config.spread_cap_bps, 0.0), 1.0),
    )
    weights = (
        config.range.weight,
        config.rvol.weight,
        config.dollar_volume.weight,
        config.trend.weight,
        config.halts_weight,
        config.spread_weight,
    )
    return Quality(sum(w * p for w, p in zip(weights, parts, strict=True)), *parts)


def facts_of(day: MarketDay) -> Facts:
    """Measure a whole day."""
    bars = day.bars
    traded = bars[:, Bar.HAS_TRADE] > 0
    if not traded.any():
        return Facts(math.nan, 0.0, 0.0, math.nan, len(day.halts), math.nan)
    high, low = float(bars[traded, Bar.HIGH].max()), float(bars[traded, Bar.LOW].min())
    # Without a previous close the day's first trade stands in; the row of the index says so.
    base = day.previous_close if day.previous_close > 0 else float(bars[traded, Bar.OPEN][0])
    usual = usual_volume(day)
    volume = float(bars[:, Bar.VOLUME].sum())
    return Facts(
        range=(high - low) / base,
        rvol=volume / usual if usual > 0 else math.nan,
        dollar_volume=float(bars[:, Bar.NOTIONAL].sum()),
        trend=trend(bars[59:SECONDS:60, Bar.CLOSE]),
        halts=len(day.halts),
        spread_bps=_median_spread_bps(bars[traded]),
    )


def usual_volume(day: MarketDay) -> float:
    """Mean shares of a whole previous session: from intraday data (same hours), else from daily bars, else 0."""
    if day.clock_volume[-1] > 0:
        return float(day.clock_volume[-1])
    volume = day.daily[-20:, Daily.VOLUME]
    return float(volume[volume > 0].mean()) if (volume > 0).any() else 0.0


def trend(closes: npt.NDArray[np.float64]) -> float:
    """Largest efficiency ratio |dP| / sum |dP| over windows of 60 one-minute closes; nan if the price hardly moved."""
    steps = np.diff(closes)
    steps[closes[:-1] <= 0] = 0.0  # before the first price
    path = np.concatenate([[0.0], np.cumsum(np.abs(steps))])
    moving = np.concatenate([[0], np.cumsum(steps != 0)])
    net = np.concatenate([[0.0], np.cumsum(steps)])
    w = TREND_MINUTES
    ok = moving[w:] - moving[:-w] >= TREND_MOVING
    if not ok.any():
        return math.nan
    return float((np.abs(net[w:] - net[:-w])[ok] / (path[w:] - path[:-w])[ok]).max())


def _median_spread_bps(rows: npt.NDArray[np.float64]) -> float:
    quoted = rows[rows[:, Bar.HAS_QUOTE] > 0]
    bid, ask = quoted[:, Bar.BID], quoted[:, Bar.ASK]
    sound = (bid > 0) & (ask > bid)
    if not sound.any():
        return math.nan
    return float(np.median(((ask - bid) / (ask + bid) * 2e4)[sound]))
