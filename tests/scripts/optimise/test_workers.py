"""One of several workers: what it does where the storage fails."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from config.studies import load_study
from scripts.optimise.storages import open_storage
from scripts.optimise.workers import work_on
from tests.support.small_market import small
from utils.errors import TrainingError


def test_a_storage_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the worker ends with the code after which none is started again."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    database = tmp_path / "studies.db"
    study = load_study("quick_search", [f"optuna.storage=sqlite:///{database}"])
    open_storage(study.storage)
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE study_user_attributes RENAME COLUMN value_json TO gone")
    words = [*small(tmp_path), "split.train=0.4", "split.validation=0.4"]
    note = tmp_path / "job.json"
    study_values = OmegaConf.to_container(OmegaConf.structured(study))
    note.write_text(json.dumps({"study": study_values, "words": words, "hours": 0.0}))
    with pytest.raises(TrainingError, match=r"the storage fails: no such column: .*value_json"):
        work_on(note)
