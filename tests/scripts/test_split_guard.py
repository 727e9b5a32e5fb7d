from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from data.split import Split
from scripts.split_guard import in_sample, refuse_held_out, refuse_other_split, seen
from utils.errors import DataError, ModelError

DAYS = tuple(dt.date(2025, 4, n) for n in range(1, 11))
SPLIT = Split(DAYS[:5], DAYS[6:7], DAYS[8:])
OTHER = Split(DAYS[:7], DAYS[7:8], DAYS[9:])


def about(split: Split, **more: Any) -> dict[str, Any]:
    return {"split": split.plain(), **more}


@pytest.mark.parametrize(("date", "part"), [(DAYS[6], "validation"), (DAYS[9], "test")])
def test_held_out_sessions_are_never_trained_on(date: dt.date, part: str) -> None:
    with pytest.raises(DataError, match=f"AAA {date} is a {part} session") as refused:
        refuse_held_out([("BBB", DAYS[0]), ("AAA", date)], SPLIT)
    assert refused.value.fix
    refuse_held_out([("BBB", date) for date in SPLIT.train], SPLIT)


def test_a_model_of_another_split_is_refused_unless_accepted(caplog: pytest.LogCaptureFixture) -> None:
    model = about(Split(DAYS[:9], (), DAYS[9:]))
    with pytest.raises(ModelError, match="seen 1 of the present test sessions") as refused:
        refuse_other_split("v3", model, SPLIT, allowed=False)
    assert "training.other_split=true" in refused.value.fix
    refuse_other_split("v3", model, SPLIT, allowed=True)
    assert "stay out of its backtests" in caplog.text
    refuse_other_split("v3", about(SPLIT), SPLIT, allowed=False)
    refuse_other_split("", {}, SPLIT, allowed=False)


def test_what_a_model_has_seen_includes_what_its_parents_saw() -> None:
    model = about(SPLIT, seen_before=[DAYS[8].isoformat()])
    assert seen(model) == {*DAYS[:5], DAYS[6], DAYS[8]}
    assert in_sample(model, DAYS[8:]) == "the model was trained or chosen on 1 of 2 sessions"
    assert not in_sample(about(SPLIT), SPLIT.test)
    assert in_sample(about(OTHER), SPLIT.test) == ""
