"""How the programs read their words, and how they end."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Sequence

import pytest

from scripts.command import Parser, date_option, exit_code
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, ConfigError


def count(arguments: Sequence[str]) -> int:
    return len(arguments)


def refuse(arguments: Sequence[str]) -> int:
    raise ConfigError(f"no {arguments[0]}", fix="leave it out")


def stop(arguments: Sequence[str]) -> int:
    raise KeyboardInterrupt


def terminate(arguments: Sequence[str]) -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError("it went on")


def fill(arguments: Sequence[str]) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a/file")


def lose(arguments: Sequence[str]) -> int:
    raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), "a/file")


def parser() -> Parser:
    made = Parser("./fx wheel", "Turns.")
    made.add_argument("--quick", action="store_true")
    made.add_argument("--turns", type=int, default=1)
    made.add_argument("--date", type=date_option)
    return made


def test_options_and_words_come_in_any_order() -> None:
    options, words = parser().read(["a=1", "--", "--quick", "b=-2", "--turns", "3", "c=3"])
    assert (options.quick, options.turns) == (True, 3)
    assert words == ["a=1", "b=-2", "c=3"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--quik"], "there is no option '--quik'\n  looked in: the command line\n  nearest:   --quick"),
        (["--turns", "x"], "argument --turns: invalid int value: 'x'\n  looked in: the command line"),
        (["--date", "April"], "--date 'April' is no date"),
        (["--x9"], "fix:       ./fx wheel --help lists the options"),
    ],
)
def test_options_are_refused_with_what_helps(arguments: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parser().read(arguments)
    assert told in caught.value.text()


def test_a_command_of_options_alone_takes_no_other_word() -> None:
    assert parser().read_options(["--turns", "3"]).turns == 3
    with pytest.raises(ConfigError, match="'a=1' is no option"):
        parser().read_options(["--turns", "3", "a=1"])


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
    before = signal.getsignal(signal.SIGTERM)
    assert exit_code(terminate, [], stopped="Kept.") == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "\nKept.\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_full_disk_is_told_with_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(fill, []) == EXIT_USER_ERROR
    told = capsys.readouterr().err
    assert told.startswith("the system refuses: No space left on device\n  looked in: a/file\n  fix:       make room")


def test_other_errors_escape() -> None:
    with pytest.raises(FileNotFoundError):
        exit_code(lose, [])
    with pytest.raises(IndexError):
        exit_code(refuse, [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_that_a_library_takes_for_another_error_is_one(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistake(arguments: Sequence[str]) -> int:
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            return refuse(arguments)
        raise AssertionError("it went on")

    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    assert exit_code(mistake, ["turn"], stopped="Stopped.") == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "\nStopped.\n"
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
