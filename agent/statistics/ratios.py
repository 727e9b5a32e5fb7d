"""Ratios of daily returns by their usual definitions (package empyrical), a year being 252 sessions.

Returns are daily P&L over the capital of the morning, zero days included; annualising seconds instead would multiply
noise of the book. A ratio that its sessions do not define is nan or infinite, as empyrical has it.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from agent.statistics.sessions import SESSIONS_A_YEAR, Series


class Ratios(NamedTuple):
    """Fractions a year, but for the drawdown."""

    annual_return: float
    """Compounded."""
    annual_volatility: float
    sharpe: float
    sortino: float
    calmar: float
    """Annual return over the greatest drawdown."""
    max_drawdown: float
    """Of the compounded returns, negative."""


def sharpe(returns: Series) -> float:
    """Mean over standard deviation (n - 1), times the root of 252; nan without two returns or without spread."""
    empyrical = _library()
    return float(empyrical.sharpe_ratio(returns, annualization=SESSIONS_A_YEAR))


def _library() -> Any:
    """Its annotations do not tell what it takes and returns."""
    import empyrical

    return empyrical


def ratios(returns: Series) -> Ratios:
    """All of them, of one return per session."""
    empyrical = _library()
    year = {"annualization": SESSIONS_A_YEAR}
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a year of one day overflows; it is told as inf
        return Ratios(
            annual_return=float(empyrical.annual_return(returns, **year)),
            annual_volatility=float(empyrical.annual_volatility(returns, **year)),
            sharpe=sharpe(returns),
            sortino=float(empyrical.sortino_ratio(returns, **year)),
            calmar=float(empyrical.calmar_ratio(returns, **year)),
            max_drawdown=float(empyrical.max_drawdown(returns)),
        )
