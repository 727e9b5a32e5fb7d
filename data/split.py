"""Sessions by date into training, validation and test; never at random."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from config.schema import SplitConfig
from utils.errors import ConfigError
from utils.hashing import json_hash


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
