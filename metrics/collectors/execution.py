"""What became of the orders, and what they cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from metrics import registry as names
from metrics.collecting import collector
from metrics.registry import Group
from metrics.rollout import Records, Rollout
from simulators.layout import OrderKind, Reason

Ints = npt.NDArray[np.signedinteger]

COSTS = ("fees", "half_spread", "impact", "latency")
"""Columns of FILL, dollars."""
BPS = 1e4
SECOND_NS = 1_000_000_000


@collector(Group.EXECUTION)
def execution(rollout: Rollout) -> dict[str, float]:
    """Orders, fills, reasons, costs by part and latency."""
    steps, fills = rollout.steps, rollout.fills
    values = {
        names.ORDERS.name: float((steps["order"] != 0).sum()),
        names.FILLS.name: float(len(fills)),
        **_reasons(steps),
    }
    notional = float((np.abs(fills["shares"]) * fills["price"]).sum())
    if notional:
        values |= {names.COST_PART.of(part): BPS * float(fills[part].sum()) / notional for part in COSTS}
    latency = latencies_ms(rollout)
    if len(latency):
        values |= {
            names.LATENCY_MS.name: float(latency.mean()),
            names.LATENCY_P95_MS.name: float(np.percentile(latency, 95)),
        }
    return values


def _reasons(steps: Records) -> dict[str, float]:
    """Share of each reason in the steps that have one; those that never came up are left out."""
    counts = np.bincount(steps["reason"].ravel(), minlength=len(Reason))
    counts[Reason.NONE] = 0
    whole = counts.sum()
    return {
        names.REASON_SHARE.of(Reason(code).name.lower()): float(counts[code] / whole)
        for code in np.flatnonzero(counts).tolist()
    }


def latencies_ms(rollout: Rollout) -> npt.NDArray[np.float64]:
    """[n] from the end of the second of the decision to the arrival, of orders that were sent and met in one step.

    Orders that rest, and those sent by stops or the broker, have no such time.
    """
    row, lane = np.nonzero(rollout.steps["order"])
    sent = rollout.steps[row, lane]
    fills = rollout.fills[rollout.fills["kind"] == OrderKind.IOC]
    key = _key(fills["lane"], fills["order"])
    known = _key(lane, sent["order"])
    order = np.argsort(known, kind="stable")
    at = np.searchsorted(known[order], key)
    found = at < len(known)
    found[found] = known[order][at[found]] == key[found]
    step = sent[order[at[found]]]
    decided = step["second"].astype(np.int64) - step["seconds"]
    decided_ns = rollout.start_ns[step["day"]] + (decided + 1) * SECOND_NS
    return (fills["ts_ns"][found] - decided_ns) / 1e6


def _key(lane: Ints, order: Ints) -> npt.NDArray[np.int64]:
    """The number of an order is its own on its lane."""
    return (lane.astype(np.int64) << 32) + order
