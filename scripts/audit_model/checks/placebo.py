"""A market with the same volume, spread and volatility, on which nothing can be earned."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.policy import Policy
from agent.statistics.intervals import mean_interval
from agent.statistics.verdict import Reason
from config.schema import Config
from scripts.audit.report import Figure, Report, Table
from scripts.audit_model.drawn import DRAWN, Drawn
from scripts.audit_model.registry import Answer, check
from scripts.audit_model.subject import QUICK_STEPS, Subject
from scripts.backtesting import Test
from scripts.pipeline import open_market
from scripts.seed_results import HeldOut, Pooled
from scripts.seed_runs import seed_runs
from utils.paths import anchored
from utils.web.text import money


class Traded(NamedTuple):
    """What one model did on the placebo's held-out days, dollars per session [S]."""

    name: str
    net: npt.NDArray[np.float64]
    gross: npt.NDArray[np.float64]  # every order at the mid of its decision
    trips: int


@check("placebo", order=3)
def placebo(subject: Subject) -> Answer:
    """Does the same training earn money where there is none to be earned?

    On the placebo market prices are a martingale: whatever profits there profits from an error. The model's own
    configuration is trained there with several seeds and backtested on its held-out days; the net P&L of all seeds,
    with its interval over sessions and over seeds, must not lie above 0. What has learnt not to trade proves little, so
    the same policies trade once more with decisions drawn from their probabilities. The audited model trades there too.
    """
    config, options = subject.placebo, subject.options
    market = open_market(config)
    held_out = HeldOut(config, market)
    runs = seed_runs(config, market, options.seeds, fresh=options.fresh)
    models = {f"seed {run.config.seed}": anchored(run.config.models) / run.version for run in runs}
    tests = {name: held_out.test(model) for name, model in {**models, subject.name: subject.path}.items()}
    plain = [_traded(name, test, test.policy) for name, test in tests.items()]
    drawn = [_traded(f"{name}, {DRAWN}", test, Drawn(test.policy, config.seed)) for name, test in tests.items()]
    *trained, ours = plain
    asked = {
        "net per session": _pooled(config, trained),
        f"{DRAWN}: net per session": _pooled(config, drawn[:-1]),
        f"{subject.name}: net per session": _pooled(config, [ours]),
        f"{subject.name}, {DRAWN}: net per session": _pooled(config, drawn[-1:]),
    }
    gross = mean_interval(np.mean([one.gross for one in drawn], axis=0), config.backtest.bootstrap_draws, config.seed)
    figures = [
        Figure("trainings", str(len(trained)), "", None),
        *itertools.chain.from_iterable(_figures(name, pooled) for name, pooled in asked.items()),
        Figure(f"{DRAWN}, all: gross per session", gross.text(), "", None),
        Figure("round trips of the trainings", f"{sum(one.trips for one in trained):,}", "", None),
    ]
    return Answer(Report(figures, [_table(subject, [*plain, *drawn])]), [_reason(trained, asked)])


def _traded(name: str, test: Test, policy: Policy) -> Traded:
    run = test.backtest.run(policy)
    return Traded(name, test.sessions(run.pnl).pnl, test.sessions(run.gross).pnl, int(run.trips.sum()))


def _pooled(config: Config, each: Sequence[Traded]) -> Pooled:
    return Pooled.of(np.array([one.net for one in each]), config.backtest.bootstrap_draws, config.seed)


def _figures(name: str, pooled: Pooled) -> Iterator[Figure]:
    yield Figure(f"{name}, over sessions", pooled.mean.text(), "not above 0", not pooled.mean.above_zero)
    if pooled.iqm.low < pooled.iqm.high:
        yield Figure(f"{name}, over seeds", pooled.iqm.text(), "not above 0", not pooled.iqm.above_zero)


def _table(subject: Subject, each: Sequence[Traded]) -> Table:
    rows = [
        [
            one.name,
            str(len(one.net)),
            f"{one.trips:,}",
            money(float(one.gross.mean())),
            f"${(one.gross - one.net).mean():,.2f}",
            money(float(one.net.mean())),
        ]
        for one in each
    ]
    note = f"Dollars per session. Trained for {subject.training.training.total_steps:,} steps each"
    note += f", {QUICK_STEPS:,} at most with --quick." if subject.options.quick else "."
    return Table("on the placebo", note, ["who", "sessions", "round trips", "gross", "costs", "net"], rows)


def _reason(trained: Sequence[Traded], asked: Mapping[str, Pooled]) -> Reason:
    for name, pooled in asked.items():
        for figure in pooled:
            if figure.above_zero:
                told = f"Where there is no signal it earns money all the same ({name} {figure.text()} $): an error."
                return Reason(told, False)
    seeds = f"{len(trained)} seeds"
    if not any(one.trips for one in trained):
        return Reason(f"Trained on a market without signal ({seeds}) it learns not to trade.", True)
    told = f"{next(iter(asked.values())).mean.text()} $ per session, {seeds}"
    return Reason(f"Trained on a market without signal it earns nothing: {told}.", True)
