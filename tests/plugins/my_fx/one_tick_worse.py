"""A fill model: half of what is wanted, some ticks behind the touch."""

from __future__ import annotations

from simulators.layout import DOLLAR
from simulators.models import fill_model
from utils.jit import njit


@njit
def half_nb(shares):
    """A whole number."""
    return float(int(shares / 2))


@fill_model("one_tick_worse", formula="half of it, some ticks behind the touch", params={"ticks": (1.0, 5.0)})
def one_tick_worse(ticket, params):
    """Answers in `shares` and `price` of the ticket."""
    ticket["shares"] = half_nb(ticket["wanted"])
    ticket["price"] = (ticket["touch"] + ticket["side"] * ticket["tick"] * params["ticks"]) / DOLLAR
