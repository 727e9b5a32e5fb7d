"""Checks by name: each asks the simulation something that can be answered with a number, and judges the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scripts.audit_fills.market import Audit
from utils.registry import Registry


@dataclass(frozen=True)
class Figure:
    """One answer. `ok` is None for what is shown without being judged."""

    name: str
    value: str
    asked: str
    ok: bool | None


@dataclass(frozen=True)
class Table:
    """Something to look at."""

    title: str
    note: str
    head: Sequence[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Report:
    """What a check found."""

    figures: list[Figure]
    tables: list[Table] = field(default_factory=list[Table])


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


def none_of(name: str, found: int, of: int) -> Figure:
    """So many of so many did what none may do."""
    return Figure(name, f"{found:,} of {of:,}", "0", found == 0 and of > 0)


def at_most(name: str, value: float, limit: float, unit: str) -> Figure:
    """A number with an upper bound."""
    return Figure(name, f"{value:.2g} {unit}".rstrip(), f"<= {limit:g} {unit}".rstrip(), bool(value <= limit))
