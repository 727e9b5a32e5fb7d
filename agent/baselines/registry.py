"""Baselines: one declaration and one short function each, found by looking through this package.

    @baseline("cash", about="never trades")
    def cash(contest):
        return contest.run(Cash())

The function trades the contest's days in the environment that the agent trades in, so costs, latency and size limits
are the same. Its lanes are draws x days, day fastest. A baseline with parameters gives a function `tune` as well, which
chooses them on training days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.ledger import Run
from agent.policy import Policy
from utils.registry import Registry

if TYPE_CHECKING:
    from agent.backtest import Backtest, Progress

Parameters = Mapping[str, Any]
"""Plain data by name, as JSON can hold it."""


class Contest(NamedTuple):
    """What a baseline is asked to do."""

    backtest: Backtest
    """The days and their terms."""
    ours: Run
    """The policy that is compared with it, on the same days."""
    parameters: Parameters
    """What its `tune` chose; empty if it has none."""
    progress: Progress | None

    def run(self, policy: Policy, *, copies: int = 1) -> Run:
        """Trade every day once per copy; single ones are traced."""
        return self.backtest.run(policy, copies=copies, traced=copies == 1, progress=self.progress)


Play = Callable[[Contest], Run]
Tune = Callable[["Backtest"], Parameters]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A baseline as declared."""

    name: str
    """As columns are called."""
    about: str
    play: Play
    tune: Tune | None


BASELINES: Registry[Baseline] = Registry("baseline", "agent.baselines", "the columns of a backtest")


def baseline(name: str, *, about: str, tune: Tune | None = None) -> Callable[[Play], Play]:
    """Register the decorated function."""

    def register(play: Play) -> Play:
        BASELINES.add(name, Baseline(name=name, about=about, play=play, tune=tune), play.__module__)
        return play

    return register


def tuned(training: Backtest) -> dict[str, Parameters]:
    """Parameters by baseline, chosen on the days of `training`."""
    return {name: each.tune(training) for name, each in BASELINES.all().items() if each.tune is not None}
