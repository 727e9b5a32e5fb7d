"""How much the assumptions matter: the same orders under other displayed shares, impacts and latencies."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from scripts.audit.market import LOG_EVERY_S, Audit
from scripts.audit.report import Figure, Report, Table
from scripts.audit_fills.measure import HOUR_DOLLARS, MOMENTS, QUICK_MOMENTS, Cost, cost_of, regular
from scripts.audit_fills.orders import OrderDesk, moments
from scripts.audit_fills.registry import check
from scripts.progress import counted

SHARES = (0.15, 0.3, 0.6)
IMPACTS = (0.5, 1.0, 2.0)
LATENCIES = (1.0, 4.0)


class Cell(NamedTuple):
    """One set of assumptions."""

    share: float
    impact: float
    slower: float


def costs(audit: Audit) -> dict[Cell, Cost]:
    """Cost with fees of the same moments under every set of assumptions of the model l1_walk."""
    days = audit.days
    found: dict[Cell, Cost] = {}
    for share, impact in counted(list(product(SHARES, IMPACTS)), "assumptions", LOG_EVERY_S):
        config = audit.variant("simulation/fill=l1_walk")
        config.simulation.fill.params |= {"displayed_share": share, "impact": impact}
        desk = OrderDesk(days, config.simulation, config.seed)
        at = moments(days, desk.bank, QUICK_MOMENTS if audit.quick else MOMENTS, config.seed)
        at["dollars"] = HOUR_DOLLARS
        for slower in LATENCIES:
            orders = at[regular(at)].copy()
            orders["slower"] = slower
            desk.send(orders)
            found[Cell(share, impact, slower)] = cost_of(orders, fees=True)
    return found


@check("sensitivity", order=6)
def sensitivity(audit: Audit) -> Report:
    """What random orders cost under 18 sets of assumptions."""
    found = costs(audit)
    rows: list[list[str]] = []
    for share, impact in product(SHARES, IMPACTS):
        cells = [found[Cell(share, impact, slower)] for slower in LATENCIES]
        told = [text for c in cells for text in (f"{c.mean:.1f}", f"{c.filled:.0%}".replace("%", " %"))]
        rows.append([f"{share:g}", f"{impact:g}", *told])
    head = ["displayed share", "impact", *(t for x in LATENCIES for t in (f"latency x{x:g}: mean cost", "filled"))]
    note = (
        f"Orders of ${HOUR_DOLLARS:,.0f} at random moments of regular hours: mean cost against the mid of the "
        "decision, fees included, basis points of what was filled. A smaller displayed share fills less, so that the "
        "dear part of the order is missing from its mean."
    )
    least, most = (pick(cost.mean for cost in found.values()) for pick in (min, max))
    return Report(
        [Figure("mean cost over the assumptions", f"{least:.1f} to {most:.1f} bps", "shown", None)],
        [Table("What the assumptions matter", note, head, rows)],
    )
