"""What a fill costs: the broker's plan, the regulatory fees in force on the day, and borrowing for short sales.

Sources: Interactive Brokers' fixed and tiered plans for US stocks; SEC section 31 fee-rate advisories; FINRA's
Trading Activity Fee (By-Laws, Schedule A, section 1). The values live in config/simulation/fees.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import NamedTuple

from config.schema import FeeConfig, ShortsConfig
from utils.dated import in_force
from utils.jit import njit


class DayRates(NamedTuple):
    """Regulatory fees on sells, on one day."""

    sec_rate: float  # dollars per dollar sold
    taf_per_share: float  # dollars
    taf_cap: float  # dollars per fill


def rates_on(date: dt.date, fees: FeeConfig) -> DayRates:
    """The entry of the dated table that is in force on `date`. ConfigError if there is none."""
    entry = in_force(fees.regulatory, date, "simulation.fees.regulatory")
    return DayRates(entry.sec_per_million / 1e6, entry.taf_per_share, entry.taf_cap)


def borrow_fee(shares: float, close: float, shorts: ShortsConfig) -> float:
    """Dollars for one night short: the collateral is 102 % of the close, rounded up to a dollar, at 1/360 of a year."""
    return math.ceil(shorts.borrow_collateral * close - 1e-9) * abs(shares) * shorts.borrow_rate / 360.0


@njit
def commission_nb(shares, value, rules):
    """Broker's commission in dollars for an order of `shares` >= 0 worth `value` (minimum first, then the cap)."""
    plain = max(shares * rules["fee_per_share"], rules["fee_minimum"])
    return min(plain, rules["fee_max_share"] * value)


@njit
def regulatory_nb(shares, price, day):
    """SEC and TAF fees in dollars of a fill of `shares` (signed): only sells pay."""
    if shares >= 0.0:
        return 0.0
    return -shares * price * day["sec_rate"] + min(-shares * day["taf_per_share"], day["taf_cap"])


@njit
def locate_rate_nb(price, rules):
    """Dollars per share for the right to borrow it today."""
    return max(rules["locate_minimum"], rules["locate_share"] * price)
