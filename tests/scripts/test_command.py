"""How the programs end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scripts.command import exit_code
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, ConfigError


def count(arguments: Sequence[str]) -> int:
    return len(arguments)


def refuse(arguments: Sequence[str]) -> int:
    raise ConfigError(f"no {arguments[0]}", fix="leave it out")


def stop(arguments: Sequence[str]) -> int:
    raise KeyboardInterrupt


def test_the_code_is_that_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code(count, ["a", "b"]) == 2
    monkeypatch.setattr("sys.argv", ["program", "a"])
    assert exit_code(count) == 1
    assert exit_code(count, []) == 0


def test_mistakes_and_interrupts_are_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(refuse, ["wheel"]) == EXIT_USER_ERROR
    assert capsys.readouterr().err == "no wheel\n  fix:       leave it out\n"
    assert exit_code(stop, [], stopped="Kept.") == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "\nKept.\n"


def test_other_errors_escape() -> None:
    with pytest.raises(IndexError):
        exit_code(refuse, [])
