"""What the held-out days themselves allow to be said."""

from __future__ import annotations

from agent.backtest_days import Found
from agent.statistics.verdict import HOLDS_UP, PROMISING, Reason, judge
from scripts.audit.report import Figure, Report, Table
from scripts.audit_model.registry import Answer, check
from scripts.audit_model.subject import Subject
from scripts.backtesting import compare_model
from scripts.split_guard import in_sample

GOOD = {True: "for it", False: "against it", None: "open"}


@check("statistics", order=6)
def statistics(subject: Subject) -> Answer:
    """Is what it earned on the held-out days more than luck?

    The evaluation of its backtest: the interval of net P&L per session, the lead over every baseline, the probability
    of skill after all tries, overfitting, and how much hangs on one session or one trade (see statistics.md).
    """
    tested = compare_model(subject.config, subject.market, str(subject.path))
    verdict = judge(
        tested.evaluation,
        in_sample=bool(in_sample(tested.about, tested.dates)),
        oracle_selected=subject.config.backtest.days == Found.ORACLE,
        synthetic=any(day.synthetic for day in tested.arrays.days),
    )
    passed = verdict.word in (PROMISING, HOLDS_UP)
    mean, sessions = tested.evaluation.mean, len(tested.evaluation.sessions.dates)
    figures = [
        Figure("in a word", verdict.word, f"{PROMISING} or {HOLDS_UP}", passed),
        Figure("net P&L per session", f"{mean.text()} $", "", None),
        Figure("sessions", str(sessions), "", None),
    ]
    rows = [[reason.text, GOOD[reason.good]] for reason in verdict.reasons]
    against = [reason.text for reason in verdict.against]
    told = f"The backtest in a word: {verdict.word}"
    told += f". {against[0]}" if against else f", {mean.text()} $ net per session over {sessions} held-out sessions."
    return Answer(Report(figures, [Table("reasons", "", ["reason", "speaks"], rows)]), [Reason(told, passed)])
