"""Rows of what is recorded of training lanes, declared once. Dollars, shares, seconds of the day.

Rows of the simulation itself (STEP, FILL) are in simulators/layout.py.
"""

from __future__ import annotations

import numpy as np

EPISODE_ROW = np.dtype(
    [
        ("lane", "i4"),
        ("day", "i4"),  # row of the day bank
        ("start", "i4"),  # second of the first observation
        ("length", "i4"),  # seconds it was to last
        ("stage", "i4"),  # of the curriculum; -1: a uniform draw
        ("point", "i4"),  # second of the reset point that it began before; -1: none
        ("steps", "i4"),  # decisions taken
        ("trades", "i4"),  # round trips closed
        ("ending", "i4"),  # simulators.layout.Ending
        ("log_return", "f8"),
        ("pnl", "f8"),  # dollars, net
        ("reward", "f8"),  # sum
        ("quality", "f8"),  # of the day, ex post
        ("difficulty", "f8"),  # of the reset point; nan without one
    ]
)
"""An episode that ended."""

TRADE_ROW = np.dtype(
    [
        ("lane", "i4"),
        ("day", "i4"),
        ("second", "i4"),  # at the end of the step that closed it
        ("held_s", "i4"),
        ("side", "i4"),  # 1 long, -1 short
        ("ending", "i4"),  # Ending of the episode that closed it; 0 if the agent or a stop did
        ("shares", "f8"),  # most that were held
        ("entry_price", "f8"),  # average cost of those
        ("exit_price", "f8"),  # of the last step's fills
        ("pnl", "f8"),  # dollars, net
        ("costs", "f8"),  # fees, half spread and impact while it was open
        ("mae", "f8"),  # worst open P&L / cost of the position, <= 0
        ("mfe", "f8"),  # best, >= 0
        ("reward", "f8"),  # sum while it was open
    ]
)
"""A round trip that was closed.

Of one that was open when a run was resumed, shares, entry price, costs and reward are those since.
"""
PARTS = "parts"


def trade_layout(components: int) -> np.dtype[np.void]:
    """TRADE_ROW with PARTS: what each of so many reward components paid while it was open."""
    return np.dtype([*TRADE_ROW.descr, (PARTS, "f8", (components,))])


LIVE_ROW = np.dtype(
    [
        ("lane", "i4"),
        ("day", "i4"),
        ("second", "i4"),  # after the step
        ("start", "i4"),  # second of the episode's first observation
        ("action", "i4"),
        ("reason", "i4"),  # simulators.layout.Reason
        ("ending", "i4"),
        ("position", "f8"),  # shares after the step
        ("equity", "f8"),
        ("price", "f8"),  # of the step's fills, 0 if none
        ("filled", "f8"),  # shares, signed
        ("reward", "f8"),
        ("hold", "f8"),  # probability; all three nan if the policy was not asked for them
        ("buy", "f8"),
        ("sell", "f8"),
        ("value", "f8"),  # the critic's, before the step
    ]
)
"""One decision of the lane that is followed."""
