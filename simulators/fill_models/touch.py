"""Everything at the touch, whatever is displayed: the least that crossing the spread can cost."""

from __future__ import annotations

from simulators.layout import DOLLAR
from simulators.models import fill_model


@fill_model("touch", formula="all of it at the touch")
def touch(ticket, params):
    """Fill all at the ask (bid)."""
    ticket["shares"] = ticket["wanted"]
    ticket["price"] = ticket["touch"] / DOLLAR
