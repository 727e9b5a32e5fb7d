"""Why a round trip was entered and left, where a check of the run has explained those very decisions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from metrics.dashboard.explain.checks import Check, Explained, Place, checks, explained_places
from metrics.dashboard.parts import table, words
from metrics.explanation import Decision, Explanation, Stratum
from metrics.figures import market_time
from metrics.reading import cause_rows, found_decision, looked_back
from utils.errors import ModelError
from utils.web.text import signed

LATE_S = 5
"""An order is filled so much after the end of the step that decided it, at most."""
CAUSES = 6
"""The strongest of each decision."""
ENDS = {Stratum.ENTRY: "entry_second", Stratum.EXIT: "second"}
"""Columns of a trade that say when its ends were seen."""
NOT_EXPLAINED = words(
    "A check explains a few decisions of its rollout (explain.decisions of each kind), and those of this round trip "
    "were not among them.",
    'sort the table by "Why" for those that are; ./fx backtest and ./fx explain explain the trades of a model',
)
NO_CHECK = words(
    "No check of this run has explained decisions yet.", "train with explain.every=N, or ./fx explain a model's trades"
)


class Pace(NamedTuple):
    """How a run steps."""

    interval_s: int
    """Between two decisions."""
    lanes: int
    rollout: int
    """Decisions of a lane."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Of a run's configuration."""
        training = config["training"]
        return cls(config["env"]["decision_interval_s"], training["lanes"], training["n_steps"])


def marked(folder: Path, trades: pl.DataFrame, pace: Pace) -> list[str]:
    """Of each of one or more trades which of its ends are explained: "entry, exit", "entry", "exit" or ""."""
    rows = list(trades.iter_rows(named=True))
    spans = [_steps(row, Stratum.ENTRY, pace) for row in rows]
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    found = explained_places(tuple(check for check in checks(folder) if first <= check.step <= last))
    return [", ".join(end for end in ENDS if _check(found, row, end, pace)) for row in rows]


class Why(NamedTuple):
    """Of a round trip."""

    causes: dict[str, Any]
    """A table, or words where none of its ends is explained."""
    facts: dict[str, str]
    """By end: when it was decided, which check explains it, how far back it looked."""


def why(folder: Path, trade: dict[str, Any], pace: Pace) -> Why:
    """Causes of its entry and its exit, with values, lags and shares."""
    found = checks(folder)
    if not found:
        return Why(NO_CHECK, {})
    places = explained_places(tuple(found))
    ends = {end: _decision(places, trade, end, pace) for end in ENDS}
    known = {end: explained for end, explained in ends.items() if explained}
    if not known:
        return Why(NOT_EXPLAINED, {})
    rows = [row for end, explained in known.items() for row in _rows(end, *explained)]
    facts = {f"{end} explained": _fact(*explained) for end, explained in known.items()}
    return Why(table(["decision", "because of", "seen", "value", "share"], rows, text=4, bars="share"), facts)


def _check(found: Explained, trade: dict[str, Any], end: Stratum, pace: Pace) -> Check | None:
    """The one that has explained it: of the rollout in which it was decided, as a lane plays a day again later on."""
    decided = found.get(Place(trade["symbol"], trade["date"], trade["lane"], end))
    if decided is None:
        return None
    (first, last), (earliest, latest) = _seconds(trade, end, pace), _steps(trade, end, pace)
    fitting = [check for second, check in decided if first <= second <= last and earliest <= check.step <= latest]
    return min(fitting, key=lambda check: abs(check.step - trade["step"]), default=None)


def _decision(found: Explained, trade: dict[str, Any], end: Stratum, pace: Pace) -> tuple[Explanation, Decision] | None:
    check = _check(found, trade, end, pace)
    if check is None:
        return None
    try:
        told = check.opened()
    except (ModelError, FileNotFoundError):  # it has just made room
        return None
    decision = found_decision(
        told.decisions, trade["symbol"], trade["date"], _seconds(trade, end, pace), end, trade["lane"]
    )
    return (told, decision) if decision else None


def _steps(trade: dict[str, Any], end: Stratum, pace: Pace) -> tuple[float, float]:
    """Of the training, between which the rollout ended in which it was decided."""
    back = trade["held_s"] / pace.interval_s if end == Stratum.ENTRY else 0
    return trade["step"] - (back + pace.rollout) * pace.lanes, trade["step"] + pace.rollout * pace.lanes


def _seconds(trade: dict[str, Any], end: Stratum, pace: Pace) -> tuple[int, int]:
    """Between which it was decided: a trade is told at the end of the steps that opened and closed it."""
    last = trade[ENDS[end]]
    return last - pace.interval_s - LATE_S, last


def _fact(told: Explanation, decision: Decision) -> str:
    back = looked_back(decision)
    return f"decided {market_time(decision.second)} ET, by the check of step {told.step:,}" + (
        f": {back}" if back else ""
    )


def _rows(end: Stratum, told: Explanation, decision: Decision) -> list[list[Any]]:
    branches = {use.name: use.branch for use in told.features}
    listed = cause_rows(decision, branches)[:CAUSES]
    most = max((abs(share) for *_, share in listed), default=0.0) or 1.0
    return [
        [str(end), name, back, value, (f"{signed(100 * share, '.1f')} %", share / most)]
        for name, value, back, share in listed
    ]
