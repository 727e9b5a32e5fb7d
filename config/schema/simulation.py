"""Orders, fills, fees and the account."""

from __future__ import annotations

import re
from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, one_of, require


@dataclass
class LatencyConfig:
    """Decision to arrival at the market: a model of simulators/latency_models by name, with its parameters."""

    model: str = MISSING
    params: dict[str, float] = MISSING  # exactly those the model declares
    file: str = MISSING  # measured latencies, milliseconds, one a line; empty: the model needs none


@dataclass
class FillConfig:
    """How much of an order trades, and at what price: a model of simulators/fill_models by name."""

    model: str = MISSING
    params: dict[str, float] = MISSING  # exactly those the model declares


@dataclass
class ExecutionConfig:
    """What every order meets, whichever model fills it."""

    max_spread: float = MISSING  # share of mid; a wider book is not traded against
    stale_regular_s: float = MISSING  # nor one that is older
    stale_extended_s: float = MISSING
    limit_offset: float = MISSING  # price protection: marketable limit at touch * (1 +- this)
    consumption_halflife_s: float = MISSING  # own fills count as taken from the book for about so long
    flow_halflife_s: float = MISSING  # and press on the price for about so long

    def __post_init__(self) -> None:
        require(0 <= self.limit_offset < 1, "simulation.execution.limit_offset must be in [0, 1)")
        at_least("simulation.execution", self, 0, "max_spread", "stale_regular_s", "stale_extended_s")
        at_least("simulation.execution", self, 0, "consumption_halflife_s", "flow_halflife_s")


@dataclass
class OrdersConfig:
    """What the actions send. Outside regular hours it is always a marketable limit order, immediate or cancel."""

    kind: str = MISSING  # ioc: marketable limit | limit: rests at the near touch of the decision
    rest_s: float = MISSING  # a resting order is cancelled after so long
    stop_distance: float = MISSING  # protective stop, share of the entry price; 0: none

    def __post_init__(self) -> None:
        one_of("simulation.orders.kind", self.kind, ("ioc", "limit"))
        require(self.rest_s > 0, "simulation.orders.rest_s must be positive")
        require(0 <= self.stop_distance < 1, "simulation.orders.stop_distance must be in [0, 1)")


@dataclass
class SessionConfig:
    """When orders may trade, New York time; early closes end earlier. Positions are closed by force at the end."""

    first: str = MISSING  # HH:MM
    last: str = MISSING

    def __post_init__(self) -> None:
        clock = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
        for name in ("first", "last"):
            value = getattr(self, name)
            require(bool(clock.fullmatch(value)), f"simulation.session.{name} is {value!r}; write it as HH:MM")
            require("04:00" <= value <= "20:00", f"simulation.session.{name} is {value}; use 04:00 to 20:00")
        require(self.first < self.last, f"simulation.session is {self.first} to {self.last}: it ends before it begins")


@dataclass
class RegulatoryEntry:
    """Fees on sells, by law, from a date on."""

    effective_from: str = MISSING
    sec_per_million: float = MISSING  # section 31, dollars per million sold
    taf_per_share: float = MISSING  # FINRA's trading activity fee, dollars
    taf_cap: float = MISSING  # dollars per trade


@dataclass
class FeeConfig:
    """The broker's plan and the dated regulatory table."""

    plan: str = MISSING
    per_share: float = MISSING  # dollars
    minimum: float = MISSING  # dollars per order
    max_share_of_value: float = MISSING  # of the order's value
    regulatory: list[RegulatoryEntry] = MISSING

    def __post_init__(self) -> None:
        at_least("simulation.fees", self, 0, "per_share", "minimum", "max_share_of_value")
        require(len(self.regulatory) > 0, "simulation.fees.regulatory is empty; give it at least one dated entry")


@dataclass
class RegimeConfig:
    """Rules of the account from a date on."""

    effective_from: str = MISSING
    leverage: float = MISSING  # most exposure / equity
    maintenance: float = MISSING  # least equity / exposure; below it the broker closes the position; 0: never
    settle: bool = MISSING  # proceeds of sales cannot be spent on the same day (T+1)
    day_trade_limit: int = MISSING  # day trades for accounts below day_trade_equity; -1: no limit
    day_trade_equity: float = MISSING  # dollars at the start of the day
    small_leverage: float = MISSING  # most exposure / equity of accounts below it


@dataclass
class AccountConfig:
    """The account at the start of an episode."""

    capital: float = MISSING  # dollars
    leverage: float = MISSING  # buying power / equity that is used; the day's regime may allow less
    day_trades_used: int = MISSING  # in the four sessions before, where a regime counts them
    regimes: list[RegimeConfig] = MISSING

    def __post_init__(self) -> None:
        require(self.capital > 0, "simulation.account.capital must be positive")
        require(self.leverage > 0, "simulation.account.leverage must be positive")
        at_least("simulation.account", self, 0, "day_trades_used")
        require(len(self.regimes) > 0, "simulation.account.regimes is empty; give it at least one dated entry")


@dataclass
class ShortsConfig:
    """Short selling: never under the short-sale restriction at the bid, never without a locate."""

    allow: bool = MISSING
    availability: float = MISSING  # share of symbol-days on which shares can be borrowed
    seed: int = MISSING  # of which those are
    locate_minimum: float = MISSING  # dollars per share located
    locate_share: float = MISSING  # of the price; the larger of the two is paid
    borrow_rate: float = MISSING  # a year, for positions held overnight; nothing within a day
    borrow_collateral: float = MISSING  # of the price, rounded up to a dollar

    def __post_init__(self) -> None:
        require(0 <= self.availability <= 1, "simulation.shorts.availability is a share in [0, 1]")
        at_least("simulation.shorts", self, 0, "locate_minimum", "locate_share", "borrow_rate", "borrow_collateral")


@dataclass
class SimulationConfig:
    """Everything that turns orders into fills and fills into equity."""

    session: SessionConfig = MISSING
    latency: LatencyConfig = MISSING
    fill: FillConfig = MISSING
    execution: ExecutionConfig = MISSING
    orders: OrdersConfig = MISSING
    fees: FeeConfig = MISSING
    account: AccountConfig = MISSING
    shorts: ShortsConfig = MISSING
