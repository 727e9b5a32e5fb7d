"""Broken and hostile inputs are read or refused, never more than that; what once broke something is tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.fuzz import __main__ as program
from scripts.fuzz.__main__ import TARGETS, run
from scripts.fuzz.run import fuzz, replay
from scripts.fuzz.target import Draw, SilentError, Target
from utils.errors import ConfigError

KEPT = sorted((Path(__file__).parents[1] / "fuzz").glob("*.bin"))
INPUTS = {"dbn": 3_000, "config": 12, "study": 40, "model": 400}


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_drawn_breaks_it(name: str) -> None:
    report = fuzz(TARGETS[name], INPUTS[name], seed=0)
    assert report.inputs == INPUTS[name]
    assert [crash.why for crash in report.crashes] == []
    assert any(outcome.startswith("refused") for outcome in report.outcomes)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_once_broke_it_does_so_no_more(path: Path) -> None:
    assert not replay(TARGETS[path.name.partition("-")[0]], [path.read_bytes()]).crashes


def test_shares_are_of_a_whole() -> None:
    assert sum(target.share for target in TARGETS.values()) == pytest.approx(1.0)
    assert {path.name.partition("-")[0] for path in KEPT} == set(TARGETS)


def _draw(_: object, draw: Draw) -> bytes:
    return draw.bytes(1)


def _read(data: bytes, _: Path) -> str:
    """Breaks in two ways, and takes some bytes for others."""
    if data[0] < 8:
        return f"{1 // 0}"
    if data[0] < 16:
        return ["read"][data[0]]
    if data[0] == 16:
        raise SilentError("read as another byte")
    return "read"


def test_planted_bugs_are_found_once_each_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(program.TARGETS, "planted", Target("planted", "bugs", 0.0, lambda _: [b""], _draw, _read))
    assert run(["--targets", "planted", "--inputs", "3000", "--keep", str(tmp_path)]) == 1
    inputs = sorted(tmp_path.glob("*.bin"))
    assert len(inputs) == 3
    told = "".join((path.parent / f"{path.name}.txt").read_text() for path in inputs)
    assert all(word in told for word in ("ZeroDivisionError", "IndexError", "read as another byte"))
    assert "3,000 inputs, 3 kinds of crash" in capsys.readouterr().out
    assert run(["--targets", "dbn", "--inputs", "50", "--keep", str(tmp_path)]) == 0


def test_an_input_that_takes_for_ever_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: bytes, __: Path) -> str:
        while True:
            pass

    monkeypatch.setattr("scripts.fuzz.run.HANG_S", 0.2)
    report = replay(Target("slow", "never ends", 0.0, lambda _: [b""], _draw, read), [b"x"])
    assert "longer than 0.2 s" in report.crashes[0].why


@pytest.mark.parametrize("words", [["--targets", "dnb"], ["dbn"], ["--inputs", "0"]])
def test_wrong_words_are_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError):
        run(words)
