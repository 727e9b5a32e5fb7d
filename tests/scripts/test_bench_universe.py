"""The index of a universe, measured: what a run says, that it cleans up, and that a size is not measured twice."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from data.sample_universe import Universe
from scripts.bench_universe import LAST_DATE, WARM_UP, Indexed, exit_code, measure, run, table_of, verdict
from tests.support.configs import load_config
from utils.atomic import write_text
from utils.errors import EXIT_USER_ERROR
from utils.hashing import json_hash

MADE = Indexed(
    symbols=100,
    sessions=10,
    active_days=10,
    second_bars=50_000,
    files=20,
    data_mb=1.0,
    headers_s=0.2,
    daily_s=0.1,
    scan_s=0.6,
    save_s=0.1,
    again_s=0.3,
    cpu_s=1.0,
    base_mb=150.0,
    peak_mb=200.0,
    taken=10,
    triggered=5,
)


def test_linear_and_flat_are_told_from_what_is_not() -> None:
    twice = replace(MADE, symbols=200, headers_s=0.4, daily_s=0.2, scan_s=1.2, save_s=0.2, cpu_s=2.0)
    cpu, wall, memory = verdict([MADE, twice, replace(twice, symbols=400, cpu_s=4.0)])
    assert "1.000 ms per symbol-day at 1,000, 1.000 at 4,000 (1.00x); line: 0.0 s + 1.000 ms" in cpu
    assert wall.startswith("wall: 1.000 ms")
    assert "200 MB at 1,000, 200 MB at 4,000 (1.00x)" in memory
    grown = verdict([MADE, replace(twice, cpu_s=4.0, peak_mb=300.0)])
    assert "(2.00x)" in grown[0] and "(1.50x)" in grown[2] and "100,000 bytes per symbol-day" in grown[2]
    assert table_of([MADE]).row_count == 1


def test_a_size_is_written_indexed_and_removed(tmp_path: Path) -> None:
    universe = Universe(40, 10, LAST_DATE, 0, 0.03)
    config = load_config("build_index", [])
    found = measure(universe, tmp_path, config, [])
    assert (found.symbol_days, found.taken) == (400, found.active_days)
    assert found.taken > 5 and found.files == 10 + found.taken
    assert 0 < found.base_mb <= found.peak_mb
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]
    assert measure(universe, tmp_path, config, []) == found  # known by now


def test_a_run_takes_what_an_interrupted_one_has_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, file = [f"data.cache={tmp_path}"], tmp_path / "figures.json"
    sizes = [Universe(symbols, 10, LAST_DATE, 0, 0.01) for symbols in (100, 200, 400)]
    for size in (Universe(*WARM_UP[:2], LAST_DATE, 0, WARM_UP[2]), *sizes):
        key = json_hash([str(size), words])[:8]
        known = replace(MADE, symbols=size.symbols, sessions=size.sessions, cpu_s=size.symbols / 100)
        write_text(tmp_path / "universe" / f"{size.symbols}x{size.sessions}-{key}.json", json.dumps(asdict(known)))
    assert run(["--symbols", "400", "--sessions", "10", "--json", str(file), *words]) == 0
    assert [each["symbols"] for each in json.loads(file.read_text())] == [100, 200, 400]
    assert not (tmp_path / "universe").exists()
    assert "CPU: 1.000 ms per symbol-day at 1,000, 1.000 at 4,000" in capsys.readouterr().out


def test_what_is_too_small_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(run, ["--symbols", "1"]) == EXIT_USER_ERROR
    assert "--symbols 8" in capsys.readouterr().err
