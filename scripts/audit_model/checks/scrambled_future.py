"""The whole chain with another future: market, trigger, features, policy, orders, fills, equity."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay
from agent.policy_runner import PolicyRunner
from agent.statistics.verdict import Reason
from ai.device import open_device
from ai.feature_store import open_store
from data.market_day import MarketDay
from data.scanner.trigger import find_trigger
from feature.feature_day import FeatureDay
from scripts.audit.market import LOG_EVERY_S
from scripts.audit.report import Figure, Report, Table, none_of
from scripts.audit_features.causality import Future
from scripts.audit_model.checks.causality import liveliest, with_planted
from scripts.audit_model.drawn import DRAWN, Drawn
from scripts.audit_model.other_futures import FUTURES, with_other_future
from scripts.audit_model.planted import leaking, peeking
from scripts.audit_model.registry import Answer, check
from scripts.audit_model.replay import Replay, Trader, replay
from scripts.audit_model.subject import Subject
from scripts.progress import counted
from utils.seeding import stream

DAYS, QUICK_DAYS = 3, 1
CUTS = 6
"""A day."""
MODEL = "model"
PARTS = ("trigger", "features", "actions", "fills", "equity")
PLANTED = ("policy that looks ahead", "feature that looks ahead")


class Trial(NamedTuple):
    """One cut of one day."""

    day: MarketDay
    features: FeatureDay
    """Those that the backtest reads."""
    traded: BacktestDay
    cut: int
    future: Future
    """What becomes of everything from then on."""

    def other(self, seed: int) -> MarketDay:
        """The day with that future."""
        rng = stream(seed, "audit", "future", self.day.name, str(self.cut))
        return with_other_future(self.day, self.cut, self.future, rng)


@check("scrambled_future", order=2)
def scrambled_future(subject: Subject) -> Answer:
    """Does the model's trading on a day depend on what comes later that day?

    The causality of single features is not that of the whole: the trigger, the policy's windows, the environment and
    the fills could look ahead too. Everything that arrives after a cut is replaced (sevenfold, noise, nothing,
    silence), the features are built again and the model trades the day again: what it did and what it had up to the cut
    must stay, bit for bit. A policy and a feature that look ahead go through the same and must be caught.
    """
    test, seed = subject.test.backtest, subject.config.seed
    traders: dict[str, Trader] = {MODEL: _trader(subject), DRAWN: _drawn(subject)}
    traders |= zip(PLANTED, (peeking, leaking(with_planted(subject.config.feature))), strict=True)
    whole: dict[tuple[str, str], Replay] = {}
    trials = list(_trials(subject, whole))
    changed: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    for trial in counted(trials, "other futures", LOG_EVERY_S):
        other = trial.other(seed)
        found = _standing(subject, trial, other)
        for name, trader in traders.items():
            parts = _traded(test, trial, other, _whole(test, trial, name, trader, whole), trader)
            if name in PLANTED:
                caught[name] += bool(parts)
            else:
                found |= parts
        changed.update(found)
    figures = [none_of(f"{part} that changed", changed[part], len(trials)) for part in PARTS]
    figures += [_caught(name, caught[name], len(trials)) for name in PLANTED]
    return Answer(Report(figures, [_table(trials, whole)]), [_reason(changed, caught, len(trials))])


def _trials(subject: Subject, whole: dict[tuple[str, str], Replay]) -> Iterator[Trial]:
    """Cuts behind decisions, half of them behind one that was no HOLD: before or after its order met the market."""
    test = subject.test
    rows = {day.name: row for row, day in enumerate(test.arrays.days)}
    for day in liveliest(test.arrays.days, QUICK_DAYS if subject.options.quick else DAYS):
        rng = stream(subject.config.seed, "audit", "cuts", day.name)
        features, traded = test.arrays.features[rows[day.name]], test.backtest.days[rows[day.name]]
        first = Trial(day, features, traded, 0, Future.SILENCE)
        model = _whole(test.backtest, first, MODEL, _trader(subject), whole)
        drawn = _whole(test.backtest, first, DRAWN, _drawn(subject), whole)
        acted = model.acted if len(model.acted) else drawn.acted
        some = rng.choice(acted, min(CUTS // 2, len(acted)), replace=False)
        rest = rng.choice(model.seconds[1:], min(CUTS - len(some), len(model.seconds) - 1), replace=False)
        for number, second in enumerate(sorted({*some.tolist(), *rest.tolist()})):
            cut = second + 1 + int(rng.integers(2))
            yield Trial(day, features, traded, cut, FUTURES[number % len(FUTURES)])


def _trader(subject: Subject) -> Callable[[MarketDay], PolicyRunner]:
    """The model itself, on features that are built anew."""
    schema, device = subject.market.extractor.schema, subject.config.training.device

    def trader(day: MarketDay) -> PolicyRunner:
        store = open_store([subject.market.extractor.build(day)], open_device(device), 0)
        return PolicyRunner.load(subject.path, store, schema, device=device)

    return trader


def _drawn(subject: Subject) -> Trader:
    """The model, but each decision is drawn from its probabilities, as in training."""
    trader = _trader(subject)
    return lambda day: Drawn(trader(day), subject.config.seed)


def _standing(subject: Subject, trial: Trial, other: MarketDay) -> set[str]:
    """Which of trigger and features are others before the cut."""
    seconds = [find_trigger(day, subject.config.scanner.trigger).second for day in (trial.day, other)]
    then, now = (second if 0 <= second < trial.cut else None for second in seconds)
    same = _known(trial.features, trial.cut) == _known(subject.market.extractor.build(other), trial.cut)
    return {part for part, differs in (("trigger", then != now), ("features", not same)) if differs}


def _known(features: FeatureDay, cut: int) -> tuple[bytes, ...]:
    """What rests on the first `cut` seconds."""
    tables = (features.hf[:cut], features.mf[: cut // 60], features.lf, features.static[:cut])
    return tuple(np.ascontiguousarray(table).tobytes() for table in tables)


def _whole(test: Backtest, trial: Trial, name: str, trader: Trader, known: dict[tuple[str, str], Replay]) -> Replay:
    """The day as it was, traded once by each."""
    key = (name, trial.day.name)
    if key not in known:
        known[key] = replay(test, trial.day, trial.traded, trader)
    return known[key]


def _traded(test: Backtest, trial: Trial, other: MarketDay, whole: Replay, trader: Trader) -> set[str]:
    """Which of actions, fills and equity are others before the cut."""
    then = whole.before(trial.cut)
    now = replay(test, other, trial.traded, trader).before(trial.cut)
    return {part for part, a, b in zip(PARTS[2:], then, now, strict=True) if a != b}


def _caught(name: str, found: int, of: int) -> Figure:
    return Figure(f"planted {name}: caught", f"{found} of {of}", "1 or more", found > 0)


def _table(trials: Sequence[Trial], whole: dict[tuple[str, str], Replay]) -> Table:
    rows: list[list[str]] = []
    for name, who in itertools.product(dict.fromkeys(trial.day.name for trial in trials), (MODEL, DRAWN)):
        seen, cuts = whole[who, name], [trial.cut for trial in trials if trial.day.name == name]
        rows.append(
            [name, who, f"{len(seen.actions):,}", f"{len(seen.acted):,}", f"{len(seen.fills):,}", str(len(cuts))]
        )
    head = ["day", "who", "decisions", "of them no HOLD", "fills", "cuts"]
    return Table("what was replayed", "The days as they were.", head, rows)


def _reason(changed: Counter[str], caught: Counter[str], trials: int) -> Reason:
    moved = [part for part in PARTS if changed[part]]
    if moved:
        most = max(changed[part] for part in moved)
        told = f"It knows the future: {' and '.join(moved)} change with what comes later, in {most} of {trials} trials."
        return Reason(told, False)
    missed = [name for name in PLANTED if not caught[name]]
    if missed:
        return Reason(f"The scrambled future missed a planted {missed[0]}: it proves nothing.", False)
    return Reason(f"What it does up to any second is the same whatever comes after ({trials} other futures).", True)
