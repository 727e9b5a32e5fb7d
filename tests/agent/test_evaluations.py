"""Scores are taken at fixed rollouts, whenever they are ready; the best one and an early end follow from them alone."""

from __future__ import annotations

import json

import pytest

from agent.evaluations import Evaluations


class Scores:
    """An evaluator that knows all scores beforehand, and notes what it is asked."""

    def __init__(self, values: dict[int, float]) -> None:
        self.values = values
        self.asked: list[tuple[str, int]] = []

    def start(self, number: int) -> None:
        self.asked.append(("start", number))

    def score(self, number: int) -> float:
        self.asked.append(("score", number))
        return self.values[number]


def walk(evaluations: Evaluations, first: int, last: int) -> int:
    """Rollouts `first` to `last` as training goes through them; the one after which it stopped."""
    for rollout in range(first, last + 1):
        if evaluations.due(rollout):
            evaluations.collect()
        if evaluations.due(rollout):
            evaluations.announce(rollout, 100 * rollout)
            evaluations.start()
        if evaluations.exhausted:
            return rollout
    return last


def test_a_score_is_taken_when_the_next_one_is_due() -> None:
    scores = Scores({2: 1.0, 4: 3.0, 6: 2.0})
    evaluations = Evaluations(2, 0, scores)
    walk(evaluations, 1, 6)
    assert scores.asked == [("start", 2), ("score", 2), ("start", 4), ("score", 4), ("start", 6)]
    assert evaluations.held == {4, 6}
    last = evaluations.collect()
    assert last is not None
    assert (last.number, last.step, last.value) == (6, 600, 2.0)
    assert evaluations.collect() is None
    assert evaluations.best is not None
    assert (evaluations.best.number, evaluations.count, evaluations.since_best) == (4, 3, 1)


def test_equal_scores_are_no_improvement() -> None:
    evaluations = Evaluations(1, 2, Scores(dict.fromkeys(range(1, 9), 0.0)))
    assert walk(evaluations, 1, 8) == 4  # 1 is the best, 2 and 3 are not better, which is known after 4
    assert evaluations.best is not None
    assert evaluations.best.number == 1
    assert not evaluations.due(5)


def test_patience_begins_again_with_every_new_best() -> None:
    values = {1: 1.0, 2: 0.0, 3: 2.0, 4: 1.0, 5: 1.5, 6: 9.0}
    evaluations = Evaluations(1, 2, Scores(values))
    assert walk(evaluations, 1, 6) == 6
    assert evaluations.best is not None
    assert evaluations.best.value == 2.0


@pytest.mark.parametrize("cut", range(1, 8))
def test_taken_up_anywhere_the_same_follows(cut: int) -> None:
    values = {2: 1.0, 4: 3.0, 6: 2.0, 8: 1.0, 10: 1.0, 12: 1.0}
    whole, first = Evaluations(2, 3, Scores(values)), Evaluations(2, 3, Scores(values))
    end = walk(whole, 1, 12)
    walk(first, 1, cut)
    scores = Scores(values)
    again = Evaluations(2, 3, scores)
    again.load_state(json.loads(json.dumps(first.state())))
    waiting = cut // 2 * 2
    assert scores.asked == ([("start", waiting)] if waiting else [])
    assert walk(again, cut + 1, 12) == end
    assert again.state() == whole.state()


def test_never() -> None:
    evaluations = Evaluations(0, 0, Scores({}))
    assert not any(map(evaluations.due, range(20)))


def test_one_that_could_not_be_saved_is_not_waited_for() -> None:
    scores = Scores({})
    evaluations = Evaluations(1, 0, scores)
    evaluations.announce(1, 100)
    evaluations.withdraw()
    assert evaluations.collect() is None
    assert evaluations.held == set()
    assert scores.asked == []
