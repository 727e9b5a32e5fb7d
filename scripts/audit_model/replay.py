"""A policy on one day, as a backtest trades it, with everything it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay
from agent.policy import HOLD, Policy
from agent.tables import COST_PARTS
from agent.trace import ENDED
from data.market_day import MarketDay
from simulators.day_bank import DayBank

Trader = Callable[[MarketDay], Policy]
"""Builds all that a policy needs of a day, features included, and the policy."""
FILLED = ("second", "shares", "price", "mid", "decision_mid", *COST_PARTS, "position", "realised")


class Replay(NamedTuple):
    """Decision by decision [K]."""

    seconds: npt.NDArray[np.int64]
    """The last that each decision had seen."""
    actions: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    """The last of the step that followed."""
    equity: npt.NDArray[np.float64]
    """After that step."""
    fills: pl.DataFrame

    @property
    def acted(self) -> npt.NDArray[np.int64]:
        """Seconds of the decisions that were no HOLD."""
        return self.seconds[self.actions != HOLD]

    def before(self, second: int) -> tuple[bytes, bytes, bytes]:
        """Actions, fills and equity that rest on what arrived before `second`."""
        fills = self.fills.filter(pl.col("second") < second).select(FILLED).to_numpy()
        return (
            self.actions[self.seconds < second].tobytes(),
            np.ascontiguousarray(fills, np.float64).tobytes(),
            self.equity[self.ends < second].tobytes(),
        )


def replay(test: Backtest, day: MarketDay, traded: BacktestDay, trader: Trader) -> Replay:
    """`traded` of `test`, with `day` as its market."""
    alone = replace(test, bank=DayBank([day], test.simulation), days=[traded])
    run = alone.run(trader(day), traced=True)
    assert run.trace is not None
    lived = run.trace.action[:, 0] != ENDED
    actions = run.trace.action[lived, 0].astype(np.int64)
    seconds = traded.start + np.arange(len(actions)) * run.trace.interval_s
    return Replay(seconds, actions, seconds + run.trace.interval_s, run.trace.equity[lived, 0], run.fills)
