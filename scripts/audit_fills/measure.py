"""What orders of several sizes cost at random moments, at the configured latency and at four times of it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.calendar import CLOSE_S, OPEN_S
from data.day_clock import HOUR_S
from data.layout import Market
from data.market_day import MarketDay
from scripts.audit.market import LOG_EVERY_S, Audit
from scripts.audit_fills.orders import OrderDesk, moments, slippage_bps
from scripts.progress import counted
from simulators.layout import Reason

DOLLARS = (1_000.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0)
"""Sizes of the orders."""
HOUR_DOLLARS = 10_000.0
"""Size that is shown by hour."""
FASTEST, SLOWEST = 1.0, 4.0
"""Factors on the latency."""
MOMENTS, QUICK_MOMENTS = 20_000, 4_000
CHASE_S = 10
FEWEST = 30
"""Orders or seconds below which nothing is said about an hour."""
USABLE_S = 60.0
"""Books older than this are not counted as displayed."""


class Cost(NamedTuple):
    """Slippage against the mid of the decision, basis points of what was filled, and the share of dollars filled."""

    median: float
    mean: float
    high: float  # 90th percentile
    filled: float
    orders: int


class Books(NamedTuple):
    """What was displayed at the ends of the seconds of an hour."""

    spread_bps: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]  # mean of both sides
    dollars: npt.NDArray[np.float64]


class Measured(NamedTuple):
    """Orders (ORDER) and books of the days."""

    orders: npt.NDArray[np.void]
    """Every moment with every size and latency, either side."""
    chasing: npt.NDArray[np.void]
    """Those of HOUR_DOLLARS whose side is that of the mid's last change."""
    books: dict[str, dict[int, Books]]
    """By symbol and hour after 04:00."""

    def cost(self, *, dollars: float, slower: float, hour: int | None = None) -> Cost:
        """Of the orders of one size and latency: in regular hours, or in one hour."""
        orders = self.orders[(self.orders["dollars"] == dollars) & (self.orders["slower"] == slower)]
        return cost_of(orders[regular(orders) if hour is None else orders["second"] // HOUR_S == hour])

    def drift(self, *, slower: float, chasing: bool = False, hour: int | None = None) -> tuple[float, float]:
        """(mean, root mean square) of the mid's move against the order while it is on its way, bps.

        In regular hours, or in one hour.
        """
        orders = self.chasing if chasing else self.orders[self.orders["dollars"] == HOUR_DOLLARS]
        orders = orders[(orders["slower"] == slower) & (orders["mid"] > 0)]
        orders = orders[regular(orders) if hour is None else orders["second"] // HOUR_S == hour]
        if not len(orders):
            return np.nan, np.nan
        bps = orders["side"] * (orders["mid"] / orders["decision_mid"] - 1.0) * 1e4
        return float(bps.mean()), float(np.sqrt(np.mean(bps * bps)))

    def hours(self) -> list[int]:
        """Hours after 04:00 with enough fills."""
        found = self.orders[(self.orders["dollars"] == HOUR_DOLLARS) & (self.orders["shares"] > 0)]
        counts = np.bincount(found["second"] // HOUR_S, minlength=16)
        return [hour for hour in range(16) if counts[hour] >= 2 * FEWEST]

    def reasons(self) -> dict[Reason, int]:
        """How many of the orders of HOUR_DOLLARS at the plain latency met each reason."""
        chosen = (self.orders["dollars"] == HOUR_DOLLARS) & (self.orders["slower"] == FASTEST)
        counts = np.bincount(self.orders["reason"][chosen], minlength=len(Reason))
        return {reason: int(counts[reason]) for reason in Reason if counts[reason]}


def regular(orders: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Which orders were decided in regular hours."""
    return (orders["second"] >= OPEN_S) & (orders["second"] < CLOSE_S)


def cost_of(orders: npt.NDArray[np.void], *, fees: bool = False) -> Cost:
    """Of any orders; with the broker's and regulatory fees if asked."""
    fills = orders[orders["shares"] > 0]
    if not len(fills):
        return Cost(np.nan, np.nan, np.nan, 0.0, len(orders))
    value = fills["shares"] * fills["decision_mid"]
    bps = slippage_bps(fills) + (1e4 * fills["fees"] / value if fees else 0.0)
    wanted = (orders["wanted"] * orders["decision_mid"]).sum()
    median, high = np.percentile(bps, (50, 90))
    return Cost(float(median), float(bps.mean()), float(high), float(value.sum() / wanted), len(orders))


@functools.cache
def measured(audit: Audit) -> Measured:
    """Every size and latency at the same moments, with the same draws of the latency."""
    config, days = audit.config, audit.days
    desk = OrderDesk(days, config.simulation, config.seed)
    at = moments(days, desk.bank, QUICK_MOMENTS if audit.quick else MOMENTS, config.seed)
    cells = [(size, slower) for size in DOLLARS for slower in (FASTEST, SLOWEST)]
    found: list[npt.NDArray[np.void]] = []
    for size, slower in counted(cells, "orders by size and latency", LOG_EVERY_S):
        orders = at.copy()
        orders["dollars"], orders["slower"] = size, slower
        desk.send(orders)
        found.append(orders)
    chasing = np.tile(chased(days, at), 2)
    chasing["dollars"], chasing["slower"] = HOUR_DOLLARS, np.repeat((FASTEST, SLOWEST), len(chasing) // 2)
    desk.send(chasing)
    return Measured(np.concatenate(found), chasing, displayed(days))


def chased(days: Sequence[MarketDay], orders: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """The orders on the side of the mid's change over CHASE_S; without those where it had none."""
    change = np.zeros(len(orders))
    for number, day in enumerate(days):
        chosen = orders["day"] == number
        second = orders["second"][chosen]
        mid = 0.5 * (day.market[:, Market.BID] + day.market[:, Market.ASK])
        before = mid[np.maximum(second - CHASE_S, 0)]
        change[chosen] = np.where(before > 0, mid[second] - before, 0.0)
    found = orders[change != 0].copy()
    found["side"] = np.sign(change[change != 0])
    return found


def displayed(days: Sequence[MarketDay]) -> dict[str, dict[int, Books]]:
    """Books at the ends of seconds, by symbol and hour."""
    found: dict[str, dict[int, Books]] = {}
    for symbol in sorted({day.symbol for day in days}):
        rows = [_usable(day) for day in days if day.symbol == symbol]
        second = np.concatenate([row[0] for row in rows])
        market = np.concatenate([row[1] for row in rows])
        hours: dict[int, Books] = {}
        for hour in range(16):
            chosen = market[second // HOUR_S == hour]
            if len(chosen) >= FEWEST:
                hours[hour] = _books(chosen)
        found[symbol] = hours
    return found


def _usable(day: MarketDay) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    market = day.market
    known = (market[:, Market.TRADABLE] > 0) & (market[:, Market.BID] > 0) & (market[:, Market.QUOTE_AGE] <= USABLE_S)
    seconds = np.flatnonzero(known)
    return seconds, market[seconds]


def _books(market: npt.NDArray[np.float64]) -> Books:
    bid, ask = market[:, Market.BID], market[:, Market.ASK]
    mid, shares = 0.5 * (bid + ask), 0.5 * (market[:, Market.BID_SIZE] + market[:, Market.ASK_SIZE])
    return Books((ask - bid) / mid * 1e4, shares, shares * mid)
