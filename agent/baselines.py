"""What any policy has to beat: doing nothing, buying and holding, and trading as often at random.

All of them trade in the same environment as the agent, so costs, latency and size limits are the same.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from simulators.layout import SIZES, ActionType, Portfolio, PositionSize
from utils.seeding import stream

Actions = npt.NDArray[np.int64]
HOLD = int(ActionType.HOLD) * SIZES
BUY_ALL = int(ActionType.BUY) * SIZES + int(PositionSize.PCT_100)
SELL_ALL = int(ActionType.SELL) * SIZES + int(PositionSize.PCT_100)
INVESTED = 0.9
"""Exposure from which on buy-and-hold stops adding."""


class Policy(Protocol):
    """Anything that can choose actions for N lanes."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        ...

    def act(
        self, index: npt.NDArray[np.int32], portfolio: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]
    ) -> Actions:
        """Actions i64 [N] for index (day, second) [N, 2], portfolio [N, P] and validity mask [N, 12]."""
        ...


class Cash:
    """Never trades."""

    name = "cash"

    def act(
        self,
        index: npt.NDArray[np.int32],
        portfolio: npt.NDArray[np.float32],  # noqa: ARG002 - Policy's signature
        mask: npt.NDArray[np.bool_],  # noqa: ARG002
    ) -> Actions:
        """HOLD, always."""
        return np.full(len(index), HOLD, np.int64)


class BuyAndHold:
    """Buys with everything from the first second on until invested (fills are partial), then holds to the end."""

    name = "buy and hold"

    def __init__(self, lanes: int) -> None:
        self._done = np.zeros(lanes, np.bool_)

    def act(
        self,
        index: npt.NDArray[np.int32],
        portfolio: npt.NDArray[np.float32],
        mask: npt.NDArray[np.bool_],
    ) -> Actions:
        """BUY 100 % while less than 90 % are invested, HOLD ever after."""
        self._done |= portfolio[:, Portfolio.EXPOSURE] >= INVESTED
        buy = ~self._done & mask[:, BUY_ALL]
        return np.where(buy, BUY_ALL, np.full(len(index), HOLD)).astype(np.int64)


class MatchedRandom:
    """Enters and leaves at random, as often and for as long as the policy it is compared with.

    entry_rate: entries per flat second; exit_rate: exits per held second, both in [0, 1].
    """

    name = "random"

    def __init__(self, lanes: int, entry_rate: float, exit_rate: float, seed: int) -> None:
        self._entry_rate = entry_rate
        self._exit_rate = exit_rate
        self._random = stream(seed, "backtest", "matched random")
        self._leaving = np.zeros(lanes, np.bool_)

    def act(
        self,
        index: npt.NDArray[np.int32],
        portfolio: npt.NDArray[np.float32],
        mask: npt.NDArray[np.bool_],
    ) -> Actions:
        """A draw per lane; a sale that was cut is repeated until the position is closed."""
        lanes = len(index)
        chance = self._random.random(lanes)
        size = self._random.integers(0, SIZES, lanes)
        flat = portfolio[:, Portfolio.SIDE] == 0
        self._leaving = ~flat & (self._leaving | (chance < self._exit_rate))
        enter = flat & (chance < self._entry_rate)
        actions = np.where(enter, int(ActionType.BUY) * SIZES + size, HOLD)
        actions = np.where(self._leaving, SELL_ALL, actions)
        valid = mask[np.arange(lanes), actions]
        return np.where(valid, actions, HOLD).astype(np.int64)
