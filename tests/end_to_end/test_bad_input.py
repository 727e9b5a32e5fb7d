"""Mistakes in the input: what, where, nearest, fix; exit code 2; no traceback; nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from data.sample_market import ensure_sample_market
from main import main
from scripts.scan_momentum_days import run as scan
from tests.support.configs import load_config
from tests.support.small_market import places, small
from utils.errors import EXIT_USER_ERROR
from utils.paths import ROOT


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Databento files."""
    folder = tmp_path_factory.mktemp("market")
    return ensure_sample_market(load_config("quick", small(folder)).sample)


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The message; any other end than a clean refusal fails."""
    assert main(arguments) == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def nothing_half_written(folder: Path) -> bool:
    """No temporary file or folder is left behind."""
    return not [p for p in folder.rglob(".*") if p.name.startswith(".")]


def files_of(market: Path, folder: Path, pattern: str = "*") -> Path:
    """A dnb folder below `folder` with the market's files that match."""
    (folder / "dnb").mkdir()
    for path in market.rglob(f"{pattern}.dbn.zst"):
        if "broken" not in path.parts:
            os.link(path, folder / "dnb" / f"{path.parent.name}-{path.name}")
    return folder / "dnb"


def test_unknown_flag(capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(["--simbol", "NVDA"], capsys)
    assert "'--simbol'" in message
    assert "--symbol" in message


def test_unknown_config(capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(["--config", "momentum_trainin"], capsys)
    assert "momentum_training" in message
    assert "config/*.yaml" in message


def test_unknown_key_and_wrong_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert "training.lanes" in refused(["training.lane=3"], capsys)
    assert "Integer" in refused(["training.lanes=many"], capsys)


def test_stray_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert "neither an option nor a key=value" in refused(["NVDA"], capsys)


def test_missing_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert "backtest.date" in refused(["--config", "backtest_date"], capsys)


def test_an_option_without_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--config" in refused(["--config"], capsys)


def test_from_the_shell_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "main.py", "--confg", "x"], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == EXIT_USER_ERROR
    assert done.stdout == ""
    assert done.stderr.startswith("there is no option '--confg'")
    assert "Traceback" not in done.stderr


def test_unknown_symbol(market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = files_of(market, tmp_path)
    message = refused(["--config", "build_index", "--symbol", "MLG", *places(tmp_path)], capsys)
    assert "MLG" in message
    assert "MLGO" in message
    assert str(folder) in message
    assert nothing_half_written(tmp_path)


def test_folder_without_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(["--config", "build_index", "data.source=files", *places(tmp_path)], capsys)
    assert "data.folder" in message
    assert nothing_half_written(tmp_path)


@pytest.mark.parametrize("damage", ["empty", "truncated", "corrupt", "text"])
def test_a_damaged_file_is_left_out_by_name_and_the_rest_goes_on(
    damage: str,
    market: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = files_of(market, tmp_path, "*.ohlcv-1d*")
    whole = next(p for p in sorted(market.rglob("*.mbp-1.dbn.zst")) if "broken" not in p.parts)
    content = whole.read_bytes()
    bad = folder / "bad.mbp-1.dbn.zst"
    middle = len(content) // 2
    bad.write_bytes(
        {
            "empty": b"",
            "truncated": content[:middle],
            "corrupt": content[:middle] + bytes(64) + content[middle + 64 :],
            "text": b"date,open,high\n",
        }[damage]
    )
    good = next(p for p in sorted(market.rglob("*.mbp-1.dbn.zst"), reverse=True) if "broken" not in p.parts)
    shutil.copy(good, folder / good.name)
    every_day = ["scanner.candidate_min_range=0", "scanner.candidate_min_rvol=0"]
    assert scan(["--all", *small(tmp_path), *every_day, "data.source=files"]) == 0
    told = capsys.readouterr()
    assert "bad.mbp-1.dbn.zst" in told.out + caplog.text
    assert nothing_half_written(tmp_path)


def test_only_damaged_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dnb").mkdir()
    (tmp_path / "dnb" / "a.dbn.zst").write_bytes(b"")
    message = refused(["--config", "build_index", *places(tmp_path)], capsys)
    assert "a.dbn.zst (empty-file)" in message


def test_missing_schema(market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only daily bars: there is nothing to train on, and that is said."""
    files_of(market, tmp_path, "*.ohlcv-1d*")
    message = refused(["--config", "quick", *places(tmp_path)], capsys)
    assert "mbp-1" in message
    assert nothing_half_written(tmp_path)


def test_a_date_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(["--config", "backtest_date", "2025-13-45", *small(tmp_path)], capsys)
    assert "2025-13-45 is no date" in message


def test_no_model_yet(market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files_of(market, tmp_path)
    assert "no model has been trained yet" in refused(["--config", "backtest", *small(tmp_path)], capsys)
    assert "no model has been trained yet" in refused(["--config", "quick", "--continue", *small(tmp_path)], capsys)
