"""Marketable orders at random moments of real or made days, through the kernels that the environment steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from config.schema import SimulationConfig
from data.layout import SECOND_NS, Market
from data.market_day import MarketDay
from simulators.day_bank import DayBank
from simulators.execution_kernels import fill_nb, latency_nb, market_nb, open_ticket_nb
from simulators.execution_simulator import Rules
from simulators.fees import commission_nb, regulatory_nb
from simulators.layout import LANE, TICKET, Reason
from utils.jit import njit
from utils.seeding import key, stream

BID = int(Market.BID)
ASK = int(Market.ASK)
TRADABLE = int(Market.TRADABLE)
NONE = int(Reason.NONE)
FILLED = int(Reason.FILLED)
PARTIAL = int(Reason.PARTIAL)
NO_LIQUIDITY = int(Reason.NO_LIQUIDITY)

ORDER = np.dtype(
    [
        ("day", "i4"),
        ("second", "i4"),  # of the decision: the order leaves at its end
        ("side", "i4"),
        ("reason", "i4"),
        ("number", "u8"),  # of the random stream: orders with the same number draw the same latency
        ("dollars", "f8"),  # wanted
        ("wanted", "f8"),  # shares
        ("slower", "f8"),  # the latency is multiplied by this
        ("arrival_ns", "i8"),
        ("decision_mid", "f8"),
        # the answer
        ("shares", "f8"),
        ("price", "f8"),
        ("touch", "i8"),  # 1e-9 dollars
        ("limit", "i8"),
        ("mid", "f8"),  # at arrival
        ("fees", "f8"),
    ]
)
"""One order and what became of it."""


@njit
def send_orders_nb(orders, days, rules, lane, ticket):
    """Send each order alone: nobody has traded before it."""
    for i in range(len(orders)):
        order = orders[i]
        day = days[order["day"]]
        row = market_nb(day)[order["second"]]
        order["decision_mid"] = 0.5 * (row[BID] + row[ASK])
        if order["dollars"] > 0.0:
            order["wanted"] = max(np.floor(order["dollars"] / order["decision_mid"]), 1.0)
        lane["orders"] = order["number"]
        late_ns = np.int64(latency_nb(lane, rules) * order["slower"])
        order["arrival_ns"] = day["start_ns"] + np.int64(order["second"] + 1) * SECOND_NS + late_ns
        arrive_alone_nb(order, day, rules, ticket)


@njit
def arrive_orders_nb(orders, days, rules, ticket):
    """Let each order arrive at its `arrival_ns`, alone."""
    for i in range(len(orders)):
        arrive_alone_nb(orders[i], days[orders[i]["day"]], rules, ticket)


@njit
def arrive_alone_nb(order, day, rules, ticket):
    """The order at its arrival."""
    order["shares"] = 0.0
    reason = open_ticket_nb(day, rules, order["arrival_ns"], order["side"], ticket)
    if reason == NONE:
        ticket["used"] = 0.0
        ticket["flow"] = 0.0
        shares, price = fill_nb(ticket, order["wanted"], rules)
        reason = NO_LIQUIDITY if shares < 1.0 else (FILLED if shares == order["wanted"] else PARTIAL)
        order["touch"], order["limit"], order["mid"] = ticket["touch"], ticket["limit"], ticket["mid"]
        if shares >= 1.0:
            order["shares"], order["price"] = shares, price
            fees = commission_nb(shares, shares * price, rules)
            order["fees"] = fees + regulatory_nb(order["side"] * shares, price, day)
    order["reason"] = reason


class OrderDesk:
    """Sends orders to days, all of them with one set of rules."""

    def __init__(self, days: Sequence[MarketDay], simulation: SimulationConfig, seed: int) -> None:
        """seed: of the latencies."""
        self.bank = DayBank(days, simulation)
        self.rules = Rules(simulation)
        self._lane = np.zeros(1, LANE)
        self._lane["key"] = key(seed, "audit", "latency")
        self._ticket = np.zeros(1, TICKET)

    def send(self, orders: npt.NDArray[np.void]) -> None:
        """Fill in what became of `orders` (ORDER), from their day, second, side, number, slower, dollars or wanted."""
        send_orders_nb(orders, self.bank.table, self.rules.table[0], self._lane[0], self._ticket[0])

    def arrive(self, orders: npt.NDArray[np.void]) -> None:
        """Fill in what became of `orders` (ORDER), from their day, side, arrival_ns and wanted."""
        arrive_orders_nb(orders, self.bank.table, self.rules.table[0], self._ticket[0])


def moments(days: Sequence[MarketDay], bank: DayBank, count: int, seed: int) -> npt.NDArray[np.void]:
    """`count` orders (ORDER) of no size at random seconds in which a market was known and open, either side."""
    rng = stream(seed, "audit", "moments")
    orders = np.zeros(count, ORDER)
    orders["day"] = rng.integers(0, len(days), count)
    orders["side"] = rng.choice((-1, 1), count)
    orders["number"] = np.arange(count)
    orders["slower"] = 1.0
    for number, day in enumerate(days):
        first, end = max(int(bank.table["first_s"][number]), 1), int(bank.table["end_s"][number])
        market = day.market[first:end]
        open_ = first + np.flatnonzero((market[:, TRADABLE] > 0) & (market[:, BID] > 0) & (market[:, ASK] > 0))
        chosen = orders["day"] == number
        orders["second"][chosen] = rng.choice(open_, int(chosen.sum()))
    return orders


def books_at(day: MarketDay, arrival_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Row of the newest quote that had happened at each time, -1 if none: looked up in another way than the kernels do.

    The last row i with ts_event[i] <= t is the last one at which the least ts_event from there on is <= t.
    """
    least = np.minimum.accumulate(day.quotes["ts_event"][::-1])[::-1]
    return np.searchsorted(least, arrival_ns, side="right") - 1


def slippage_bps(orders: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    """What the fill cost against the mid of the decision, without fees."""
    bps: npt.NDArray[np.float64] = orders["side"] * (orders["price"] / orders["decision_mid"] - 1.0) * 1e4
    return bps
