"""A walk down an assumed ladder behind the displayed touch, or the square-root impact, whichever costs more.

Only phi of what is displayed is taken to be there for us, at every level; levels lie half a spread apart. Own recent
fills stand at the front of the ladder. Size is limited by participation in recent volume, and by the limit price: the
last share is the dearest, and not even that one costs more. So splitting an order gains nothing.

Sources: Almgren et al. (2005), "Direct estimation of equity market impact", and Toth et al. (2011), "Anomalous price
impact and the critical nature of liquidity in financial markets", for the square-root law.
"""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS
from simulators.layout import DOLLAR
from simulators.models import fill_model
from utils.jit import njit

ROUNDING = 1e-9
"""Keeps floor() of products such as 0.3 * 600 from losing a share to the last bit."""


@njit
def premium_nb(level, step, shares):
    """Sum of distances from the touch (1e-9 dollars) over the first `shares` of a ladder of `level` shares each."""
    full = np.floor(shares / level)
    rest = shares - full * level
    return step * full * (0.5 * (full - 1.0) * level + rest)


@njit
def pressure_nb(ticket, impact):
    """Y * sigma / sqrt(V) * mid, 1e-9 dollars per square root of a share: times sqrt(Q), how far Q shares push."""
    volume = max(ticket["volume"], ticket["displayed"])  # nothing traded yet: at least what is shown
    return impact * ticket["sigma"] * ticket["mid"] * DOLLAR / np.sqrt(volume)


@njit
def pushed_nb(ticket, impact, shares):
    """Impact averaged over the order, 1e-9 dollars a share: 2/3 Y sigma mid ((Q+q)^1.5 - Q^1.5) / (q sqrt(V))."""
    before, after = ticket["flow"], ticket["flow"] + shares
    grown = after * np.sqrt(after) - before * np.sqrt(before)
    return 2.0 / 3.0 * pressure_nb(ticket, impact) * grown / shares


@njit
def room_nb(ticket, level, step, cap, impact):
    """Shares that can be had without any of them costing more than the limit."""
    worst = np.float64(ticket["side"] * (ticket["limit"] - ticket["touch"]))
    levels = np.floor(worst / step) + 1.0
    room = min(levels * level, cap) - ticket["used"]
    pressure = pressure_nb(ticket, impact)
    if pressure > 0.0:
        room = min(room, (worst / pressure) ** 2 - ticket["flow"])
    return np.floor(room + ROUNDING)


@fill_model(
    "l1_walk",
    formula="touch +- max(walk over levels of displayed_share * displayed, 2/3 Y sigma_D ((Q+q)^1.5 - Q^1.5) / "
    "(q sqrt V) * mid); at most max(displayed_share * displayed, participation * 30-s volume) less own recent fills; "
    "displayed_share times resume_share for resume_s after a halt",
    params={
        "displayed_share": (0.0, 1.0),
        "resume_share": (0.0, 1.0),
        "resume_s": (0.0, 3600.0),
        "participation": (0.0, 1.0),
        "impact": (0.0, 100.0),
    },
)
def l1_walk(ticket, params):
    """Fill what is there, at the worse of walk and impact."""
    share = params["displayed_share"]
    if ticket["since_resume_ns"] < params["resume_s"] * SECOND_NS:
        share *= params["resume_share"]
    level = np.floor(share * ticket["displayed"] + ROUNDING)
    tick = ticket["tick"]
    step = np.float64(max(tick, -(-ticket["spread"] // (2 * tick)) * tick))
    cap = max(share * ticket["displayed"], params["participation"] * ticket["volume_30s"])
    shares = min(ticket["wanted"], room_nb(ticket, level, step, cap, params["impact"]))
    if level < 1.0 or shares < 1.0:
        ticket["shares"] = 0.0
        return
    used = ticket["used"]
    walked = (premium_nb(level, step, used + shares) - premium_nb(level, step, used)) / shares
    distance = max(walked, pushed_nb(ticket, params["impact"], shares))
    ticket["shares"] = shares
    ticket["price"] = (ticket["touch"] + ticket["side"] * distance) / DOLLAR
