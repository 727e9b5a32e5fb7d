"""Checks by name: each asks the simulation something that can be answered with a number, and judges the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scripts.audit.market import Audit
from scripts.audit.report import Report
from utils.registry import Registry

Run = Callable[[Audit], Report]


@dataclass(frozen=True)
class Check:
    """`run(audit)` asks; `order` places it among the others."""

    name: str
    about: str
    order: int
    run: Run


CHECKS: Registry[Check] = Registry("check", "scripts.audit_fills.checks", "--only")


def check(name: str, *, order: int) -> Callable[[Run], Run]:
    """Register the decorated function; the first line of its docstring says what it asks."""

    def register(run: Run) -> Run:
        about = (run.__doc__ or "").strip().splitlines()[0]
        CHECKS.add(name, Check(name, about, order, run), run.__module__)
        return run

    return register
