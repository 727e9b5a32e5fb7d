"""Round trips in figures."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import polars as pl


class Trades(NamedTuple):
    """Of round trips, net of all costs; dollars. Averages over none are nan."""

    round_trips: int
    win_rate: float
    """Share that earned something; one that earns nothing is no win."""
    profit_factor: float
    """What winners earned over what losers lost; infinite without losers."""
    expectancy: float
    """Mean."""
    average_win: float
    average_loss: float
    """Negative."""
    payoff: float
    """Average win over average loss, positive."""
    mae: float
    """Mean worst excursion at full size, negative."""
    mfe: float
    """Mean best excursion at full size."""
    captured: float
    """Net over what the best exits would have brought: sum of P&L over sum of MFE."""
    held_s: float
    """Median."""
    best: float
    """The round trip that earned most."""
    worst: float


def trade_figures(trades: pl.DataFrame) -> Trades:
    """trades: round trips (`agent.ledger.Run.trades`)."""
    pnl = trades["pnl"]
    won, lost = pnl.filter(pnl > 0), pnl.filter(pnl < 0)
    win, loss = _mean(won), _mean(lost)
    return Trades(
        round_trips=len(pnl),
        win_rate=_ratio(len(won), len(pnl)),
        profit_factor=_ratio(float(won.sum()), -float(lost.sum())),
        expectancy=_mean(pnl),
        average_win=win,
        average_loss=loss,
        payoff=win / -loss,
        mae=_mean(trades["mae_dollars"]),
        mfe=_mean(trades["mfe_dollars"]),
        captured=_ratio(float(pnl.sum()), float(trades["mfe_dollars"].sum())),
        held_s=float(np.median(trades["held_s"].to_numpy())) if len(pnl) else math.nan,
        best=float(pnl.to_numpy().max()) if len(pnl) else math.nan,
        worst=float(pnl.to_numpy().min()) if len(pnl) else math.nan,
    )


def _mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean()) if len(values) else math.nan


def _ratio(part: float, whole: float) -> float:
    """Infinite over nothing, nan for nothing over nothing."""
    if whole:
        return part / whole
    return math.inf if part > 0 else math.nan
