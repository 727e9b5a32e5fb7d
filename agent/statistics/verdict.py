"""What a backtest allows to be said, in one word and with the reasons: rather too little than too much.

- "loses money": the whole 95 % interval of the mean per session is below 0, however few they are: a warning takes less
  than a promise.
- "holds up": every reason speaks for it. That takes `SESSIONS_TO_HOLD` sessions, a mean above 0 and a lead over every
  baseline beyond their intervals, a DSR of 95 % after all tries, little overfitting, and a profit that does not hang on
  one session or one round trip.
- "promising": a mean above 0 beyond its interval and a PSR of 95 % over `SESSIONS_TO_PROMISE` sessions, and no reason
  that speaks against it; some are still open.
- "too few sessions": the same over fewer.
- "no evidence": everything else. So is all that was chosen with hindsight, however much it earns: days that the policy
  was trained on, days that were picked after the fact.

The limits are conventions: 95 % as anywhere, and the others as each says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from agent.statistics.evaluation import Evaluation, Lead
from agent.statistics.intervals import Interval
from agent.statistics.luck import CONFIDENCE
from utils.web.text import money, share

LOSES, NO_EVIDENCE, TOO_FEW, PROMISING, HOLDS_UP = (
    "loses money",
    "no evidence",
    "too few sessions",
    "promising",
    "holds up",
)

SESSIONS_TO_PROMISE = 10
"""With fewer, bootstrap intervals are far too narrow."""
SESSIONS_TO_HOLD = 60
"""A quarter of a year: more than one mood of the market."""
SMALL_P = 1 - CONFIDENCE
FINE_PBO, BAD_PBO = 0.1, 0.5
"""At 0.5 picking the best is no better than drawing lots."""
FINE_SESSION, BAD_SESSION = 0.25, 0.5
"""Share of the profit that one session may bring."""
FINE_TRIP, BAD_TRIP = 0.1, 0.3
"""Share of the profit that one round trip may bring."""


class Reason(NamedTuple):
    """One figure and what it says."""

    text: str
    good: bool | None
    """True speaks for it, False against it; None: open."""


class Verdict(NamedTuple):
    """One word and why."""

    word: str
    reasons: list[Reason]

    @property
    def against(self) -> list[Reason]:
        """What speaks against it."""
        return [reason for reason in self.reasons if reason.good is False]


def judge(
    evaluation: Evaluation, *, in_sample: bool = False, oracle_selected: bool = False, synthetic: bool = False
) -> Verdict:
    """in_sample: the policy was trained or chosen on some of these days; oracle_selected: the days were chosen after
    the fact; synthetic: of a generated market. Reasons come in the order in which they matter.
    """
    reasons = [
        *_labels(in_sample, oracle_selected, synthetic),
        *_profit(evaluation),
        *map(_lead, evaluation.leads),
        *_luck(evaluation),
        *_concentration(evaluation),
    ]
    return Verdict(_word(evaluation, reasons, in_sample or oracle_selected, synthetic), reasons)


def _word(evaluation: Evaluation, reasons: list[Reason], hindsight: bool, synthetic: bool) -> str:
    sessions = len(evaluation.sessions.dates)
    traded = evaluation.trades.round_trips > 0
    if traded and evaluation.mean.high < 0:
        return LOSES
    gains = traded and evaluation.mean.above_zero and evaluation.probabilistic_sharpe >= CONFIDENCE
    against = any(reason.good is False for reason in reasons)
    if hindsight or against or not gains:
        return NO_EVIDENCE
    if sessions < SESSIONS_TO_PROMISE:
        return TOO_FEW
    still_open = sum(reason.good is None for reason in reasons) - synthetic  # that label stays whatever is shown
    return PROMISING if still_open or sessions < SESSIONS_TO_HOLD else HOLDS_UP


def _labels(in_sample: bool, oracle_selected: bool, synthetic: bool) -> Iterator[Reason]:
    if in_sample:
        yield Reason("In sample: the policy has seen some of these days, so this says nothing about others.", False)
    if oracle_selected:
        yield Reason("Oracle-selected: days chosen after the fact; nobody could have known to trade them.", False)
    if synthetic:
        yield Reason("Synthetic market: this shows that the machinery works, and nothing about real stocks.", None)


def _profit(evaluation: Evaluation) -> Iterator[Reason]:
    if not evaluation.trades.round_trips:
        yield Reason("It never traded: there is nothing to judge.", None)
        return
    yield Reason(
        f"Net P&L per session {_with_interval(evaluation.mean)}.",
        True if evaluation.mean.above_zero else False if evaluation.mean.value <= 0 else None,
    )
    power = evaluation.power
    if power.sessions < 2 or not power.deviation:
        yield Reason(power.text, None)
        return
    yield Reason(
        f"With {power.sessions} sessions a mean below {money(power.indistinct, plus=False)} cannot be told from luck, "
        f"and a true one of {money(power.detectable, plus=False)} would be found out four times out of five.",
        True if evaluation.mean.value >= power.indistinct else None,
    )


def _with_interval(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return f"{money(interval.value)}, too few sessions for an interval"
    return f"{money(interval.value)}, 95 % interval {money(interval.low)} to {money(interval.high)}"


def _lead(lead: Lead) -> Reason:
    """Over one baseline."""
    name, ahead = lead.over.replace("_", " "), lead.dollars
    if ahead.value <= 0:
        return Reason(f"Not ahead of {name}: {_with_interval(ahead)} per session.", False)
    told = f"Ahead of {name} by {_with_interval(ahead)} per session; SPA p = {lead.luck.p:.3f}."
    return Reason(told, True if ahead.above_zero and lead.luck.p < SMALL_P else None)


def _luck(evaluation: Evaluation) -> Iterator[Reason]:
    if not evaluation.trades.round_trips:
        return
    if evaluation.leads and evaluation.beaten.p < SMALL_P:
        yield Reason(f"A baseline is better (SPA p = {evaluation.beaten.p:.3f}).", False)
    psr, dsr, tries = evaluation.probabilistic_sharpe, evaluation.deflated_sharpe, evaluation.tried.policies
    if math.isnan(psr):
        yield Reason("Too few sessions for a Sharpe ratio that means anything.", None)
        return
    yield Reason(f"PSR {share(psr, 1)}: probability that the true Sharpe ratio is above 0.", _probability(psr))
    many = f"all {tries:,} tries" if tries > 1 else "the only try"
    yield Reason(f"DSR {share(dsr, 1)}: the same after {many} on these data.", _probability(dsr))
    yield from _overfitting(evaluation)
    needed, sessions = evaluation.min_track_record, len(evaluation.sessions.dates)
    if math.isfinite(needed):
        long_enough = sessions >= max(needed, SESSIONS_TO_HOLD)
        wanted = max(math.ceil(needed), SESSIONS_TO_HOLD)
        told = f"{sessions} sessions; {wanted:,} are needed ({math.ceil(needed):,} for the PSR at this rate)."
        yield Reason(told, True if long_enough else None)
    else:
        yield Reason(f"{sessions} sessions; no number of them would do at this rate.", False)


def _probability(value: float) -> bool | None:
    """95 % and more speak for it, less than an even chance against."""
    return True if value >= CONFIDENCE else False if value < 0.5 else None


def _overfitting(evaluation: Evaluation) -> Iterator[Reason]:
    found = evaluation.overfitting
    if found is not None:
        good = True if found.probability <= FINE_PBO else False if found.probability >= BAD_PBO else None
        yield Reason(f"PBO {share(found.probability)}: probability that picking the best was overfitting.", good)
    elif evaluation.tried.policies > 1:
        yield Reason("PBO unknown: no other try covers these very sessions, or they are too few.", None)


def _concentration(evaluation: Evaluation) -> Iterator[Reason]:
    """How much of the profit hangs on one session, on one round trip."""
    net = float(evaluation.sessions.pnl.sum())
    if net <= 0:
        return
    for what, best, fine, bad in (
        ("session", evaluation.days.best, FINE_SESSION, BAD_SESSION),
        ("round trip", evaluation.trades.best, FINE_TRIP, BAD_TRIP),
    ):
        part = best / net
        good = True if part <= fine else False if part > bad else None
        yield Reason(f"The best {what} brought {money(best)}, {share(part)} of the profit.", good)
