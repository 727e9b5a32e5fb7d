from __future__ import annotations

from pathlib import Path

from utils.side_table import WASTE, SideTable

FILE = Path("/somewhere/a.dbn")


def test_what_is_known_holds_for_one_state_of_the_file(tmp_path: Path) -> None:
    table: SideTable[str] = SideTable(tmp_path / "deep" / "table.jsonl")
    table.note(FILE, 10, 1, "abc")
    table.save()
    known: SideTable[str] = SideTable(tmp_path / "deep" / "table.jsonl")
    assert known.get(FILE, 10, 1) == "abc"
    assert known.get(FILE, 10, 2) is known.get(FILE, 11, 1) is known.get(Path("/other"), 10, 1) is None


def test_two_writers_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    one: SideTable[int] = SideTable(path)
    two: SideTable[int] = SideTable(path)
    one.note(FILE, 1, 1, 1)
    one.save()
    with path.open("a") as file:
        file.write('\n["/somewhere/torn", 1')  # killed in the midst
    two.note(FILE, 1, 1, 2)
    two.note(Path("/b"), 1, 1, 3)
    two.save()
    known: SideTable[int] = SideTable(path)
    assert (known.get(FILE, 1, 1), known.get(Path("/b"), 1, 1)) == (2, 3)


def test_saving_appends_and_the_table_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    table: SideTable[int] = SideTable(path)
    for number in range(WASTE + 3):
        table.note(FILE, 1, number, number)
    table.save()
    size = path.stat().st_size
    table.save()  # nothing new
    assert path.stat().st_size == size
    known: SideTable[int] = SideTable(path)
    assert path.stat().st_size < size / 100
    assert known.get(FILE, 1, WASTE + 2) == WASTE + 2
