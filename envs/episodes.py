"""What the lanes play: episodes, where they come from, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from simulators.layout import Ending
from utils.seeding import stream


class Episode(NamedTuple):
    """A stretch of a day."""

    day: int
    """Row of the `DayBank`."""
    start: int
    """Second of the first observation."""
    length: int
    """Seconds until the episode is truncated; the day's end truncates it earlier."""


class EpisodeOutcome(NamedTuple):
    """How an episode ended."""

    lane: int
    episode: Episode
    log_return: float
    """ln(end equity / start equity), costs and the forced flatten included."""
    pnl: float
    """Dollars, net."""
    trades: int
    """Closed round trips."""
    ending: Ending
    steps: int
    """Decisions taken."""


class EpisodeSource(Protocol):
    """Deals episodes to lanes. Called only when a lane starts or restarts."""

    def next(self, lane: int) -> Episode:
        """The episode that `lane` plays now."""
        ...

    def report(self, outcome: EpisodeOutcome) -> None:
        """Told once per finished episode, before `next` is asked for the same lane."""
        ...


class SeededSource(EpisodeSource, Protocol):
    """A source that can begin again, as Gymnasium's `reset(seed=...)` wants it."""

    def reseed(self, seed: int) -> None:
        """Begin again; the same seed deals the same episodes."""
        ...


class FixedEpisodes:
    """Every lane plays its own list once, in order: for evaluation and backtests.

    A lane whose list is exhausted (or empty) is *parked*: it goes on stepping its last episode (or the first of
    anybody's) so that the arrays keep their shape, but those episodes are not recorded. Loop until `finished`, and
    ignore lanes for which `parked(lane)` is true; sending them HOLD costs nothing.
    """

    def __init__(self, lists: Sequence[Sequence[Episode]]) -> None:
        self._lists = [list(episodes) for episodes in lists]
        self._filler = next((e for episodes in self._lists for e in episodes), None)
        if self._filler is None:
            raise ValueError("there is no episode to play")
        self._begin()

    def _begin(self) -> None:
        self._dealt = [0] * len(self._lists)
        self._told = [0] * len(self._lists)
        self.outcomes: list[EpisodeOutcome] = []

    def next(self, lane: int) -> Episode:
        """The next of the lane's list, or its filler once the list is done."""
        episodes, place = self._lists[lane], self._dealt[lane]
        self._dealt[lane] += 1
        if place < len(episodes):
            return episodes[place]
        assert self._filler is not None
        return episodes[-1] if episodes else self._filler

    def report(self, outcome: EpisodeOutcome) -> None:
        """Record the outcome, unless the lane is parked."""
        if not self.parked(outcome.lane):
            self._told[outcome.lane] += 1
            self.outcomes.append(outcome)

    def parked(self, lane: int) -> bool:
        """Whether the lane's list has been played to its end."""
        return self._told[lane] >= len(self._lists[lane])

    @property
    def finished(self) -> bool:
        """Whether all lanes are parked."""
        return all(map(self.parked, range(len(self._lists))))

    def reseed(self, seed: int) -> None:  # noqa: ARG002 - nothing here is random
        """Begin the lists again."""
        self._begin()


class UniformEpisodes:
    """Uniform draws over days and seconds, every lane from its own stream: for tests and benchmarks."""

    def __init__(self, seed: int, days: int, *, first: int, last: int, length: tuple[int, int]) -> None:
        """first, last: range of start seconds; length: shortest and longest, seconds."""
        self._days = days
        self._first, self._last = first, last
        self._length = length
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Begin all streams again under `seed`."""
        self._seed = seed
        self._counts: dict[int, int] = {}

    def next(self, lane: int) -> Episode:
        """The lane's n-th episode depends on (seed, lane, n) only."""
        count = self._counts.get(lane, 0)
        self._counts[lane] = count + 1
        rng = stream(self._seed, "uniform episodes", lane, count)
        return Episode(
            int(rng.integers(self._days)),
            int(rng.integers(self._first, self._last + 1)),
            int(rng.integers(self._length[0], self._length[1] + 1)),
        )

    def report(self, outcome: EpisodeOutcome) -> None:
        """Outcomes don't change what is dealt."""
