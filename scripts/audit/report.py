"""What an audit found: figures that are judged, tables to look at; for the terminal, for a page and as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table as Shown

from utils.atomic import write_text
from utils.markdown import markdown

PASSED, FAILED = 0, 1
"""Exit codes of an audit."""
HEAD = ("figure", "value", "asked", "ok")
VERDICTS = {True: "[green]yes[/]", False: "[bold red]NO[/]", None: "-"}
VERDICTS_ON_PAGES = {True: "yes", False: "**no**", None: "-"}
out = Console()


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


def none_of(name: str, found: int, of: int) -> Figure:
    """So many of so many did what none may do."""
    return Figure(name, f"{found:,} of {of:,}", "0", found == 0 and of > 0)


def at_most(name: str, value: float, limit: float, unit: str) -> Figure:
    """A number with an upper bound."""
    return Figure(name, f"{value:.2g} {unit}".rstrip(), f"<= {limit:g} {unit}".rstrip(), bool(value <= limit))


def show(title: str, report: Report) -> None:
    """Print the figures with their verdicts, then the tables."""
    table = Shown(*HEAD, title=title, title_justify="left")
    for figure in report.figures:
        table.add_row(figure.name, figure.value, figure.asked, VERDICTS[figure.ok])
    out.print(table)
    for other in report.tables:
        show_table(other)


def show_table(table: Table) -> None:
    """Print it, the note below."""
    shown = Shown(*table.head, title=table.title, caption=table.note, title_justify="left", caption_justify="left")
    for row in table.rows:
        shown.add_row(*row)
    out.print(shown)


def as_markdown(report: Report) -> str:
    """The figures with their verdicts, then a section for every table."""
    rows = [[figure.name, figure.value, figure.asked, VERDICTS_ON_PAGES[figure.ok]] for figure in report.figures]
    tables = [f"### {t.title}\n\n{t.note}\n\n{markdown(t.head, t.rows)}" for t in report.tables]
    return "\n".join([markdown(HEAD, rows), *tables])


def json_lines(reports: Mapping[str, Report]) -> str:
    """One object a figure; `reports` by check."""
    rows = [{"check": name, **asdict(figure)} for name, report in reports.items() for figure in report.figures]
    return "".join(json.dumps(row) + "\n" for row in rows)


def conclude(reports: Mapping[str, Report], file: Path | None) -> int:
    """Write the figures to `file`, if one is named. PASSED unless a figure is not what was asked."""
    if file is not None:
        write_text(file, json_lines(reports))
    wrong = any(figure.ok is False for report in reports.values() for figure in report.figures)
    return FAILED if wrong else PASSED
