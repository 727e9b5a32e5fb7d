"""What a run did, as tables: orders, fills, round trips and a trace, collected while the environment steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.episode_kernels import EVENT, EVENTS, FILLS, TOTAL, play_nb, record_all_nb
from agent.tables import COST_PARTS, fill_table, order_table, round_trips
from agent.trace import NOTHING, Trace
from data.market_day import MarketDay
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import FILL

ROOM = 1_024
"""Events that are made room for at first."""
Book = tuple[npt.NDArray[np.void], npt.NDArray[np.void], npt.NDArray[np.void], npt.NDArray[np.int64]]
"""Totals, events, fills, and how many of the last two are written: what kernels take down."""


class Run(NamedTuple):
    """The outcome of one policy over all lanes: `gross` less the four costs is `pnl`. Dollars, [N]."""

    name: str
    pnl: npt.NDArray[np.float64]  # net
    gross: npt.NDArray[np.float64]  # had every order traded at the mid of its decision, free of charge
    half_spread: npt.NDArray[np.float64]  # the four costs; negative where they earned
    impact: npt.NDArray[np.float64]
    latency: npt.NDArray[np.float64]
    fees: npt.NDArray[np.float64]
    filled: npt.NDArray[np.int64]  # [N] fills
    trips: npt.NDArray[np.int64]  # [N] round trips that were closed
    max_drawdown: npt.NDArray[np.float64]  # [N] share of peak equity
    held_s: npt.NDArray[np.int64]  # [N] seconds with a position
    seconds: npt.NDArray[np.int64]  # [N] seconds in all
    trades: pl.DataFrame  # round trips; empty if only sums were kept, as the next two are
    fills: pl.DataFrame
    orders: pl.DataFrame  # every decision but HOLD and every order of the broker, and what became of it
    trace: Trace | None  # decision by decision, if it was asked for

    @property
    def costs(self) -> npt.NDArray[np.float64]:
        """All four, dollars [N]."""
        return self.half_spread + self.impact + self.latency + self.fees

    @property
    def totals(self) -> dict[str, float]:
        """Dollars over all lanes, from gross over the costs to net."""
        parts = {name: float(getattr(self, name).sum()) for name in COST_PARTS}
        return {"gross": float(self.gross.sum()), **parts, "net": float(self.pnl.sum())}


class Ledger:
    """Takes down what the lanes of an environment do; its arrays grow as they fill."""

    def __init__(self, lanes: int, trace: Trace | None = None) -> None:
        """trace: written as well."""
        self.totals: npt.NDArray[np.void] = np.zeros(lanes, TOTAL)
        """Sums by lane so far."""
        self.alive: npt.NDArray[np.bool_] = np.ones(lanes, np.bool_)
        """Lanes whose episode goes on."""
        self.decisions = np.zeros(lanes, np.int64)
        """Of each lane so far: the next row of the trace."""
        self.trace = trace
        self._traced = NOTHING if trace is None else trace.steps
        self._events: npt.NDArray[np.void] = np.zeros(ROOM + lanes, EVENT)
        self._fills: npt.NDArray[np.void] = np.zeros(ROOM, FILL)
        self._written = np.zeros(2, np.int64)

    def record(self, env: VectorTradingEnvironment) -> int:
        """Take in the last step of the lanes that are alive; how many still are."""
        self._make_room(env.count, env.fills.size)
        taken = (env.lanes, env.steps, env.rewards, env.fills, env.fill_counts)
        return record_all_nb(self.decisions, self.alive, *taken, self._book, self._traced)

    def play(
        self,
        env: VectorTradingEnvironment,
        which: npt.NDArray[np.int64],
        actions: npt.NDArray[np.int64],
        planned: npt.NDArray[np.int64],
    ) -> None:
        """Step the lanes `which` [n] through `planned` [n] of `actions` each, which stand in a row, and take that in.

        planned: becomes how many were taken; an episode may have ended.
        """
        self._make_room(len(actions), len(which) * env.fills.shape[1])
        play_nb(which, actions, planned, self.decisions, self.alive, env.core, self._book, self._traced)

    def close(self, name: str, days: list[MarketDay]) -> Run:
        """The tables; `days[row]` is the day of that row of the bank."""
        events = _by_lane(self._events[: self._written[EVENTS]])
        fills = _by_lane(self._fills[: self._written[FILLS]])
        table = fill_table(fills, days)
        return Run(
            name=name,
            **{part: self.totals[part].copy() for part in TOTAL.names or ()},
            trades=round_trips(table, events),
            fills=table,
            orders=order_table(events, fills, days),
            trace=None if self.trace is None else self.trace.cut(int(self.decisions.max())),
        )

    @property
    def _book(self) -> Book:
        return self.totals, self._events, self._fills, self._written

    def _make_room(self, events: int, fills: int) -> None:
        """For so many more."""
        if self._written[EVENTS] + events > len(self._events):
            self._events = np.concatenate([self._events, np.zeros(len(self._events) + events, EVENT)])
        if self._written[FILLS] + fills > len(self._fills):
            self._fills = np.concatenate([self._fills, np.zeros(len(self._fills) + fills, FILL)])


def _by_lane(rows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Lane after lane, each in the order of time."""
    return rows[np.argsort(rows["lane"], kind="stable")]
