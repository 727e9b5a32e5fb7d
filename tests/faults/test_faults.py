"""Every fault of the registry happens, and docs/reliability.md says what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.__main__ import run
from tests.faults.all import FAULTS
from tests.faults.covered import PROVEN, missing
from tests.faults.page import HEAD, PAGE, cells, key, proof, tells, words
from tests.faults.registry import Fault, Setting
from utils.errors import ConfigError
from utils.seeding import stream

SLACK = 3.0
"""Other tests use the machine too."""


@pytest.mark.parametrize("row", [row for row in FAULTS if not row.dear], ids=key)
def test_a_fault_does_what_its_row_says(row: Fault, tmp_path: Path) -> None:
    outcome = row.happen(Setting(tmp_path, 1, stream(0, "faults", key(row)), SLACK))
    assert outcome.tries > 0
    assert tells(PAGE.read_text(), words(row, outcome)), "run ./fx faults --docs"


def test_the_page_has_every_row() -> None:
    text = PAGE.read_text()
    for row in FAULTS:
        shown = tells(text, [row.name, row.done]) and proof(row) in text
        assert shown or (row.dear and f"- {key(row)}: {row.done}." in text), f"{key(row)}: run ./fx faults --docs"
    for row in PROVEN:
        assert tells(text, cells(row, {})), f"{row.name}: run ./fx faults --docs"
    assert f"| {HEAD[0]} |" in text


def test_what_proves_a_row_is_there() -> None:
    assert [test for row in PROVEN for test in missing(row)] == []


def test_names_are_unique_and_mistakes_are_told() -> None:
    names = [key(row) for row in FAULTS]
    assert len(set(names)) == len(names)
    for arguments, told in (
        (["--only", "nonsense"], "nonsense"),
        (["x=1"], "no argument"),
    ):
        with pytest.raises(ConfigError, match=told):
            run(arguments)
