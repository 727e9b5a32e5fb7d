"""Which fold, which seed, how long left."""

from __future__ import annotations

import time

from scripts.walk_forward.folds import Fold
from utils.logger import get_logger

log = get_logger(__name__)


class WalkProgress:
    """Tells before every training what comes, and how long the rest is going to take by those before it."""

    def __init__(self, folds: int, seeds: int) -> None:
        self._folds, self._seeds = folds, seeds
        self._done = 0
        self._took: list[float] = []
        self._began = 0.0

    def begin(self, fold: Fold) -> None:
        """The next training of a fold."""
        where = f"fold {fold.number} of {self._folds}, seed {self._done % self._seeds + 1} of {self._seeds}"
        log.info("%s: %s to %s%s", where, fold.split.train[0], fold.split.test[-1], self._left())
        self._began = time.monotonic()

    def done(self, fold: Fold, *, reused: bool) -> None:
        """A training of a fold is tested; the next one of it, if there is one, begins. Only new ones tell how long."""
        if not reused:
            self._took.append(time.monotonic() - self._began)
        self._done += 1
        if self._done % self._seeds:
            self.begin(fold)

    def _left(self) -> str:
        if not self._took:
            return ""
        seconds = sum(self._took) / len(self._took) * (self._folds * self._seeds - self._done)
        return f"; about {seconds / 60:,.0f} min left" if seconds >= 90 else f"; about {seconds:,.0f} s left"
