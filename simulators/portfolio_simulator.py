"""Accounts of N lanes as one array of records."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulators.layout import LANE
from simulators.portfolio_kernels import open_account_nb
from utils.jit import njit
from utils.seeding import key


class PortfolioSimulator:
    """Owns the lanes' cash, positions, clocks and random streams.

    `lanes` (LANE [N]) is the whole state: copying it is a snapshot. Kernels change it in place.
    """

    def __init__(self, rules: npt.NDArray[np.void], lanes: int, seed: int, first: int = 0) -> None:
        """first: number of the first of these lanes, so that parts of many draw what they draw together."""
        self._rules, self._first = rules, first
        self.lanes: npt.NDArray[np.void] = np.zeros(lanes, LANE)
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Begin the lanes' streams again, as `seed` names them: each order draws from one of its own."""
        self.lanes["key"] = [key(seed, "lane", self._first + lane) for lane in range(len(self.lanes))]
        self.lanes["orders"] = 0

    def open(self, lane: int, day: int, start: int, end: int) -> None:
        """Put fresh capital into a lane for an episode of day `day` that is cut at second `end`."""
        _open_nb(self.lanes, self._rules, lane, day, start, end)


@njit
def _open_nb(lanes, rules, lane, day, start, end):
    open_account_nb(lanes[lane], rules[0], day, start, end)
