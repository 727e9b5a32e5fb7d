"""Checks by name: each asks something of a model that can be answered with figures, judges them and says what follows.

@check("placebo", order=3)
def placebo(subject):
    \"\"\"Does it earn money where there is none to be earned?\"\"\"
    return Answer(Report(figures, tables), [Reason("On the placebo market it earns nothing.", good=True)])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from agent.statistics.verdict import Reason
from scripts.audit.report import Report
from scripts.audit_model.subject import Subject
from utils.registry import Registry


class Answer(NamedTuple):
    """What a check found."""

    report: Report
    reasons: list[Reason]
    """In sentences that a trader understands, the weightiest first."""

    @property
    def passed(self) -> bool:
        """Whether every figure is what was asked."""
        return all(figure.ok is not False for figure in self.report.figures)


Run = Callable[[Subject], Answer]


@dataclass(frozen=True)
class Check:
    """`run(subject)` asks; `order` places it among the others."""

    name: str
    about: str
    order: int
    why: str
    """The rest of its docstring."""
    run: Run


CHECKS: Registry[Check] = Registry("check", "scripts.audit_model.checks", "--only")


def check(name: str, *, order: int) -> Callable[[Run], Run]:
    """Register the decorated function; its docstring says what it asks in the first line, and below it why and how."""

    def register(run: Run) -> Run:
        about, _, why = (run.__doc__ or "").strip().partition("\n")
        CHECKS.add(name, Check(name, about.strip(), order, " ".join(why.split()), run), run.__module__)
        return run

    return register
