"""All that is to be known of one policy over one set of sessions, in one value."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.ledger import Run
from agent.statistics.days import Activity, Days, Drawdown, activity, day_figures, drawdowns
from agent.statistics.intervals import Interval, mean_interval, sharpe_interval
from agent.statistics.luck import Power, Tried, deflated_sharpe, min_track_record, power, probabilistic_sharpe
from agent.statistics.overfitting import Overfitting, can_be_halved, overfitting
from agent.statistics.ratios import Ratios, ratios
from agent.statistics.sessions import Series, Sessions
from agent.statistics.superiority import Superiority, superiority
from agent.statistics.trades import Trades, trade_figures


class Lead(NamedTuple):
    """How far a policy is ahead of a baseline, session by session."""

    over: str
    dollars: Interval
    """Per session."""
    luck: Superiority
    """Of the hypothesis that no policy tried on these sessions is better than the baseline."""


class Evaluation(NamedTuple):
    """Dollars are net of all costs, Sharpe ratios annualised, unless it says otherwise."""

    sessions: Sessions
    mean: Interval
    """Dollars per session."""
    sharpe: Interval
    ratios: Ratios
    probabilistic_sharpe: float
    """Probability that the true Sharpe ratio is above 0."""
    deflated_sharpe: float
    """The same, above what the best of all tries reaches by luck."""
    min_track_record: float
    """Sessions that it would take to be sure; infinite without a gain."""
    tried: Tried
    power: Power
    leads: list[Lead]
    beaten: Superiority
    """Of the hypothesis that no baseline is better: a small p says that one is."""
    overfitting: Overfitting | None
    """Of picking the best of the policies tried on these sessions; None if they are too few."""
    days: Days
    drawdowns: list[Drawdown]
    """Deepest first."""
    trades: Trades
    activity: Activity

    def plain(self) -> dict[str, Any]:
        """For JSON: nan and infinity become None, which JSON has; the odds of each halving are left out."""
        plain = _plain(self)
        if self.overfitting is not None:
            del plain["overfitting"]["logits"]
        return plain


def evaluate(
    run: Run,
    sessions: Sessions,
    baselines: Mapping[str, Series],
    *,
    draws: int,
    seed: int,
    tried: Tried | None = None,
    policies: npt.NDArray[np.float64] | None = None,
) -> Evaluation:
    """run: the policy; sessions: its P&L; baselines: P&L per session of each, dollars [S].

    draws: of every bootstrap; tried: all tries, this one included (None: it is the only one); policies: P&L per
    session of the tries on these very sessions [S, K], among which it was picked (None: it alone).
    """
    pnl, returns = sessions.pnl, sessions.returns
    known = tried or Tried(1, 0.0)
    picked = pnl[:, None] if policies is None else policies
    leads = [
        Lead(name, mean_interval(pnl - theirs, draws, seed), superiority(theirs, picked, draws, seed))
        for name, theirs in baselines.items()
    ]
    rivals = np.array(list(baselines.values())).reshape(len(baselines), len(pnl)).T
    return Evaluation(
        sessions=sessions,
        mean=mean_interval(pnl, draws, seed),
        sharpe=sharpe_interval(returns, draws, seed),
        ratios=ratios(returns),
        probabilistic_sharpe=probabilistic_sharpe(returns),
        deflated_sharpe=deflated_sharpe(returns, known),
        min_track_record=min_track_record(returns),
        tried=known,
        power=power(pnl, known.policies),
        leads=leads,
        beaten=superiority(pnl, rivals, draws, seed),
        overfitting=overfitting(picked) if can_be_halved(picked) else None,
        days=day_figures(pnl),
        drawdowns=drawdowns(sessions),
        trades=trade_figures(run.trades),
        activity=activity(run, sessions),
    )


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
