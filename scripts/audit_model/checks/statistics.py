"""What the held-out days themselves allow to be said."""

from __future__ import annotations

from agent.backtest_days import Found
from agent.statistics.intervals import Interval
from agent.statistics.verdict import HOLDS_UP, PROMISING, SESSIONS_TO_PROMISE, Reason, Verdict, judge
from scripts.audit.report import Figure, Report, Table
from scripts.audit_model.registry import Answer, check
from scripts.audit_model.subject import Subject
from scripts.backtesting import compare_model
from scripts.split_guard import in_sample

PASSING = (PROMISING, HOLDS_UP)
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
        in_sample=bool(in_sample(tested.test.about, tested.test.dates)),
        oracle_selected=subject.config.backtest.days == Found.ORACLE,
        synthetic=any(day.synthetic for day in tested.test.arrays.days),
    )
    passed = verdict.word in PASSING
    mean, sessions = tested.evaluation.mean, len(tested.evaluation.sessions.dates)
    figures = [
        Figure("in a word", verdict.word, " or ".join(PASSING), passed),
        Figure("net P&L per session", f"{mean.text()} $", "", None),
        Figure("sessions", str(sessions), "", None),
    ]
    rows = [[reason.text, GOOD[reason.good]] for reason in verdict.reasons]
    table = Table("reasons", "", ["reason", "speaks"], rows)
    return Answer(Report(figures, [table]), [Reason(_told(verdict, mean, sessions), passed)])


def _told(verdict: Verdict, mean: Interval, sessions: int) -> str:
    """The verdict in a sentence."""
    net = f"{mean.text()} $ net per session"
    if verdict.against:
        return f"The backtest in a word: {verdict.word}. {verdict.against[0].text}"
    if verdict.word in PASSING:
        return f"The backtest in a word: {verdict.word}, {net} over {sessions} held-out sessions."
    if sessions < SESSIONS_TO_PROMISE:
        few = f"{sessions} held-out sessions are too few to tell skill from luck, {SESSIONS_TO_PROMISE} are the least"
        return f"{few}; {net}."
    return f"The {sessions} held-out sessions are no evidence yet; {net}."
