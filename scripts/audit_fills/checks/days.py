"""Orders at random moments of whole days: what the market was like, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from config.schema import SimulationConfig
from data.day_clock import HOUR_S, clock
from data.layout import SECOND_NS, Market
from data.market_day import MarketDay
from scripts.audit.market import Audit
from scripts.audit.report import Figure, Report, Table, none_of
from scripts.audit_fills.measure import CHASE_S, DOLLARS, FASTEST, HOUR_DOLLARS, SLOWEST, Measured, measured
from scripts.audit_fills.orders import books_at
from scripts.audit_fills.registry import check
from simulators.execution_kernels import DOLLAR

ROUNDING = 1e-6
"""Dollars by which a limit on its tick may lie beyond the share of the touch."""


def outside_book(
    days: Sequence[MarketDay], simulation: SimulationConfig, orders: npt.NDArray[np.void]
) -> tuple[int, int, int]:
    """(fills whose touch was not that of their moment, better than it, past touch * (1 +- limit_offset) or the band).

    The book of each moment is looked up in another way than the kernels do it.
    """
    other, better, past = 0, 0, 0
    offset = simulation.execution.limit_offset
    for number, day in enumerate(days):
        fills = orders[(orders["day"] == number) & (orders["shares"] > 0)]
        quotes = day.quotes[books_at(day, fills["arrival_ns"])]
        side, price = fills["side"], fills["price"]
        touch = np.where(side > 0, quotes["ask"], quotes["bid"])
        other += int((touch != fills["touch"]).sum())
        better += int((side * price < side * (touch / DOLLAR)).sum())
        rows = day.market[(fills["arrival_ns"] - day.start_ns) // SECOND_NS - 1]
        high = np.minimum(touch / DOLLAR * (1.0 + offset), rows[:, Market.LULD_HIGH])
        low = np.maximum(touch / DOLLAR * (1.0 - offset), rows[:, Market.LULD_LOW])
        past += int(((price > high + ROUNDING) | (price < low - ROUNDING)).sum())
    return other, better, past


@check("days", order=5)
def whole_days(audit: Audit) -> Report:
    """Orders at random moments of the days: within the book of their moment, and what they cost."""
    found, days = measured(audit), audit.days
    fills = int((found.orders["shares"] > 0).sum())
    other, better, past = outside_book(days, audit.config.simulation, found.orders)
    inside = 1.0 - (other + better + past) / max(fills, 1)
    return Report(
        [
            Figure("orders", f"{len(found.orders):,} on {audit.data_name}", "some", len(found.orders) > 0),
            none_of("fills against another book than that of their moment", other, fills),
            none_of("fills better than its touch", better, fills),
            none_of("fills past the limit price or the LULD band", past, fills),
            Figure("fills within the book and the modelled impact", f"{100 * inside:.5g} %", "100 %", inside == 1.0),
        ],
        [spreads(days, found), sizes(found), hours(found), reasons(found), drifts(found)],
    )


def spreads(days: Sequence[MarketDay], found: Measured) -> Table:
    """Spread and depth by symbol and hour."""
    rows: list[list[str]] = []
    for symbol in sorted({day.symbol for day in days}):
        for hour, book in found.books[symbol].items():
            median, wide = np.percentile(book.spread_bps, (50, 90))
            shown = f"{np.median(book.shares):,.0f}", f"{np.median(book.dollars):,.0f}"
            rows.append([symbol, clock(hour * HOUR_S), f"{median:.1f}", f"{wide:.1f}", *shown])
    head = ["symbol", "hour", "spread, bps", "90th percentile", "shares displayed", "dollars displayed"]
    note = "Of the books at the ends of seconds, not older than a minute. Displayed: mean of both sides, median."
    return Table("Spread and depth by hour", note, head, rows)


def _cells(found: Measured, dollars: float, hour: int | None = None) -> list[str]:
    costs = [found.cost(dollars=dollars, slower=slower, hour=hour) for slower in (FASTEST, SLOWEST)]
    return [text for c in costs for text in (f"{c.median:.1f}", f"{c.high:.1f}", percent(c.filled))]


def percent(share: float) -> str:
    """E.g. "97 %"."""
    return f"{share:.0%}".replace("%", " %")


COLUMNS = [text for x in (FASTEST, SLOWEST) for text in (f"latency x{x:g}: median", "90th percentile", "filled")]


def sizes(found: Measured) -> Table:
    """Slippage by order size."""
    rows = [[f"${size:,.0f}", *_cells(found, size)] for size in DOLLARS]
    note = (
        "Fill against the mid of the decision, basis points, without fees; orders of either side at random moments of "
        "regular hours. Filled: share of the dollars that were wanted."
    )
    return Table("Slippage by order size", note, ["order", *COLUMNS], rows)


def hours(found: Measured) -> Table:
    """Slippage by hour."""
    rows = [[clock(hour * HOUR_S), *_cells(found, HOUR_DOLLARS, hour)] for hour in found.hours()]
    return Table("Slippage by hour", f"Orders of ${HOUR_DOLLARS:,.0f}, as above.", ["hour", *COLUMNS], rows)


def reasons(found: Measured) -> Table:
    """What became of the orders."""
    counts = found.reasons()
    total = max(sum(counts.values()), 1)
    rows = [[r.name.lower(), f"{n:,}", f"{n / total:.1%}".replace("%", " %")] for r, n in counts.items()]
    note = f"Orders of ${HOUR_DOLLARS:,.0f} at random moments of the whole day."
    return Table("What became of the orders", note, ["reason", "orders", "share"], rows)


def drifts(found: Measured) -> Table:
    """What the market does while an order is on its way."""
    rows: list[list[str]] = []
    for name, chasing in (("either side", False), (f"the side of the last {CHASE_S} s", True)):
        moves = [found.drift(chasing=chasing, slower=slower) for slower in (FASTEST, SLOWEST)]
        rows.append([name, *(f"{value:.2f}" for move in moves for value in move)])
    head = ["order on", *(t for x in (FASTEST, SLOWEST) for t in (f"latency x{x:g}: mean", "root mean square"))]
    note = (
        "Move of the mid from the decision to the arrival, basis points, in regular hours: above 0 it goes against the "
        "order. The second row is of orders that run after a move."
    )
    return Table("What latency costs", note, head, rows)
