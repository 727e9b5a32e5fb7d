"""Orders against a day, one at a time: the same kernels that the environment steps, for tools and tests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import SimulationConfig
from simulators.day_bank import DayBank
from simulators.execution_kernels import fill_nb, open_ticket_nb
from simulators.fees import commission_nb, regulatory_nb
from simulators.layout import DOLLAR, RULES, TICKET, OrderKind, Reason
from simulators.models import bind_fill, bind_latency
from utils.jit import njit

SECOND = 1e9
NO_LIQUIDITY = int(Reason.NO_LIQUIDITY)
FILLED = int(Reason.FILLED)
PARTIAL = int(Reason.PARTIAL)
KINDS = {"ioc": OrderKind.IOC, "limit": OrderKind.LIMIT}


class Rules:
    """A simulation's configuration as kernels read it. Raises ConfigError or DataError as its models do.

    `table` is one RULES record, in an array of length 1; it points to memory that this object keeps alive.
    """

    def __init__(self, simulation: SimulationConfig) -> None:
        self.fill = bind_fill(simulation.fill)
        self.latency = bind_latency(simulation.latency)
        self.table: npt.NDArray[np.void] = np.zeros(1, RULES)
        rules, execution, orders = self.table[0], simulation.execution, simulation.orders
        for name, bound in (("fill", self.fill), ("latency", self.latency)):
            rules[f"{name}_model"] = bound.model.function.address
            rules[f"{name}_params"] = bound.params.ctypes.data
        rules["latency_table"], rules["latency_rows"] = self.latency.table.ctypes.data, len(self.latency.table)
        rules["max_spread"], rules["limit_offset"] = execution.max_spread, execution.limit_offset
        rules["stale_regular_ns"] = execution.stale_regular_s * SECOND
        rules["stale_extended_ns"] = execution.stale_extended_s * SECOND
        rules["consumption_halflife_ns"] = execution.consumption_halflife_s * SECOND
        rules["flow_halflife_ns"] = execution.flow_halflife_s * SECOND
        rules["order_kind"] = KINDS[orders.kind]
        rules["rest_ns"], rules["stop_distance"] = orders.rest_s * SECOND, orders.stop_distance
        rules["fee_per_share"], rules["fee_minimum"] = simulation.fees.per_share, simulation.fees.minimum
        rules["fee_max_share"] = simulation.fees.max_share_of_value
        rules["capital"], rules["allow_short"] = simulation.account.capital, simulation.shorts.allow
        rules["locate_minimum"], rules["locate_share"] = (
            simulation.shorts.locate_minimum,
            simulation.shorts.locate_share,
        )


class Execution(NamedTuple):
    """What became of one order."""

    reason: Reason
    shares: float
    """Signed; 0 if nothing was filled."""
    price: float
    """Average, dollars; 0 if nothing was filled."""
    touch: float
    """Ask for buys, bid for sells, at arrival, dollars; 0 without a sound book."""
    mid: float
    """At arrival, dollars; 0 without a sound book."""
    fees: float
    """Dollars."""


class ExecutionSimulator:
    """Fills single marketable orders against the days of a bank, whatever an account could pay."""

    def __init__(self, bank: DayBank, simulation: SimulationConfig) -> None:
        self._bank = bank
        self._rules = Rules(simulation)
        self._ticket = np.zeros(1, TICKET)

    def execute(self, day: int, arrival_ns: int, shares: float, *, used: float = 0.0, flow: float = 0.0) -> Execution:
        """Fill an order of `shares` (signed) that arrives at `arrival_ns` (UTC) on day `day` of the bank.

        used: own recent fills on that side that still count as taken; flow: own recent shares that still press.
        """
        reason, filled, price, fees = _execute_nb(
            self._bank.table, self._rules.table, self._ticket, day, arrival_ns, float(shares), used, flow
        )
        ticket = self._ticket[0]
        mid = float(ticket["mid"])
        touch = int(ticket["touch"]) / DOLLAR if mid else 0.0
        return Execution(Reason(reason), filled, price, touch, mid, fees)


@njit
def _execute_nb(days, rules, tickets, day, arrival_ns, shares, used, flow):
    side = 1 if shares > 0.0 else -1
    ticket = tickets[0]
    reason = open_ticket_nb(days[day], rules[0], arrival_ns, side, ticket)
    if reason != 0:
        return reason, 0.0, 0.0, 0.0
    ticket["used"] = used
    ticket["flow"] = flow
    filled, price = fill_nb(ticket, abs(shares), rules[0])
    if filled < 1.0:
        return NO_LIQUIDITY, 0.0, 0.0, 0.0
    fees = commission_nb(filled, filled * price, rules[0]) + regulatory_nb(side * filled, price, days[day])
    return (FILLED if filled == abs(shares) else PARTIAL), side * filled, price, fees
