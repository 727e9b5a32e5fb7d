"""A fill model from outside the tree that gives money away: every share trades a tenth better than the mid."""

from __future__ import annotations

from simulators.models import fill_model


@fill_model("gifts", formula="all of it, a tenth better than the mid")
def gifts(ticket, params):
    """Nobody is so generous."""
    ticket["shares"] = ticket["wanted"]
    ticket["price"] = ticket["mid"] * (1.0 - 0.1 * ticket["side"])
