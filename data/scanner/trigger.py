"""The ex-ante trigger: the first minute at whose end a live scanner would have shown the stock.

Only this may choose the days (and the moment) of a backtest. At the end of a minute all of these hold at once:
    gain          last trade / previous close - 1, the gap as it then stands     >= min_gain
    price         last trade, dollars as printed that day (never adjusted)       in [min_price, max_price]
    dollar volume of the day so far                                              >= min_dollar_volume
    rvol          shares since 04:00 / their mean by the same minute over <= 20 sessions     >= min_rvol
                  (where only daily bars are known: / their mean by the end of the day, so that it is never overstated)
    float         as public on that morning; not known: the day is kept and flagged          <= max_float (0: any)
Source: market-facts, "Momentum days".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from config.schema import TriggerConfig
from data.layout import MINUTES, Bar
from data.market_day import MarketDay
from data.scanner.quality import usual_volume

MINUTE_ENDS = np.arange(MINUTES) * 60 + 59
"""Last second of every minute."""


class Trigger(NamedTuple):
    """The moment and what was known then; `second` is -1 (and the rest nan) if it never came."""

    second: int  # known at the end of this second
    price: float  # last trade, dollars
    gain: float  # over the previous close
    rvol: float  # volume so far against its mean at the same clock time; inf where there is usually none
    dollar_volume: float  # so far, dollars
    float_shares: float  # nan if unknown


NEVER = Trigger(-1, np.nan, np.nan, np.nan, np.nan, np.nan)


def find_trigger(day: MarketDay, config: TriggerConfig) -> Trigger:
    """The first minute of `day` at which all conditions hold at once.

    Without a previous close or without a history of volume nothing can be verified, so nothing triggers.
    """
    if day.previous_close <= 0 or usual_volume(day) <= 0 or 0 < config.max_float < day.float_shares:
        return NEVER
    price = day.bars[MINUTE_ENDS, Bar.CLOSE]
    volume = np.cumsum(day.bars[:, Bar.VOLUME])[MINUTE_ENDS]
    dollars = np.cumsum(day.bars[:, Bar.NOTIONAL])[MINUTE_ENDS]
    usual = day.clock_volume if day.clock_volume[-1] > 0 else np.full(MINUTES, usual_volume(day))
    rvol = np.divide(volume, usual, out=np.where(volume > 0, np.inf, 0.0), where=usual > 0)
    gain = price / day.previous_close - 1
    holds = (
        (gain >= config.min_gain)
        & (price >= config.min_price)
        & (price <= config.max_price)
        & (dollars >= config.min_dollar_volume)
        & (rvol >= config.min_rvol)
        & (day.end_s > MINUTE_ENDS)
    )
    if not holds.any():
        return NEVER
    m = int(holds.argmax())
    known = day.float_shares if day.float_shares > 0 else np.nan
    return Trigger(int(MINUTE_ENDS[m]), float(price[m]), float(gain[m]), float(rvol[m]), float(dollars[m]), known)
