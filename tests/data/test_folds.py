"""Rolling folds: what is tested was never seen before, and nothing is tested twice."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import WalkForwardConfig
from data.split import Split, near_held_out, rolling_folds, sessions_needed
from tests.support.configs import load_config
from utils.errors import ConfigError

FIRST = dt.date(2024, 1, 1)
WALK = load_config("quick", []).walk_forward
"""16 + 1 + 4 + 1 + 6, moved on by 6."""


def days(count: int) -> list[dt.date]:
    return [FIRST + dt.timedelta(days=n) for n in range(count)]


@st.composite
def walks(draw: st.DrawFn) -> WalkForwardConfig:
    test = draw(st.integers(1, 8))
    return WalkForwardConfig(
        train_sessions=draw(st.integers(1, 20)),
        validation_sessions=draw(st.integers(0, 6)),
        test_sessions=test,
        step_sessions=test + draw(st.integers(0, 4)),
        embargo_sessions=draw(st.integers(0, 3)),
        same_symbol_sessions=5,
        expanding=draw(st.booleans()),
        folds=0,
        seeds=1,
    )


@given(walks(), st.integers(0, 40))
def test_no_fold_knows_what_is_tested_in_it_or_later(walk: WalkForwardConfig, more: int) -> None:
    folds = rolling_folds(reversed(days(sessions_needed(walk) + more)), walk)
    assert len(folds) == 1 + more // walk.step_sessions
    tested = [date for fold in folds for date in fold.test]
    assert tested == sorted(set(tested))
    for number, fold in enumerate(folds):
        assert [len(fold.validation), len(fold.test)] == [walk.validation_sessions, walk.test_sessions]
        known = {*fold.train, *fold.validation}
        assert not known.intersection(itertools.chain.from_iterable(later.test for later in folds[number:]))
        parts = [part for part in fold if part]
        assert all((b[0] - a[-1]).days == walk.embargo_sessions + 1 for a, b in itertools.pairwise(parts))
        assert all(list(part) == days(400)[(part[0] - FIRST).days :][: len(part)] for part in parts)
        grown = number * walk.step_sessions if walk.expanding else 0
        assert len(fold.train) == walk.train_sessions + grown


@given(walks(), st.integers(0, 40), st.integers(1, 20))
def test_new_sessions_leave_the_folds_what_they_were(walk: WalkForwardConfig, more: int, later: int) -> None:
    count = sessions_needed(walk) + more
    before, after = rolling_folds(days(count), walk), rolling_folds(days(count + later), walk)
    assert after[: len(before)] == before


def test_the_sample_market_makes_three_folds_of_all_its_sessions() -> None:
    folds = rolling_folds(days(40), WALK)
    assert [fold.train[0] for fold in folds] == [days(40)[n] for n in (0, 6, 12)]
    assert folds[-1].test[-1] == days(40)[-1]
    assert rolling_folds(days(40), replace(WALK, folds=2)) == folds[1:]


@given(walks(), st.integers(0, 60), st.integers(0, 4))
def test_what_is_too_few_is_told_with_a_fix_that_works(walk: WalkForwardConfig, count: int, wanted: int) -> None:
    walk = replace(walk, folds=wanted)
    needed = sessions_needed(walk, max(wanted, 1))
    if count >= needed:
        assert len(rolling_folds(days(count), walk)) == wanted or wanted == 0
        return
    with pytest.raises(ConfigError, match=f"^{count} sessions are too few .* that takes {needed}\n") as caught:
        rolling_folds(days(count), walk)
    for fix in caught.value.fix.split(", or "):
        values = {name: int(value) for name, value in re.findall(r"walk_forward\.(\w+)=(\d+)", fix)}
        there = count if values else int(re.findall(r"data of (\d+) sessions", fix)[0])
        assert len(rolling_folds(days(there), replace(walk, **values))) >= 1


def test_values_that_test_a_session_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"walk_forward.step_sessions is 3; use 6 \(test_sessions\) or more"):
        load_config("quick", ["walk_forward.step_sessions=3"])


def test_a_symbols_days_close_before_one_held_out_are_left_out() -> None:
    there = days(12)
    split = Split(tuple(there[:5]), tuple(there[6:8]), tuple(there[9:]))
    traded = [("A", there[4]), ("A", there[7]), ("B", there[1]), ("B", there[6]), ("B", there[9]), ("C", there[4])]
    traded += [("C", there[5]), ("D", there[8]), ("D", there[9]), ("A", there[11])]
    # A: 4 before 7, 7 before 11; B: 1 and 6 are 5 apart, 6 and 9 are 3; C: 5 is nobody's; D: 8 is nobody's
    assert near_held_out(traded, traded, split, there, 5) == {
        ("A", there[4]), ("A", there[7]), ("B", there[1]), ("B", there[6]),
    }  # fmt: skip
    assert near_held_out(traded, traded, split, there, 3) == {("A", there[4]), ("B", there[6])}
    assert near_held_out(traded, traded, split, there, 0) == set()
    assert near_held_out(traded, [("B", there[9])], split, there, 5) == {("B", there[6])}


@given(walks(), st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 59)), max_size=60), st.integers(0, 8))
def test_what_is_left_is_apart(walk: WalkForwardConfig, drawn: list[tuple[str, int]], within: int) -> None:
    there = days(60)
    traded = {(symbol, there[number]) for symbol, number in drawn}
    fold = rolling_folds(there, replace(walk, folds=1))[0]
    left = traded - near_held_out(traded, traded, fold, there, within)
    assert {day for day in traded if day[1] in fold.test} <= left
    for later, earlier in ((fold.test, {*fold.train, *fold.validation}), (fold.validation, {*fold.train})):
        for symbol, date in traded:
            if date in later:
                close = {there[n] for n in range(60) if 0 < (date - there[n]).days <= within}
                assert not {one for name, one in left if name == symbol} & close & earlier
