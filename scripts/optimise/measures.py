"""What a trial is worth, from its net P&L per validation session: a lower bound, and figures for constraints.

The reward that it was trained for is nowhere in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.statistics.intervals import LEAST_SESSIONS, mean_interval
from agent.statistics.luck import Tried, deflated_sharpe, sharpe_per_session
from agent.statistics.ratios import ratios
from agent.statistics.seeds import iqm_interval
from config.schema.optuna import ConstraintConfig, ObjectiveConfig
from utils.errors import ConfigError, nearest


class Scored(NamedTuple):
    """One training on the validation sessions, under one set of conditions."""

    pnl: list[float]
    """Net dollars per session [S]."""
    capital: float
    """Dollars every morning."""
    trips: int
    """Round trips in all."""

    @property
    def mean(self) -> float:
        """Dollars per session."""
        return float(np.mean(self.pnl))


Outcome = dict[str, Scored]
"""One training, by the name of the conditions."""


def outcome_of(plain: dict[str, Any]) -> Outcome:
    """From JSON."""
    return {name: Scored(**value) for name, value in plain.items()}


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """For JSON."""
    return {name: scored._asdict() for name, scored in outcome.items()}


def _pnl(outcomes: Sequence[Outcome], name: str) -> npt.NDArray[np.float64]:
    """[seeds, sessions]"""
    return np.array([outcome[name].pnl for outcome in outcomes], np.float64)


def lower_bound(pnl: npt.NDArray[np.float64], draws: int, seed: int) -> float:
    """Net dollars per session that chance alone hardly undercuts; pnl: [seeds, sessions].

    The lower end of the 95 % interval of the mean per session by stationary bootstrap (`mean_interval`, each session by
    its mean over the seeds); with several seeds, that of the interquartile mean by stratified bootstrap over the seeds
    (`iqm_interval`) if it is less.
    """
    by_session = mean_interval(pnl.mean(axis=0), draws, seed).low
    return by_session if len(pnl) == 1 else min(by_session, iqm_interval(pnl, draws, seed).low)


def objective(outcomes: Sequence[Outcome], config: ObjectiveConfig, seed: int) -> float:
    """The lower bound under the conditions where it is least."""
    return min(lower_bound(_pnl(outcomes, name), config.draws, seed) for name in outcomes[0])


def require_sessions(count: int) -> None:
    """Raises ConfigError where there are too few validation sessions for a bound."""
    if count < LEAST_SESSIONS:
        raise ConfigError(
            f"{count} validation sessions make no lower bound",
            where="split.validation",
            fix=f"a larger split.validation, or more days: {LEAST_SESSIONS} sessions at least",
        )


def _worst(outcomes: Sequence[Outcome], figure: Callable[[npt.NDArray[np.float64], float], float]) -> float:
    """The greatest figure of returns over all seeds and conditions."""
    return max(figure(np.array(one.pnl), one.capital) for outcome in outcomes for one in outcome.values())


def drawdown(outcomes: Sequence[Outcome]) -> float:
    """Greatest drawdown over the sessions, share of the capital; of the worst seed and conditions."""
    return _worst(outcomes, lambda pnl, capital: abs(ratios(pnl / capital).max_drawdown))


def worst_session(outcomes: Sequence[Outcome]) -> float:
    """Loss of the worst session, share of the capital; of the worst seed and conditions."""
    return _worst(outcomes, lambda pnl, capital: -float(pnl.min()) / capital)


def mean(outcomes: Sequence[Outcome]) -> float:
    """Net dollars per session over seeds, the worst conditions."""
    return min(float(_pnl(outcomes, name).mean()) for name in outcomes[0])


def trips_per_session(outcomes: Sequence[Outcome]) -> float:
    """Round trips per session, mean over the seeds, the conditions with the fewest."""
    return min(
        float(np.mean([outcome[name].trips / len(outcome[name].pnl) for outcome in outcomes])) for name in outcomes[0]
    )


MEASURES: dict[str, Callable[[Sequence[Outcome]], float]] = {
    "drawdown": drawdown,
    "worst_session": worst_session,
    "mean": mean,
    "trips_per_session": trips_per_session,
}
"""What constraints may limit."""


def violations(outcomes: Sequence[Outcome], constraints: Sequence[ConstraintConfig]) -> dict[str, float]:
    """By how much each limit is broken; 0 and less is kept."""
    found: dict[str, float] = {}
    for limit in constraints:
        value = MEASURES[limit.measure](outcomes)
        if limit.most is not None:
            found[f"{limit.measure} at most {limit.most:g}"] = value - limit.most
        if limit.least is not None:
            found[f"{limit.measure} at least {limit.least:g}"] = limit.least - value
    return found


def check_constraints(constraints: Sequence[ConstraintConfig]) -> None:
    """Raises ConfigError for a measure that there is not."""
    for limit in constraints:
        if limit.measure not in MEASURES:
            near = nearest(limit.measure, MEASURES)
            fix = f"use one of: {', '.join(MEASURES)}"
            raise ConfigError(
                f"no measure is called {limit.measure!r}", where="optuna.objective.constraints", near=near, fix=fix
            )


def deflated(pnl: Sequence[npt.NDArray[np.float64]], best: int) -> float:
    """DSR of one of several tries on the same sessions: probability that its Sharpe ratio is more than the luck of the
    best of so many. pnl: dollars per session [S] of each try, `best` among them; nan without spread.
    """
    ratios_ = [sharpe_per_session(one) for one in pnl]
    deviation = float(np.std(ratios_, ddof=1)) if len(ratios_) > 1 else 0.0
    return deflated_sharpe(pnl[best], Tried(len(pnl), deviation))
