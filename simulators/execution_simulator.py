"""Orders against a day, one at a time: the same kernels that the environment steps, for tools and tests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import SimulationConfig
from simulators.day_bank import DayBank
from simulators.execution_kernels import Offer, available_nb, offer_nb, price_nb
from simulators.fees import fees_nb
from simulators.layout import RULES, Reason
from utils.jit import njit

MS = 1e6
SECOND = 1e9
NO_LIQUIDITY = int(Reason.NO_LIQUIDITY)
FILLED = int(Reason.FILLED)
PARTIAL = int(Reason.PARTIAL)


class Execution(NamedTuple):
    """What became of one order."""

    reason: Reason
    shares: float
    """Signed; 0 if nothing was filled."""
    price: float
    """Average, dollars; 0 if nothing was filled."""
    mid: float
    """At arrival, dollars; 0 without a sound book."""
    fees: float
    """Dollars."""


def rules_of(simulation: SimulationConfig) -> npt.NDArray[np.void]:
    """`simulation` as one RULES record, in an array of length 1."""
    execution, fees, account = simulation.execution, simulation.fees, simulation.account
    rules = np.zeros(1, RULES)
    rules["latency_base_ns"] = execution.latency.base_ms * MS
    rules["latency_median_ns"] = execution.latency.median_ms * MS
    rules["latency_sigma"] = execution.latency.sigma
    rules["max_spread"] = execution.max_spread
    rules["stale_regular_ns"] = execution.stale_regular_s * SECOND
    rules["stale_extended_ns"] = execution.stale_extended_s * SECOND
    rules["limit_offset"] = execution.limit_offset
    rules["displayed_share"] = execution.displayed_share
    rules["resume_phi_factor"] = execution.resume_phi_factor
    rules["resume_ns"] = execution.resume_s * SECOND
    rules["consumption_halflife_ns"] = execution.consumption_halflife_s * SECOND
    rules["participation"] = execution.participation
    rules["impact"] = execution.impact
    rules["flow_halflife_ns"] = execution.flow_halflife_s * SECOND
    rules["fee_per_share"] = fees.per_share
    rules["fee_minimum"] = fees.minimum
    rules["fee_max_share"] = fees.max_share_of_value
    rules["capital"] = account.capital
    rules["leverage"] = account.leverage
    rules["allow_short"] = account.allow_short
    return rules


class ExecutionSimulator:
    """Fills single orders against the days of a bank."""

    def __init__(self, bank: DayBank, simulation: SimulationConfig) -> None:
        self._bank = bank
        self.rules = rules_of(simulation)

    def offer(self, day: int, arrival_ns: int, side: int) -> Offer:
        """What an order of `side` (+1, -1) arriving at `arrival_ns` (UTC) meets on day `day` of the bank."""
        return _offer_nb(self._bank.table, self.rules, day, arrival_ns, side)

    def execute(self, day: int, arrival_ns: int, shares: float, *, used: float = 0.0, flow: float = 0.0) -> Execution:
        """Fill an order of `shares` (signed) that arrives at `arrival_ns`, whatever the account could pay.

        used: own recent fills on that side that still count as taken; flow: own same-side flow of the impact formula.
        """
        reason, filled, price, mid, fees = _execute_nb(
            self._bank.table, self.rules, day, arrival_ns, float(shares), used, flow
        )
        return Execution(Reason(reason), filled, price, mid, fees)


@njit
def _offer_nb(days, rules, day, arrival_ns, side):
    return offer_nb(days[day], rules[0], arrival_ns, side)


@njit
def _execute_nb(days, rules, day, arrival_ns, shares, used, flow):
    side = 1 if shares > 0.0 else -1
    offer = offer_nb(days[day], rules[0], arrival_ns, side)
    if offer.reason != 0:
        return offer.reason, 0.0, 0.0, offer.mid, 0.0
    filled = min(abs(shares), available_nb(offer, side, used))
    if filled < 1.0:
        return NO_LIQUIDITY, 0.0, 0.0, offer.mid, 0.0
    price = price_nb(offer, side, filled, used, flow, rules[0])
    fees = fees_nb(side * filled, price, days[day], rules[0])
    return (FILLED if filled == abs(shares) else PARTIAL), side * filled, price, offer.mid, fees
