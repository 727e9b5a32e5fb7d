"""What ./fx check cannot see: nothing of the product reads what carries code, and docs/security.md tells the truth."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.covered import collected
from utils.paths import ROOT

PAGE = ROOT / "docs" / "security.md"
PACKAGES = ("agent", "ai", "config", "data", "envs", "feature", "metrics", "rewards", "scripts", "simulators", "utils")
CARRIERS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "runpy"}
"""Modules whose reading carries out what is read."""
READS = {"torch.load", "pd.read_pickle", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all"}
"""Functions that do so. NumPy does where it is allowed to."""


def wrong(code: ast.AST) -> Iterator[str]:
    """What it imports or calls that may carry out what it reads."""
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.partition(".")[0] in CARRIERS)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in CARRIERS:
            yield str(node.module)
        if isinstance(node, ast.Call):
            allows = any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords)
            if allows or ast.unparse(node.func) in READS:
                yield ast.unparse(node)


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_unpickled(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        assert list(wrong(ast.parse(path.read_text()))) == [], path


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
    ],
)
def test_what_unpickles_is_found(code: str) -> None:
    assert len(list(wrong(ast.parse(code)))) == 1


def test_the_page_names_tests_that_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE.read_text())
    assert len(named) > 10
    assert [test for test in named if not collected(test)] == []


def test_what_is_audited_is_the_lock() -> None:
    """The list that the page's command looks up has every package that `./fx setup` installs, in its version."""
    (listed,) = re.findall(r"pip-audit .*-r (\S+)", PAGE.read_text())
    lines = (ROOT / listed).read_text().splitlines()
    lock = tomllib.loads(Path(ROOT / "poetry.lock").read_text())["package"]
    assert {line.partition(" ")[0] for line in lines} == {f"{p['name']}=={p['version']}" for p in lock}
