"""What a run did, as tables: orders, fills, round trips and a trace, collected while the environment steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.episode_kernels import EVENT, EVENTS, FILLS, TOTAL, record_nb
from agent.tables import COST_PARTS, fill_table, order_table, round_trips
from agent.trace import NOTHING, Trace, Tracer
from data.market_day import MarketDay
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import FILL

ROOM = 1_024
"""Events that are made room for at first."""


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
    """Collects what a vector environment reports, step by step; its arrays grow as they fill."""

    def __init__(self, lanes: int, tracer: Tracer | None = None) -> None:
        self.totals: npt.NDArray[np.void] = np.zeros(lanes, TOTAL)
        """Sums by lane so far."""
        self.alive: npt.NDArray[np.bool_] = np.ones(lanes, np.bool_)
        """Lanes whose episode goes on."""
        self._tracer = tracer
        self._events: npt.NDArray[np.void] = np.zeros(ROOM + lanes, EVENT)
        self._fills: npt.NDArray[np.void] = np.zeros(ROOM, FILL)
        self._written = np.zeros(2, np.int64)

    def observe(self, env: VectorTradingEnvironment) -> None:
        """Before a step."""
        if self._tracer is not None:
            self._tracer.observe(env)

    def record(self, env: VectorTradingEnvironment) -> int:
        """Take in the last step of the lanes that are alive; how many still are."""
        self._make_room(env)
        taken = (env.lanes, env.steps, env.rewards, env.fills, env.fill_counts)
        kept = (self.totals, self._events, self._fills, self._written)
        row, traced = (0, NOTHING) if self._tracer is None else self._tracer.next_row()
        return record_nb(row, self.alive, *taken, *kept, traced)

    def close(self, name: str, days: list[MarketDay]) -> Run:
        """The tables; `days[row]` is the day of that row of the bank."""
        events, fills = self._events[: self._written[EVENTS]], self._fills[: self._written[FILLS]]
        table = fill_table(fills, days)
        return Run(
            name=name,
            **{part: self.totals[part].copy() for part in TOTAL.names or ()},
            trades=round_trips(table, events),
            fills=table,
            orders=order_table(events, fills, days),
            trace=None if self._tracer is None else self._tracer.close(),
        )

    def _make_room(self, env: VectorTradingEnvironment) -> None:
        if self._written[EVENTS] + env.count > len(self._events):
            self._events = np.concatenate([self._events, np.zeros_like(self._events)])
        if self._written[FILLS] + env.fills.size > len(self._fills):
            self._fills = np.concatenate([self._fills, np.zeros(len(self._fills) + env.fills.size, FILL)])
