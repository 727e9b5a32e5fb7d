"""docs/reliability.md: the table of outcomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from tests.faults.covered import PROVEN
from tests.faults.disks import may_mount
from tests.faults.registry import FAULTS, LIMIT_S, Fault, Outcome, Proven
from utils.markdown import markdown
from utils.paths import ROOT

PAGE = ROOT / "docs" / "reliability.md"
HEAD = ("what", "what is done to it", "what the system does", "what is lost", "proven by", "times", "slowest end")
INTRODUCTION = f"""# Reliability

What happens when something goes wrong, each row shown by making it go wrong: real processes are killed, real disks are
full. Written by `./fx faults --docs`, which makes every fault of `tests/faults/` happen and looks at what is left: each
file whole or not there, the same results to the byte afterwards, no traceback, an end within {LIMIT_S:g} s.
A row whose promise is broken does not get onto the page. `./fx test` makes most of them happen once and compares.

*times*: how often it happened at random moments when this page was written; *slowest end*: from the fault to the end of
the program, without the time in which other programs had the cores. Rows without these are proven by the tests that
they name, in every run of `./fx test`.
"""


def group_names() -> list[str]:
    """Sections, in the order in which they first turn up."""
    return list(dict.fromkeys(row.group for row in (*PROVEN, *FAULTS)))


def proof(row: Fault | Proven) -> str:
    """Where it is shown."""
    if isinstance(row, Proven):
        return "<br>".join(f"`{test}`" for test in row.tests)
    path = row.happen.__module__.replace(".", "/")
    return f"`{path}.py::{row.happen.__name__}`"


def words(row: Fault, outcome: Outcome) -> list[str]:
    """The first cells of its row: those that are the same every time."""
    return [row.name, row.done, outcome.did, outcome.lost]


def cells(row: Fault | Proven, outcomes: Mapping[str, Outcome]) -> list[str]:
    """All cells of a row; `outcomes` by `key`."""
    if isinstance(row, Proven):
        return [row.name, row.done, row.did, row.lost, proof(row), "", ""]
    outcome = outcomes[key(row)]
    slowest = "" if outcome.slowest_s is None else f"{outcome.slowest_s:.1f} s"
    return [*words(row, outcome), proof(row), f"{outcome.tries:,}", slowest]


def key(row: Fault) -> str:
    """Name of a fault among all."""
    return f"{row.group}: {row.name}"


def page(outcomes: Mapping[str, Outcome]) -> str:
    """The page, of outcomes by `key`; faults without one are named at its end."""
    tables = [_section(group, outcomes) for group in group_names()]
    disk = "file systems of a few MB" if may_mount() else "a limit on the size of files"
    known = [outcomes[key(row)] for row in FAULTS if key(row) in outcomes]
    count = sum(outcome.tries for outcome in known)
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    made = f"Written on {when}: {len(known)} faults happened {count:,} times, {len(PROVEN)} rows are proven by tests "
    open_rows = [f"{key(row)}: {row.done}." for row in FAULTS if key(row) not in outcomes]
    rest = ["## Not shown yet\n", *(f"- {row}" for row in open_rows), ""] if open_rows else []
    return "\n".join([INTRODUCTION, f"{made}elsewhere; full disks were {disk}.\n", *tables, *rest])


def _section(group: str, outcomes: Mapping[str, Outcome]) -> str:
    known = [row for row in FAULTS if key(row) in outcomes]
    rows: Iterable[Fault | Proven] = (row for row in (*known, *PROVEN) if row.group == group)
    return f"## {group}\n\n" + markdown(HEAD, [cells(row, outcomes) for row in rows])


def tells(text: str, row: Sequence[str]) -> bool:
    """Whether the page has a row that begins so."""
    return markdown(row, []).splitlines()[0].removesuffix("|") in text
