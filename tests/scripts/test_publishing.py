"""A report reaches W&B with what lies beside it, in the lineage of its model; without W&B nothing happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.publishing import publish_report
from tests.support.configs import load_config


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "evaluation.json").write_text("{}")
    path = tmp_path / "report.html"
    path.write_text("<p>no edge</p>")
    return path


def test_the_report_and_its_company_are_an_artifact(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(report.parent / "cache"))
    folder = report.parent / "run"
    publish_report(load_config("backtest", []), folder, report, {"group": "a-line", "steps": 7}, "v3")
    (file,) = (folder / "wandb").glob("offline-run-*/run-*.wandb")
    kept = file.read_bytes()
    for word in (b"a-line", b"report.html", b"evaluation.json", b"backtest of v3"):
        assert word in kept
    assert b"tear_sheet.html" not in kept


def test_nothing_is_written_where_nobody_keeps_reports(report: Path) -> None:
    folder = report.parent / "run"
    publish_report(load_config("backtest", ["metrics.sinks=[csv,store]"]), folder, report, {}, "v3")
    publish_report(load_config("backtest", ["wandb.mode=disabled"]), folder, report, {}, "v3")
    assert not folder.exists()
