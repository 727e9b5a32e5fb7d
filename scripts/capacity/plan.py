"""The arithmetic: units times how many, for a whole market and for a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scripts.bench_universe import Indexed
from scripts.capacity.units import Units

HOUR = 3600.0
GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is planned, and what it is paid with."""

    symbols: int
    sessions: int
    active: float
    """Share of symbol-days that stand out in their daily bar, and have one-second bars."""
    kept: float
    """Share of symbol-days that are bought in full (mbp-1), to train and test on."""
    trials: int
    trial_steps: int
    trial_days: int
    """Backtest days of a trial: its evaluations times the days of each."""
    cores: int
    core_hour: float
    """Dollars."""
    gb_month: float
    """Dollars."""

    @property
    def symbol_days(self) -> float:
        """Daily bars."""
        return float(self.symbols * self.sessions)

    @property
    def active_days(self) -> float:
        """Judged by one-second bars."""
        return self.symbol_days * self.active

    @property
    def kept_days(self) -> float:
        """Stored as arrays."""
        return self.symbol_days * self.kept


class Cost(NamedTuple):
    """One line of the bill."""

    what: str
    number: float
    cpu_s: float
    """Of all together."""
    local_bytes: float
    shared_bytes: float


def market(question: Question, units: Units, measured: Sequence[Indexed]) -> list[Cost]:
    """From files to an index, days and features."""
    largest = max(measured, key=lambda each: each.symbol_days)
    bar_bytes = largest.data_mb * 1e6 / largest.second_bars  # daily files are a small part of them
    bars = largest.second_bars / largest.active_days
    days, active, kept = question.symbol_days, question.active_days, question.kept_days
    build = units.read_s + units.timeline_s
    return [
        Cost("daily bars screened", days, days * units.screen_s, 0, 0),
        Cost("one-second days judged", active, active * units.judged_bars_s, active * bars * bar_bytes, 0),
        Cost("verdicts kept", active + kept, 0, (active + kept) * units.verdict_bytes, 0),
        Cost("mbp-1 days read and built", kept, kept * build, kept * units.file_bytes, 0),
        Cost("mbp-1 days judged", kept, kept * units.judge_s, 0, 0),
        Cost("days kept as arrays", kept, 0, kept * units.day_bytes, kept * units.shared_day_bytes),
        Cost(
            "features made and kept",
            kept,
            kept * units.features_s,
            kept * units.features_bytes,
            kept * units.shared_features_bytes,
        ),
    ]


def search(question: Question, units: Units) -> list[Cost]:
    """Trials of hyperparameters."""
    n = question.trials
    return [
        Cost("processes started", n, n * units.start_s, 0, 0),
        Cost("training steps", n * question.trial_steps, n * question.trial_steps * units.step_s, 0, 0),
        Cost("backtest days", n * question.trial_days, n * question.trial_days * units.backtest_day_s, 0, 0),
    ]


def total(costs: Sequence[Cost]) -> Cost:
    """The sum; its number is 0, as it is of different things."""
    return Cost(
        "all",
        0,
        sum(cost.cpu_s for cost in costs),
        sum(cost.local_bytes for cost in costs),
        sum(cost.shared_bytes for cost in costs),
    )


def dollars(cost: Cost, question: Question) -> tuple[float, float]:
    """(for the time, for a month of both copies)"""
    return (
        cost.cpu_s / HOUR * question.core_hour,
        (cost.local_bytes + cost.shared_bytes) / GB * question.gb_month,
    )


def heaviest(costs: Sequence[Cost]) -> tuple[str, float]:
    """What most CPU goes to, and its share."""
    most = max(costs, key=lambda cost: cost.cpu_s)
    return most.what, most.cpu_s / max(total(costs).cpu_s, 1e-12)
