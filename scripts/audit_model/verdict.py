"""All answers in one: may this model be trusted with money, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from agent.statistics.verdict import Reason
from scripts.audit_model.kept import plain
from scripts.audit_model.registry import CHECKS, Answer


class Verdict(NamedTuple):
    """One page."""

    passed: bool
    sentence: str
    reasons: list[Reason]
    """What speaks against it first."""


def verdict_of(answers: Mapping[str, Answer], *, synthetic: bool, quick: bool) -> Verdict:
    """answers: by check, in their order; some checks may not have been asked."""
    passed = all(answer.passed for answer in answers.values())
    failed = [reason for answer in answers.values() if not answer.passed for reason in answer.reasons]
    good = [reason for answer in answers.values() if answer.passed for reason in answer.reasons]
    if not passed:
        return Verdict(False, f"Do not trade it: {_begun(failed)}", [*failed, *good])
    left = [name for name in CHECKS.all() if name not in answers]
    told = "Nothing that was asked speaks against it."
    told += f" Not asked: {', '.join(left)}." if left else ""
    told += " A quick audit: too short for trust." if quick else ""
    told += " The market is synthetic: real stocks are another matter." if synthetic else ""
    return Verdict(True, told, good)


def _begun(failed: list[Reason]) -> str:
    """The weightiest, as the end of a sentence."""
    text = next((reason.text for reason in failed if reason.good is False), "a figure is not what was asked.")
    known = text.split(" ", 1)[0]
    return text if known.isupper() and len(known) > 1 else text[0].lower() + text[1:]


def plain_verdict(
    model: str, verdict: Verdict, answers: Mapping[str, Answer], facts: Mapping[str, str]
) -> dict[str, Any]:
    """For audit.json."""
    return {
        "model": model,
        "passed": verdict.passed,
        "verdict": verdict.sentence,
        "reasons": [reason._asdict() for reason in verdict.reasons],
        "facts": dict(facts),
        "checks": {name: {"passed": answer.passed, **plain(answer)} for name, answer in answers.items()},
    }
