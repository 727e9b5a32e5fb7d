"""What the product defines, the product uses: code that only its own tests reach is dead."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from vulture import Vulture

ROOT = Path(__file__).parents[1]
PACKAGES = ["agent", "ai", "config", "data", "envs", "feature", "metrics", "rewards", "scripts", "simulators", "utils"]
PROGRAMS = ["main.py", "optuna_optimization.py"]
CALLED_BY_LIBRARIES = {
    "forward",  # torch
    "step_async step_wait get_attr set_attr env_is_wrapped wrapper_class get_images",  # stable-baselines3
    "proba_distribution apply_masking extract_features",  # sb3-contrib
    "typing_context",  # numba
    "writeable",  # NumPy
    "index_string",  # Dash
    "handleError",  # logging
    "__call__",  # functions that fit a protocol
    "start_date end_date raw_symbol",  # databento_dbn reads them as attributes
}
KEPT = {
    "PCT_50": "the action's number says which it is",
    "PCT_75": "the same",
    "STATIC": "its number counts",
    "INFORMATION_REQUESTED": "a code of Databento's",
    "CLIP_RANGE": "sb3-contrib logs it by its name",
    "UPDATES": "the same",
    "payoff": "shown as a column, by its name",
    "per_step": "told as numbers by name",
    "per_episode": "told as numbers by name",
    "ExecutionSimulator": "single orders, for notebooks and tests of fills",
    "quoted_bars": "for data providers of one's own",
    "verify_folder": "files to their last byte, for notebooks and tests of damage",
    "accepted": "tests of documents ask it",
}


def dead_names(paths: list[Path]) -> dict[str, str]:
    """Names that nothing in `paths` uses, with where they are. What is decorated is registered, and counts as used."""
    finder = Vulture(ignore_decorators=["@*"])
    finder.scavenge([str(path) for path in paths])
    spoken = {
        node.value
        for path in paths
        for file in ([path] if path.is_file() else path.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    found = finder.get_unused_code(min_confidence=60)
    return {item.name: f"{item.filename}:{item.first_lineno}" for item in found if item.name not in spoken}


@cache
def dead() -> dict[str, str]:
    return dead_names([ROOT / name for name in PACKAGES + PROGRAMS])


def test_nothing_is_dead() -> None:
    known = {name for names in CALLED_BY_LIBRARIES for name in names.split()} | KEPT.keys()
    assert {name: where for name, where in dead().items() if name not in known} == {}


def test_what_is_kept_is_unused() -> None:
    """Or it need not stand in the list."""
    assert KEPT.keys() <= dead().keys()


@pytest.mark.parametrize("line", ["def never() -> int:\n    return 1\n", "NEVER = 3\n"])
def test_dead_code_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.py").write_text(line + "print(len('used'))\n")
    assert len(dead_names([tmp_path])) == 1
