"""One day, traded by two models from the same second on: what each did, and where they part."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agent.backtest_days import BacktestDay
from agent.ledger import Run
from agent.report.day_view import bar_series, market_facts, run_series
from agent.trace import Trace
from data.market_day import MarketDay
from metrics.figures import market_time
from simulators.layout import SIZES
from utils.web.packed import Series, packed
from utils.web.text import DASH, money, share

LANE = 0
"""A replay is of one day."""
PRICE_STEP = 1e-4
TRIP_COLUMNS = {"from": "entry_second", "to": "exit_second", "entry": "entry_price", "exit": "exit_price", "pnl": "pnl"}


class Side(NamedTuple):
    """A model, and what it did; the run is traced."""

    name: str
    step: int
    """Environment steps that it had trained for."""
    run: Run

    @property
    def trace(self) -> Trace:
        """Of the run."""
        assert self.run.trace is not None
        return self.run.trace


class Parting(NamedTuple):
    """How two sides differ in what they decided."""

    decisions: int
    """Of the side that went on for longer."""
    differ: int
    """Decisions that are not the same, those after the end of one side included."""
    first: int | None
    """Second of the day of the first of them."""


def parting(sides: tuple[Side, Side], start: int) -> Parting:
    """start: second of the first decision."""
    unlike = _unlike(sides)
    where = np.flatnonzero(unlike)
    first = int(start + where[0] * sides[0].trace.interval_s) if len(where) else None
    return Parting(len(unlike), len(where), first)


def replay_view(day: MarketDay, chosen: BacktestDay, sides: tuple[Side, Side], sample: str) -> dict[str, Any]:
    """What is known of the replay; plain data. sample: what the models have seen of the day, in words."""
    facts, found = market_facts(day, chosen, sides[0].trace), parting(sides, chosen.start)
    if found.first is not None:
        facts["moments"].append({"at": found.first, "text": "they part", "colour": "accent", "row": 2})
    return {
        **facts,
        "sample": sample,
        "sides": [{"name": side.name, "step": side.step, "pnl": float(side.run.pnl[LANE])} for side in sides],
        "parting": found._asdict(),
        "rows": difference_rows(sides, found),
    }


def replay_arrays(day: MarketDay, sides: tuple[Side, Side]) -> str:
    """Bars, then the series of each side with "0 " and "1 " before their names, packed."""
    own = {
        f"{i} {name}": series
        for i, side in enumerate(sides)
        for name, series in {**run_series(side.run, LANE), **_trips(side.run)}.items()
    }
    return packed({**bar_series(day), **own, "differ": Series(_unlike(sides).astype(np.float64), 1.0)})


def difference_rows(sides: tuple[Side, Side], found: Parting) -> list[list[str]]:
    """What, the first side, the second, and the second less the first."""
    first, second = (side.run for side in sides)

    def dollars(name: str, a: float, b: float) -> list[str]:
        return [name, money(a), money(b), money(b - a)]

    def counts(name: str, a: int, b: int, unit: str = "") -> list[str]:
        return [name, f"{a:,}{unit}", f"{b:,}{unit}", _more(f"{abs(b - a):,}{unit}", b - a)]

    paid = [float(run.costs[LANE]) for run in (first, second)]
    acted = [int((side.trace.action[:, LANE] >= SIZES).sum()) for side in sides]  # HOLD is below, as is what is over
    lost = [float(run.max_drawdown[LANE]) for run in (first, second)]
    return [
        dollars("net P&L", first.pnl[LANE], second.pnl[LANE]),
        dollars("before costs", first.gross[LANE], second.gross[LANE]),
        [
            "costs",
            *(money(cost, plus=False) for cost in paid),
            _more(money(abs(paid[1] - paid[0]), plus=False), paid[1] - paid[0]),
        ],
        counts("round trips", int(first.trips[LANE]), int(second.trips[LANE])),
        counts("fills", int(first.filled[LANE]), int(second.filled[LANE])),
        counts("decisions to trade", acted[0], acted[1]),
        counts("with a position", int(first.held_s[LANE]), int(second.held_s[LANE]), " s"),
        [
            "largest drawdown",
            *(share(part, 2) for part in lost),
            _more(share(abs(lost[1] - lost[0]), 2), lost[1] - lost[0]),
        ],
        ["decisions that differ", DASH, DASH, f"{found.differ:,} of {found.decisions:,}"],
        ["they part at", DASH, DASH, _market_time(found.first)],
    ]


def _unlike(sides: tuple[Side, Side]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each decision differs [T]; where one side has ended, it does."""
    first, second = (side.trace.action[: side.trace.length(LANE), LANE] for side in sides)
    common, longest = min(len(first), len(second)), max(len(first), len(second))
    unlike = np.ones(longest, np.bool_)
    unlike[:common] = first[:common] != second[:common]
    return unlike


def _trips(run: Run) -> dict[str, Series]:
    steps = {"entry": PRICE_STEP, "exit": PRICE_STEP, "pnl": 0.01}
    return {
        f"trip_{name}": Series(run.trades[column].to_numpy(), steps.get(name, 1.0))
        for name, column in TRIP_COLUMNS.items()
    }


def _more(amount: str, difference: float) -> str:
    """In words where more is not better."""
    return f"{amount} {'more' if difference > 0 else 'less'}" if difference else "the same"


def _market_time(second: int | None) -> str:
    if second is None:
        return "never"
    return f"{market_time(second)} ET"
