"""All round trips as columns, for the list and the scatter of the page."""

from __future__ import annotations

from typing import Any

import polars as pl

from agent.explaining import ENTRY, EXIT, telling_trades
from agent.ledger import Run
from agent.tables import COST_PARTS

DIGITS = {
    "shares": 0,
    "entry_price": 4,
    "exit_price": 4,
    "gross": 2,
    "costs": 2,
    "pnl": 2,
    "mae_dollars": 2,
    "mfe_dollars": 2,
    "mae": 5,
    "mfe": 5,
    "quality": 2,
    "reward": 4,
}
"""Figures and what they are rounded to."""
WHOLE = ("lane", "entry_second", "exit_second", "held_s", ENTRY, EXIT)
WORDS = ("side", "closed_by", "pattern")


def trips(run: Run) -> dict[str, list[Any]]:
    """By column: figures rounded, None for what is unknown and for ends that the policy did not decide."""
    told = telling_trades(run, len(run.trades)).with_columns(pl.sum_horizontal(*COST_PARTS).alias("costs"))
    figures = [pl.col(name).cast(pl.Float64).fill_nan(None).round(digits) for name, digits in DIGITS.items()]
    return told.select(*WHOLE, *WORDS, *figures).to_dict(as_series=False)
