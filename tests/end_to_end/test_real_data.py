"""Real days: trained on two, backtested on the third, by the documented command and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from main import main
from tests.support.small_market import places, tiny_training


@pytest.mark.slow
def test_two_days_of_training_and_a_backtest_on_the_third(lean_folder: Path, tmp_path: Path) -> None:
    """AIG, BAC and IBM, 7-9 October 2013."""
    overrides = [*places(tmp_path), *tiny_training(5), f"data.folder={lean_folder}", "env.decision_interval_s=30"]
    assert main(["--config", "any_stock", *overrides]) == 0
    about = json.loads((tmp_path / "models" / "v1" / "metadata.json").read_text())
    assert about["split"] == {"train": ["2013-10-07", "2013-10-08"], "validation": [], "test": ["2013-10-09"]}
    assert about["synthetic"] is False
    assert len(about["days"]) == 6
    run = next((tmp_path / "runs").iterdir())
    days = pl.read_csv(run / "days.csv")
    assert days["symbol"].to_list() == ["AIG", "BAC", "IBM"]
    assert (days["costs"] >= 0).all()
    assert "synthetic market" not in (run / "report.html").read_text()
    fills = pl.read_parquet(run / "fills.parquet")
    assert (fills["fees"] >= 0).all()
