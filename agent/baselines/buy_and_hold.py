"""Buying what the scanner found, at once and with everything, and holding it."""

from __future__ import annotations

import numpy as np

from agent.baselines.registry import Contest, baseline
from agent.ledger import Run
from agent.policy import BUY_ALL, HOLD, Actions, Index, Mask, Rows
from simulators.layout import Portfolio

INVESTED = 0.9
"""Exposure from which on it stops adding."""


class BuyAndHold:
    """Buys with everything from the first second on until invested (fills are partial), then holds to the end."""

    name = "buy and hold"

    def __init__(self, lanes: int) -> None:
        self._done = np.zeros(lanes, np.bool_)

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:
        """BUY 100 % while less than 90 % are invested, HOLD ever after."""
        self._done |= portfolio[:, Portfolio.EXPOSURE] >= INVESTED
        buy = ~self._done & mask[:, BUY_ALL]
        return np.where(buy, BUY_ALL, np.full(len(index), HOLD)).astype(np.int64)


@baseline("buy_and_hold", about="buys with everything at the trigger, sells at the end")
def buy_and_hold(contest: Contest) -> Run:
    """Buy and hold."""
    return contest.run(BuyAndHold(len(contest.backtest.days)))
