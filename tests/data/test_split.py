from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import SplitConfig
from data.split import Split, split_sessions
from utils.errors import ConfigError

FIRST = dt.date(2024, 1, 1)


def days(count: int) -> list[dt.date]:
    return [FIRST + dt.timedelta(days=n) for n in range(count)]


@given(
    st.integers(0, 300),
    st.floats(0.05, 0.9),
    st.floats(0, 0.9),
    st.integers(0, 5),
)
def test_parts_are_in_order_apart_and_never_share_a_date(count: int, train: float, validation: float, gap: int) -> None:
    if train + validation >= 1:
        return
    split = split_sessions(reversed(days(count)), SplitConfig(train=train, validation=validation, embargo_sessions=gap))
    parts = [p for p in split if p]
    assert all(a[-1] < b[0] for a, b in itertools.pairwise(parts))
    together = [d for p in parts for d in p]
    assert together == sorted(set(together))
    if count >= 3 + 2 * gap:
        assert split.train
        assert split.test
        assert bool(split.validation) == (validation > 0)
        assert all((b[0] - a[-1]).days == gap + 1 for a, b in itertools.pairwise(parts))


def test_forty_sessions() -> None:
    split = split_sessions(days(40), SplitConfig(train=0.6, validation=0.15, embargo_sessions=1))
    assert [len(p) for p in split] == [23, 6, 9]


def test_three_real_days_as_two_and_one() -> None:
    split = split_sessions(days(3), SplitConfig(train=0.67, validation=0.0, embargo_sessions=0))
    assert [len(p) for p in split] == [2, 0, 1]


def test_shares_that_leave_no_test_are_refused() -> None:
    with pytest.raises(ConfigError, match="must leave a share"):
        split_sessions(days(10), SplitConfig(train=0.8, validation=0.2, embargo_sessions=1))


def test_plain_dates_make_the_same_split_and_any_other_date_another_hash() -> None:
    config = SplitConfig(train=0.6, validation=0.15, embargo_sessions=1)
    split = split_sessions(days(20), config)
    assert Split.of_plain(split.plain()) == split
    assert Split.of_plain(split.plain()).hash == split.hash
    assert split_sessions(days(21), config).hash != split.hash
    assert split._replace(test=split.test[:-1]).hash != split.hash
    assert Split.of_plain({}) == Split((), (), ())
