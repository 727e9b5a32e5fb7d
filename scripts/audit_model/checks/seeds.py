"""The same training again, with other seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.statistics.verdict import Reason
from scripts.audit.report import Figure, Report, Table
from scripts.audit_model.registry import Answer, check
from scripts.audit_model.subject import QUICK_STEPS, Subject
from scripts.seed_results import Pooled, SeedResult, pooled
from utils.web.text import money


@check("seeds", order=5)
def seeds(subject: Subject) -> Answer:
    """Does the training work, or was one seed lucky?

    A single training may have been lucky. The model's own configuration is trained again with several seeds (the model
    itself stands for its own), and each trades the held-out days: the interquartile mean of net P&L has to lie above 0
    with its interval over the seeds, and every training above every baseline.
    """
    results = [subject.held_out.judged(run) for run in subject.trainings()]
    figures = pooled(results, subject.config.backtest.bootstrap_draws, subject.config.seed)
    agent, beating = figures["agent"], sum(one.beats_all for one in results)
    asked = [
        Figure("interquartile mean per session, over seeds", agent.iqm.text(), "above 0", agent.iqm.above_zero),
        Figure("mean per session, over sessions", agent.mean.text(), "", None),
        Figure("trainings above every baseline", f"{beating} of {len(results)}", "all", beating == len(results)),
        *(_above(name, results) for name in results[0].baselines),
    ]
    tables = [_by_seed(subject, results), _leads(figures)]
    return Answer(Report(asked, tables), [_reason(agent, beating, results)])


def _above(baseline: str, results: Sequence[SeedResult]) -> Figure:
    count = sum(bool(one.agent.mean() > one.baselines[baseline].mean()) for one in results)
    return Figure(f"above {baseline.replace('_', ' ')}", f"{count} of {len(results)}", "", None)


def _by_seed(subject: Subject, results: Sequence[SeedResult]) -> Table:
    names = list(results[0].baselines)
    rows = [
        [str(one.seed), *(money(float(pnl.mean())) for pnl in (one.agent, *(one.baselines[n] for n in names)))]
        for one in results
    ]
    steps = subject.training.training.total_steps
    note = f"Trained for {steps:,} steps each"
    note += f", {QUICK_STEPS:,} at most with --quick." if subject.options.quick else "."
    head = ["seed", "agent", *(name.replace("_", " ") for name in names)]
    return Table("net P&L per held-out session, by training", note, head, rows)


def _leads(figures: dict[str, Pooled]) -> Table:
    rows = [[name, figure.mean.text(), figure.iqm.text()] for name, figure in figures.items()]
    return Table("all trainings together", "Dollars per session.", ["", "mean, over sessions", "IQM, over seeds"], rows)


def _reason(agent: Pooled, beating: int, results: Sequence[SeedResult]) -> Reason:
    count, lost = len(results), int(np.sum([one.agent.mean() <= 0 for one in results]))
    if lost:
        return Reason(f"{lost} of {count} trainings that differ by seed alone earn nothing or lose money.", False)
    if beating < count:
        return Reason(f"Only {beating} of {count} trainings that differ by seed alone beat every baseline.", False)
    told = f"All {count} trainings that differ by seed alone beat every baseline; {agent.iqm.text()} $ per session."
    return Reason(told, True if agent.iqm.above_zero else None)
