"""What a fill costs: the broker's plan, and the regulatory fees in force on the day.

Sources: Interactive Brokers' fixed and tiered plans for US stocks; SEC section 31 fee-rate advisories; FINRA's
Trading Activity Fee (By-Laws, Schedule A, section 1). The values live in config/simulation/fees.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from config.schema import FeeConfig
from utils.errors import ConfigError
from utils.jit import njit


class DayRates(NamedTuple):
    """Regulatory fees on sells, on one day."""

    sec_rate: float  # dollars per dollar sold
    taf_per_share: float  # dollars
    taf_cap: float  # dollars per fill


def rates_on(date: dt.date, fees: FeeConfig) -> DayRates:
    """The entry of the dated table that is in force on `date`.

    Raises ConfigError if a date of the table is not ISO, or if the table starts after `date`.
    """
    where = "simulation.fees.regulatory"
    try:
        dated = [(dt.date.fromisoformat(entry.effective_from), entry) for entry in fees.regulatory]
    except ValueError as why:
        raise ConfigError(f"not a date: {why}", where=where, fix="write effective_from as YYYY-MM-DD") from why
    past = [(start, entry) for start, entry in dated if start <= date]
    if not past:
        raise ConfigError(
            f"fee plan {fees.plan!r} knows no regulatory fees for {date.isoformat()}",
            where=where,
            fix=f'add an entry with effective_from "{date.isoformat()}" or earlier',
        )
    _, entry = max(past, key=lambda pair: pair[0])
    return DayRates(entry.sec_per_million / 1e6, entry.taf_per_share, entry.taf_cap)


@njit
def commission_nb(shares, price, rules):
    """Broker's commission in dollars for a fill of `shares` >= 0 (IBKR: minimum first, then the cap by value)."""
    plain = max(shares * rules["fee_per_share"], rules["fee_minimum"])
    return min(plain, rules["fee_max_share"] * shares * price)


@njit
def fees_nb(shares, price, day, rules):
    """All fees in dollars of a fill of `shares` (signed; sells also pay SEC and TAF)."""
    size = abs(shares)
    fees = commission_nb(size, price, rules)
    if shares < 0:
        fees += size * price * day["sec_rate"]
        fees += min(size * day["taf_per_share"], day["taf_cap"])
    return fees
