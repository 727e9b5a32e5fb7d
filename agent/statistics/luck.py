"""How much of a Sharpe ratio may be luck: of few sessions, of crooked returns, of many tries.

Sharpe ratios are per session here, not per year. Sources: Bailey and Lopez de Prado, "The Sharpe Ratio Efficient
Frontier" (2012) and "The Deflated Sharpe Ratio" (2014); the formulas are skfolio's where it has them.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from agent.statistics.sessions import SESSIONS_A_YEAR, Series
from utils.web.text import money

CONFIDENCE = 0.95
"""What a probability has to reach."""
POWER = 0.8
"""Share of equally good policies that are to be found out."""
NORMAL = NormalDist()


def sharpe_per_session(returns: Series) -> float:
    """Mean over standard deviation (n - 1); 0 without spread, which is what doing nothing deserves."""
    if len(returns) < 2 or np.ptp(returns) == 0:
        return 0.0
    return float(returns.mean() / returns.std(ddof=1))


def probabilistic_sharpe(returns: Series, benchmark: float = 0.0) -> float:
    """PSR: probability that the true Sharpe ratio is above `benchmark`; nan below 3 sessions or without spread."""
    from skfolio.measures import probabilistic_sharpe_ratio

    return float(probabilistic_sharpe_ratio(returns, benchmark))


class Tried(NamedTuple):
    """How much was tried."""

    policies: int
    """Different policies and conditions; at least 1."""
    deviation: float
    """Standard deviation of their Sharpe ratios per session; 0 for less than two."""


def expected_max_sharpe(tried: Tried) -> float:
    """What the best of so many tries reaches without any skill; 0 for a single one.

    It takes them for independent: tries that resemble one another reach less, so this asks rather too much.
    """
    from skfolio.measures import expected_max_sharpe_ratio

    return float(expected_max_sharpe_ratio(tried.policies, tried.deviation))


def deflated_sharpe(returns: Series, tried: Tried) -> float:
    """DSR: the PSR against `expected_max_sharpe`; 0.95 and more is taken for skill."""
    return probabilistic_sharpe(returns, expected_max_sharpe(tried))


def min_track_record(returns: Series, benchmark: float = 0.0, confidence: float = CONFIDENCE) -> float:
    """Sessions at which a PSR of `confidence` would be reached if the returns went on like this.

    Infinite if the Sharpe ratio is not above `benchmark`.
    """
    from skfolio.measures import kurtosis, skew

    ratio = sharpe_per_session(returns)
    if not ratio > benchmark:
        return math.inf
    crooked = 1 - float(skew(returns)) * ratio + (float(kurtosis(returns)) - 1) / 4 * ratio**2
    return 1 + crooked * (NORMAL.inv_cdf(confidence) / (ratio - benchmark)) ** 2


class Power(NamedTuple):
    """What so many sessions of such volatility can tell at all."""

    sessions: int
    deviation: float
    """Dollars per session, standard deviation."""
    indistinct: float
    """A mean below it, dollars per session, cannot be told from 0 (two-sided t-test at 5 %)."""
    detectable: float
    """A policy with this true mean is told from 0 in 80 % of such stretches (normal approximation)."""
    lucky_sharpe: float
    """Annualised; a policy without skill reaches it in one stretch out of twenty."""
    trials: int
    best_lucky_sharpe: float
    """Annualised; what the best of so many policies without skill reaches on average."""

    @property
    def text(self) -> str:
        """In sentences."""
        if self.sessions < 2:
            return "A single session tells nothing."
        if not self.deviation:
            return f"{self.sessions} sessions without any spread tell nothing."
        best = f"; the best of {self.trials:,} tries averages {self.best_lucky_sharpe:.1f}" if self.trials > 1 else ""
        spread, low, high = (money(x, plus=False) for x in (self.deviation, self.indistinct, self.detectable))
        return (
            f"With {self.sessions} sessions and a standard deviation of {spread}, a mean below {low} per session "
            f"cannot be told from luck, and only one of {high} would be found out four times out of five. "
            f"Without skill, an annualised Sharpe ratio of {self.lucky_sharpe:.1f} comes up in one stretch "
            f"out of twenty{best}."
        )


def power(pnl: Series, trials: int = 1) -> Power:
    """Of one figure per session, dollars. trials: how many policies were tried, this one included."""
    from scipy.stats import t

    count = len(pnl)
    if count < 2:
        return Power(count, 0.0, math.inf, math.inf, math.inf, trials, math.inf)
    deviation = float(pnl.std(ddof=1))
    error = deviation / math.sqrt(count)
    critical = float(t.ppf(1 - (1 - CONFIDENCE) / 2, count - 1))
    year = math.sqrt(SESSIONS_A_YEAR / count)
    return Power(
        sessions=count,
        deviation=deviation,
        indistinct=critical * error,
        detectable=(critical + NORMAL.inv_cdf(POWER)) * error,
        lucky_sharpe=NORMAL.inv_cdf(CONFIDENCE) * year,
        trials=trials,
        best_lucky_sharpe=expected_max_sharpe(Tried(trials, 1.0)) * year,
    )
