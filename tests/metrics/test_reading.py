"""An explanation in words and sums is what its numbers are."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ai.fusion import Token
from metrics.explanation import Explanation, State, Stratum
from metrics.reading import (
    TOKENS,
    branch_text,
    branches_of,
    cause_rows,
    drift_text,
    faithfulness,
    findings,
    found_decision,
    half_of,
    in_need,
    lag_sentence,
    looked_back,
    percent,
    ranked,
    row_text,
    summed,
    verdict,
)
from tests.support.explanations import DEAD, FEATURES, QUIET, made_decision, made_explanation


@pytest.fixture(scope="module")
def told() -> Explanation:
    return made_explanation(turn=2)


def test_rows_are_named_by_their_branch() -> None:
    assert [row_text("hf", back) for back in (0, 1, 12)] == ["now", "1 s back", "12 s back"]
    assert row_text("mf", 3) == "3 min back"
    assert [row_text("lf", back) for back in (1, 2)] == ["1 session back", "2 sessions back"]
    assert row_text("static", 5) == "now"
    assert branch_text("mf") == "minutes (mf)"
    assert branch_text("portfolio") == "own position"
    assert tuple(token.name.lower() for token in Token) == TOKENS


def test_sums_and_orders_are_those_of_the_shares(told: Explanation) -> None:
    assert ranked(told.features)[0].name == FEATURES[2].name
    assert ranked(told.features, "value")[0].name == FEATURES[5].name
    unknown = [use._replace(shap=math.nan) if i == 2 else use for i, use in enumerate(told.features)]
    assert ranked(unknown, "shap")[-1].name == FEATURES[2].name
    flow = sum(use.action for use in told.features if use.family == "flow")
    assert summed(told.features, "family")["flow"] == pytest.approx(flow)
    assert sum(summed(told.features, "branch", "value").values()) == pytest.approx(1.0)
    assert branches_of(told.features) == ["hf", "mf", "lf", "static", "portfolio"]
    assert [use.name for use in in_need(told.features)] == [DEAD, QUIET]
    assert [use.state for use in in_need(told.features)] == [State.DEAD, State.QUIET]


def test_lags_are_told_by_peak_and_half() -> None:
    shares = [0.0, 0.1, 0.05, 0.3, 0.05]  # oldest first: the peak is one row back
    assert half_of(shares) == 1
    assert lag_sentence("hf", shares) == "seconds (hf): 50 % of all, most 1 s back, half of it within 1 s"
    assert lag_sentence("lf", [0.0, 0.0]) == "sessions (lf): nothing"


def test_what_speaks_against_it_is_found(told: Explanation) -> None:
    assert told.curve is not None
    assert [finding.good for finding in findings(told)] == [True] * 4
    assert verdict(told) == ("sound", True)
    # by hand: deletion (1 - x)^3 and insertion 1 - (1 - x)^3 over 11 points
    assert faithfulness(told.curve) == pytest.approx((0.2475 + 0.2714) / 2, abs=2e-3)
    for change in ({"delta": 0.02}, {"agreement": 0.5}, {"randomised": -0.6}):
        bad = replace(told, **change)
        assert verdict(bad) == ("doubtful", False)
        assert [finding.good for finding in findings(bad)].count(False) == 1
    unknown = replace(told, agreement=math.nan, curve=None)
    assert verdict(unknown) == ("partly checked", None)
    assert [finding.figure for finding in findings(unknown)][1::2] == ["-", "-"]


def test_shares_and_drift_in_words() -> None:
    assert [percent(value) for value in (0.284, 0.052, 0.0042, math.nan)] == ["28 %", "5.2 %", "0.42 %", "-"]
    assert [drift_text(value) for value in (0.05, 0.1, 0.25, math.nan)] == [
        "alike",
        "moved",
        "different",
        "not known",
    ]


def test_a_decision_is_found_by_its_place_and_told_by_its_causes(told: Explanation) -> None:
    made = [
        made_decision("MLGO", "2025-04-15", second, stratum, lane=lane)
        for second, stratum, lane in (
            (100, Stratum.ENTRY, 3),
            (104, Stratum.ENTRY, 3),
            (105, Stratum.EXIT, 3),
            (103, Stratum.ENTRY, 4),
        )
    ]
    found = found_decision(made, "MLGO", "2025-04-15", (99, 105), Stratum.ENTRY, 3)
    assert found == made[1]
    assert found_decision(made, "MLGO", "2025-04-15", (99, 99), Stratum.ENTRY, 3) is None
    assert found_decision(made, "MLGO", "2025-04-16", (99, 105), Stratum.ENTRY, 3) is None
    branches = {use.name: use.branch for use in told.features}
    rows = cause_rows(made[1], branches)
    assert [row[3] for row in rows] == [cause.share for cause in made[1].causes]
    assert rows[0][0] == made[1].causes[0].name.replace("_", " ")
    peak = 104 % 9 + 1
    assert looked_back(made[1]).startswith(f"seconds (hf) 62 %, most {peak} s back; minutes (mf) 21 %")
