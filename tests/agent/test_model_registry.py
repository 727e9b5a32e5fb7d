from __future__ import annotations

import json
import math
import multiprocessing
from pathlib import Path

import pytest

from agent.model_registry import ModelRegistry, git_state
from utils.errors import ModelError


def save(folder: Path) -> None:
    folder.mkdir()
    (folder / "weights").write_text("w")


def test_versions_count_up_and_the_best_is_found(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path, keep=5)
    names = [registry.register(save, score, {"seed": 0}) for score in (1.0, 3.0, 2.0, math.nan)]
    assert names == ["v1", "v2", "v3", "v4"]
    assert registry.resolve("best") == tmp_path / "v2"
    assert registry.resolve("v3") == tmp_path / "v3"
    assert registry.resolve(str(tmp_path / "v1")) == tmp_path / "v1"
    assert [entry.score for entry in registry.list()] == [1.0, 3.0, 2.0, -math.inf]
    metadata = json.loads((tmp_path / "v2" / "metadata.json").read_text())
    assert metadata["seed"] == 0
    assert (tmp_path / "v2" / "weights").read_text() == "w"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def register_one(folder: Path, score: float) -> None:
    ModelRegistry(folder, keep=2).register(save, score, {})


def in_another_process(folder: Path, *scores: float) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=register_one, args=(folder, score)) for score in scores]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0


def test_the_best_stay_and_a_runs_own_models_too(tmp_path: Path) -> None:
    in_another_process(tmp_path, 5.0)
    in_another_process(tmp_path, 4.0)
    in_another_process(tmp_path, 3.0)  # worse than both, but the newest of its run
    assert [e.name for e in ModelRegistry(tmp_path, 2).list()] == ["v1", "v2", "v3"]
    registry = ModelRegistry(tmp_path, keep=2)
    assert registry.register(save, 1.0, {}) == "v4"
    assert [e.name for e in registry.list()] == ["v1", "v2", "v4"]
    in_another_process(tmp_path, 6.0)  # v4 is still in use here
    assert [e.name for e in registry.list()] == ["v1", "v4", "v5"]


REAL, SYNTHETIC = {"synthetic": False}, {"synthetic": True}


def test_models_of_real_and_of_synthetic_days_are_never_ranked_together(tmp_path: Path) -> None:
    """Dollars of the sample market say nothing about real ones."""
    registry = ModelRegistry(tmp_path, keep=2)
    registry.register(save, 900.0, SYNTHETIC)
    assert registry.resolve("best") == tmp_path / "v1"  # there is nothing else
    with pytest.raises(ModelError, match="no model has been trained on real days") as refused:
        registry.resolve("best", synthetic=False)
    assert "v1, the best on synthetic days" in refused.value.near[0]
    registry.register(save, -5.0, REAL)
    assert registry.resolve("best") == registry.resolve("best", synthetic=False) == tmp_path / "v2"
    assert registry.resolve("best", synthetic=True) == tmp_path / "v1"


def register_kinds(folder: Path) -> None:
    registry = ModelRegistry(folder, keep=1)
    for score, kind in ((900.0, SYNTHETIC), (-5.0, REAL), (800.0, SYNTHETIC), (-6.0, REAL)):
        registry.register(save, score, kind)


def test_each_kind_keeps_its_own_best(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=register_kinds, args=(tmp_path,))
    writer.start()
    writer.join()
    ModelRegistry(tmp_path, keep=1).register(save, 1.0, SYNTHETIC)  # nobody uses the others any more
    assert [(e.name, e.score) for e in ModelRegistry(tmp_path, keep=1).list()] == [
        ("v1", 900.0),
        ("v2", -5.0),
        ("v5", 1.0),
    ]


def test_two_writers_at_once_get_two_versions(tmp_path: Path) -> None:
    in_another_process(tmp_path, 1.0, 2.0, 3.0)
    numbers = [entry.number for entry in ModelRegistry(tmp_path, 9).list()]
    assert 3 in numbers
    assert len(set(numbers)) == len(numbers) >= 2


def test_failed_save_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        save(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ModelRegistry(tmp_path, keep=2).register(fail, 1.0, {})
    assert list(tmp_path.iterdir()) == []


def test_unknown_models_are_told(tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path / "models", keep=2)
    with pytest.raises(ModelError, match="no model has been trained"):
        registry.resolve("best")
    registry.register(save, 1.0, {})
    with pytest.raises(ModelError, match="nearest:   v1"):
        registry.resolve("v11")


def test_git_state_is_plain(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {"commit": None, "dirty": None}
    state = git_state()
    assert state["commit"] is None or len(state["commit"]) == 40
