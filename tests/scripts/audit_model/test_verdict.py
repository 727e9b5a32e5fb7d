from __future__ import annotations

import json

import pytest

from agent.statistics.verdict import Reason
from scripts.audit.report import Figure, Report, Table
from scripts.audit_model.__main__ import asked, chosen
from scripts.audit_model.kept import from_plain, plain
from scripts.audit_model.registry import CHECKS, Answer
from scripts.audit_model.verdict import plain_verdict, verdict_of
from utils.errors import ConfigError

GOOD = Answer(Report([Figure("leaks", "0", "0", True)], []), [Reason("No feature knows the future.", True)])
BAD = Answer(
    Report([Figure("cells", "12 of 18", "all", False)], [Table("net", "a note", ("", "x"), [["1", "-$2.00"]])]),
    [Reason("Net P&L turns negative when latency is 4x (6 of 18 cells).", False)],
)
OPEN = Answer(Report([Figure("days", "9", "", None)], []), [Reason("Nine days.", None)])


def test_one_figure_that_is_not_as_asked_is_enough() -> None:
    verdict = verdict_of({"causality": GOOD, "sensitivity": BAD}, synthetic=True, quick=False)
    assert not verdict.passed
    assert verdict.sentence == "Do not trade it: net P&L turns negative when latency is 4x (6 of 18 cells)."
    assert [reason.good for reason in verdict.reasons] == [False, True]


def test_what_passes_says_how_far_it_goes() -> None:
    verdict = verdict_of({"causality": GOOD, "placebo": OPEN}, synthetic=True, quick=True)
    assert verdict.passed
    assert "Not asked: scrambled_future, seeds, sensitivity, statistics." in verdict.sentence
    assert "quick audit" in verdict.sentence
    assert "synthetic" in verdict.sentence
    whole = verdict_of(dict.fromkeys(CHECKS.all(), GOOD), synthetic=False, quick=False)
    assert whole.sentence == "Nothing that was asked speaks against it."


def test_answers_survive_being_kept() -> None:
    for answer in (GOOD, BAD, OPEN):
        kept = from_plain(json.loads(json.dumps(plain(answer))))
        assert plain(kept) == plain(answer)
        assert kept.passed == answer.passed


def test_the_verdict_as_json_holds_every_figure() -> None:
    answers = {"sensitivity": BAD}
    told = plain_verdict("v1", verdict_of(answers, synthetic=False, quick=False), answers, {"seeds": "5"})
    assert json.loads(json.dumps(told))["checks"]["sensitivity"]["figures"][0]["value"] == "12 of 18"


def test_checks_have_their_order_and_say_why() -> None:
    checks = chosen([])
    assert [check.name for check in checks] == [
        "causality",
        "scrambled_future",
        "placebo",
        "sensitivity",
        "seeds",
        "statistics",
    ]
    assert all(check.about.endswith("?") and check.why for check in checks)
    assert [check.name for check in chosen(["seeds", "causality"])] == ["causality", "seeds"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["v1", "v2"], "2 models"),
        (["--docs", "--only", "seeds"], "every check"),
        (["--seeds", "0"], "--seeds"),
        (["--quik"], "--quick"),
    ],
)
def test_wrong_words_are_refused(words: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        asked(words)


def test_the_words_of_a_command() -> None:
    options, model, words = asked(["--quick", "v3", "env.max_loss=0.2"])
    assert (options.quick, options.seeds, model, words) == (True, 0, "v3", ["env.max_loss=0.2"])
    assert asked([])[1:] == ("best", [])
