"""Rules of the account on a day: what may be bought with what, how often, and whether shares can be borrowed."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from config.schema import AccountConfig, ShortsConfig
from utils.dated import in_force
from utils.seeding import stream


class DayAccount(NamedTuple):
    """What the regime of a date makes of an account; see the DAY record."""

    leverage: float
    maintenance: float
    settle: bool
    day_trades_left: int


def account_on(date: dt.date, account: AccountConfig) -> DayAccount:
    """The dated regime, applied to the account's capital. ConfigError if none is in force."""
    regime = in_force(account.regimes, date, "simulation.account.regimes")
    small = account.capital < regime.day_trade_equity
    limited = small and regime.day_trade_limit >= 0
    left = max(regime.day_trade_limit - account.day_trades_used, 0) if limited else -1
    allowed = regime.small_leverage if small else regime.leverage
    return DayAccount(min(account.leverage, allowed), regime.maintenance, regime.settle, left)


def can_borrow(symbol: str, date: dt.date, shorts: ShortsConfig) -> bool:
    """Whether shares of `symbol` can be located on `date`: the same for everybody, by a named random stream."""
    return bool(stream(shorts.seed, "locate", symbol, date.isoformat()).random() < shorts.availability)
