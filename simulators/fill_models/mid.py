"""Everything at the mid: what a backtest without costs assumes. For comparison only."""

from __future__ import annotations

from simulators.models import fill_model


@fill_model("mid", formula="all of it at the mid")
def mid(ticket, params):
    """Fill all at the mid."""
    ticket["shares"] = ticket["wanted"]
    ticket["price"] = ticket["mid"]
