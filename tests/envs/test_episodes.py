"""Where lanes get their episodes from."""

from __future__ import annotations

import pytest

from envs.episodes import Episode, EpisodeOutcome, FixedEpisodes, UniformEpisodes
from simulators.layout import Ending


def outcome(lane: int, episode: Episode) -> EpisodeOutcome:
    return EpisodeOutcome(lane, episode, 0.0, 0.0, 0, Ending.LENGTH, 1)


def test_fixed_lists_are_played_once_and_then_parked() -> None:
    a, b, c = Episode(0, 10, 5), Episode(0, 20, 5), Episode(1, 10, 5)
    source = FixedEpisodes([[a, b], [c], []])
    assert [source.next(0), source.next(1), source.next(2)] == [a, c, a]
    assert [source.parked(lane) for lane in range(3)] == [False, False, True]
    source.report(outcome(2, a))  # a parked lane's filler is not recorded
    source.report(outcome(1, c))
    assert source.next(1) == c
    source.report(outcome(0, a))
    assert not source.finished
    assert source.next(0) == b
    source.report(outcome(0, b))
    source.report(outcome(1, c))
    assert source.finished
    assert [(o.lane, o.episode) for o in source.outcomes] == [(1, c), (0, a), (0, b)]
    source.reseed(3)
    assert not source.finished
    assert source.outcomes == []
    assert source.next(0) == a


def test_nothing_to_play_is_refused() -> None:
    with pytest.raises(ValueError, match="no episode"):
        FixedEpisodes([[], []])


def test_uniform_draws_keep_their_ranges_and_are_each_lanes_own() -> None:
    one = UniformEpisodes(5, 3, first=100, last=110, length=(30, 60))
    two = UniformEpisodes(5, 3, first=100, last=110, length=(30, 60))
    drawn = [one.next(1) for _ in range(200)]
    two.next(0)  # another lane in between changes nothing
    assert [two.next(1) for _ in range(200)] == drawn
    assert {e.day for e in drawn} == {0, 1, 2}
    assert {e.start for e in drawn} == set(range(100, 111))
    assert min(e.length for e in drawn) >= 30
    assert max(e.length for e in drawn) <= 60
    one.reseed(6)
    assert [one.next(1) for _ in range(200)] != drawn
    one.reseed(5)
    assert [one.next(1) for _ in range(200)] == drawn
