"""Sessions, drawdowns, exposure, turnover and costs in figures."""

from __future__ import annotations

import datetime as dt
import math
from typing import NamedTuple

import numpy as np

from agent.ledger import Run
from agent.statistics.sessions import Series, Sessions
from agent.tables import COST_PARTS


class Days(NamedTuple):
    """Of sessions, dollars net."""

    sessions: int
    mean: float
    median: float
    deviation: float
    """Standard deviation (n - 1)."""
    best: float
    worst: float
    hit_rate: float
    """Share of the sessions that earned something, among those that were not 0."""
    idle: int
    """Sessions that came out at exactly 0: nothing was traded."""


def day_figures(pnl: Series) -> Days:
    """pnl: one figure per session, at least one."""
    moved = pnl[pnl != 0]
    return Days(
        sessions=len(pnl),
        mean=float(pnl.mean()),
        median=float(np.median(pnl)),
        deviation=float(pnl.std(ddof=1)) if len(pnl) > 1 else math.nan,
        best=float(pnl.max()),
        worst=float(pnl.min()),
        hit_rate=float((moved > 0).mean()) if len(moved) else math.nan,
        idle=len(pnl) - len(moved),
    )


class Drawdown(NamedTuple):
    """A fall of the summed P&L below what it had been, until it is back."""

    dollars: float
    """Positive."""
    first: dt.date
    """The session that began to lose."""
    trough: dt.date
    back: dt.date | None
    """The session that made it good; None if none did."""
    sessions: int
    """From the first to the one that made it good, or to the last."""


def underwater(pnl: Series) -> Series:
    """How far the summed P&L is below its highest so far, which begins at 0; dollars [S], 0 or less."""
    total = np.cumsum(pnl)
    return total - np.maximum.accumulate(np.maximum(total, 0.0))


def drawdowns(sessions: Sessions) -> list[Drawdown]:
    """All of them, deepest first."""
    depth = underwater(sessions.pnl)
    tiny = 1e-9 * max(float(np.abs(sessions.pnl).sum()), 1e-9)  # sums that come back to a peak may miss it by a bit
    below = np.concatenate([[False], depth < -tiny, [False]])
    edges = np.flatnonzero(below[1:] != below[:-1])
    found: list[Drawdown] = []
    for first, back in zip(edges[::2], edges[1::2], strict=True):
        trough = first + int(depth[first:back].argmin())
        made_good = back < len(depth)
        found.append(
            Drawdown(
                dollars=-float(depth[trough]),
                first=sessions.dates[first],
                trough=sessions.dates[trough],
                back=sessions.dates[back] if made_good else None,
                sessions=int(back - first) + int(made_good),
            )
        )
    return sorted(found, key=lambda one: -one.dollars)


class Activity(NamedTuple):
    """How much was done for the money."""

    exposure: float
    """Share of the time with a position."""
    orders: int
    turnover: float
    """Dollars bought and sold over the capital, mean per session."""
    gross: float
    """Dollars over all sessions, every order at the mid of its decision; less the costs it is `net`."""
    costs: dict[str, float]
    """Dollars by part."""
    net: float
    cost_bp: float
    """Costs over the dollars that changed hands, in hundredths of a percent; nan without any."""


def activity(run: Run, sessions: Sessions) -> Activity:
    """Of all lanes of `run`, which make up `sessions`."""
    traded = float((run.fills["shares"].abs() * run.fills["price"]).sum()) if len(run.fills) else 0.0
    totals = run.totals
    costs = {name: totals[name] for name in COST_PARTS}
    return Activity(
        exposure=float(run.held_s.sum() / max(int(run.seconds.sum()), 1)),
        orders=len(run.orders),
        turnover=traded / sessions.capital / max(len(sessions.dates), 1),
        gross=totals["gross"],
        costs=costs,
        net=totals["net"],
        cost_bp=1e4 * sum(costs.values()) / traded if traded else math.nan,
    )
