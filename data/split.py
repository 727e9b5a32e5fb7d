"""Sessions by date into training, validation and test; never at random."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from config.schema import SplitConfig, WalkForwardConfig
from utils.errors import ConfigError
from utils.hashing import json_hash

Day = tuple[str, dt.date]
"""Symbol and session."""


class Split(NamedTuple):
    """Dates in order; validation is never trained on, test is touched by backtests only."""

    train: tuple[dt.date, ...]
    validation: tuple[dt.date, ...]
    test: tuple[dt.date, ...]

    @property
    def hash(self) -> str:
        """Changes with any date of any part."""
        return json_hash(self.plain())

    def plain(self) -> dict[str, list[str]]:
        """ISO dates by part, for JSON."""
        return {part: [date.isoformat() for date in dates] for part, dates in self._asdict().items()}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Sequence[str]]) -> Split:
        """The inverse of `plain`; a part that is not there is empty. Raises ValueError for what is no date."""
        return cls(*(tuple(map(dt.date.fromisoformat, plain.get(part, ()))) for part in cls._fields))


def split_sessions(dates: Iterable[dt.date], config: SplitConfig) -> Split:
    """Earliest first: training, embargo, validation, embargo, test. Repeated dates count once.

    Every part gets at least one session if there are enough (one each, embargoes included); the embargo shrinks
    before a part stays empty. Raises ConfigError on shares that leave no test sessions.
    """
    if not (config.train > 0 and config.validation >= 0 and config.train + config.validation < 1):
        raise ConfigError(
            f"split.train ({config.train}) and split.validation ({config.validation}) must leave a share for the test",
            fix="e.g. split.train=0.6 split.validation=0.15",
        )
    days = sorted(set(dates))
    count = len(days)
    parts = 3 if config.validation > 0 else 2
    if count < parts:
        # One date trains; two train and test: with so little, nothing can be held out for choosing.
        return Split(tuple(days[:1]), (), tuple(days[1:]))
    gap = min(config.embargo_sessions, (count - parts) // (parts - 1))
    usable = count - gap * (parts - 1)
    train = min(max(1, round(usable * config.train)), usable - parts + 1)
    validation = 0
    if parts == 3:
        validation = min(max(1, round(usable * config.validation)), usable - train - 1)
    first = train + gap
    second = first + validation + (gap if parts == 3 else 0)
    return Split(tuple(days[:train]), tuple(days[first : first + validation]), tuple(days[second:]))


def rolling_folds(dates: Iterable[dt.date], config: WalkForwardConfig) -> list[Split]:
    """Folds in order, each: training, embargo, validation, embargo, test. Repeated dates count once.

    They are laid from the first session on: new sessions add folds and leave the others what they were. No session is
    tested twice. Raises ConfigError if not one of them fits, or less than `config.folds`.
    """
    days = sorted(set(dates))
    fit = _folds_that_fit(len(days), config)
    if fit < max(config.folds, 1):
        raise _too_few(len(days), fit, config)
    gap, folds = config.embargo_sessions, []
    for number in range(fit - (config.folds or fit), fit):
        moved = number * config.step_sessions
        second = moved + config.train_sessions + gap
        third = second + config.validation_sessions + (gap if config.validation_sessions else 0)
        folds.append(
            Split(
                tuple(days[0 if config.expanding else moved : moved + config.train_sessions]),
                tuple(days[second : second + config.validation_sessions]),
                tuple(days[third : third + config.test_sessions]),
            )
        )
    return folds


def sessions_needed(config: WalkForwardConfig, folds: int = 1) -> int:
    """How many sessions so many folds take."""
    parts = config.train_sessions + config.validation_sessions + config.test_sessions
    gaps = config.embargo_sessions * (2 if config.validation_sessions else 1)
    return parts + gaps + (folds - 1) * config.step_sessions


def _folds_that_fit(count: int, config: WalkForwardConfig) -> int:
    return max(0, 1 + (count - sessions_needed(config)) // config.step_sessions)


def _too_few(count: int, fit: int, config: WalkForwardConfig) -> ConfigError:
    wanted = max(config.folds, 1)
    needed = sessions_needed(config, wanted)
    smaller = _shrunk(count, wanted, config)
    names = ("train_sessions", "validation_sessions", "test_sessions", "step_sessions")
    fixes = [
        f"walk_forward.folds={fit}" if fit else "",
        " ".join(f"walk_forward.{name}={getattr(smaller, name)}" for name in names) if smaller else "",
        f"data of {needed} sessions",
    ]
    return ConfigError(
        f"{count} sessions are too few for {wanted} fold{'s' if wanted > 1 else ''}: that takes {needed}",
        where=f"a fold has {config.train_sessions} training, {config.validation_sessions} validation and "
        f"{config.test_sessions} test sessions with {config.embargo_sessions} between them, and the next begins "
        f"{config.step_sessions} later",
        fix=", or ".join(filter(None, fixes)),
    )


def _shrunk(count: int, folds: int, config: WalkForwardConfig) -> WalkForwardConfig | None:
    """The same proportions, as large as `count` sessions allow; None if they allow nothing."""
    for percent in range(99, 0, -1):
        test = max(1, config.test_sessions * percent // 100)
        smaller = replace(
            config,
            train_sessions=max(1, config.train_sessions * percent // 100),
            validation_sessions=max(1, config.validation_sessions * percent // 100)
            if config.validation_sessions
            else 0,
            test_sessions=test,
            step_sessions=max(test, config.step_sessions * percent // 100),
        )
        if sessions_needed(smaller, folds) <= count:
            return smaller
    return None


def near_held_out(
    days: Iterable[Day], held_out: Iterable[Day], split: Split, sessions: Iterable[dt.date], within: int
) -> set[Day]:
    """Those of `days` in training or validation with a day of the same symbol in `held_out` close behind them.

    A stock that runs for a week tells in training how it is going to behave in the test. Close: at most `within` of
    `sessions` (all of the market's) later, in a later part. Test days are never left out: that would choose them by
    what came before.
    """
    number = {date: i for i, date in enumerate(sorted(set(sessions)))}
    part = {date: rank for rank, dates in enumerate(split) for date in dates}
    held: dict[str, list[dt.date]] = {}
    for symbol, date in held_out:
        if part.get(date):
            held.setdefault(symbol, []).append(date)
    return {
        (symbol, date)
        for symbol, date in days
        if date in part
        and any(part[later] > part[date] and number[later] - number[date] <= within for later in held.get(symbol, ()))
    }
