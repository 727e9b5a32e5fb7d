"""A training with several seeds, judged on the held-out days."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.seeds import BEATEN, NOT_BEATEN, main
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_that_trains_nothing_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", count]) == EXIT_USER_ERROR
    assert "argument --seeds" in capsys.readouterr().err


@pytest.mark.slow
def test_each_seed_has_its_row_and_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["env.decision_interval_s=20", "training.time_limit_s=0", "training.total_steps=1024"]
    assert main(["--seeds", "2", *small(tmp_path), *tiny_training(), *few]) in (BEATEN, NOT_BEATEN)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert [row.split("│")[1].strip() for row in rows] == ["0", "1"]
    assert len(list((tmp_path / "runs").iterdir())) == 2
