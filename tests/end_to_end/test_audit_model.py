"""The command `audit` on a small market: its verdict, and that each of its checks can fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feature.registry import temporary_features
from main import main as fx
from scripts.audit.report import FAILED
from scripts.audit_model.__main__ import main
from simulators.models import FILL_MODELS
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR

FEW = ["training.time_limit_s=0", "training.total_steps=512", "env.decision_interval_s=240", "data.source=sample"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A market, and a model v1 that has hardly been trained."""
    words = small(tmp_path_factory.mktemp("audit"))
    assert fx(["--config", "quick", *words, *tiny_training(), *FEW]) == 0
    return words


def place(words: list[str], name: str) -> Path:
    return Path(next(word for word in words if word.startswith(f"{name}=")).partition("=")[2])


def audited(out: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and audit.json."""
    code = main([*words, "--quick", "--json", str(out), "backtest.bootstrap_draws=100", "backtest.random_draws=2"])
    return code, json.loads(out.read_text())


def figures(told: dict[str, Any], check: str) -> dict[str, Any]:
    return {one["name"]: one for one in told["checks"][check]["figures"]}


@pytest.mark.slow
def test_a_model_that_knows_nothing_fails_and_is_told_why(words: list[str], tmp_path: Path) -> None:
    code, told = audited(tmp_path / "audit.json", "v1", *words)
    assert code == FAILED
    assert told["verdict"].startswith("Do not trade it: ")
    passed = {name: one["passed"] for name, one in told["checks"].items()}
    honest = ("causality", "scrambled_future", "placebo")
    assert passed == {name: name in honest for name in passed}
    assert len(passed) == 6
    assert figures(told, "sensitivity")["cells with a net P&L above 0"]["value"].endswith("of 18")
    assert len(told["checks"]["seeds"]["tables"][0]["rows"]) == 2
    (run,) = place(words, "runs").glob("*-audit")
    page = (run / "audit.html").read_text()
    assert "SYNTHETIC MARKET" in page
    assert told["reasons"][0]["text"].replace("'", "&#x27;") in page
    trained = sorted(path.name for path in place(words, "models").parent.glob("seeds/v*"))
    assert trained == ["v1", "v2", "v3"]  # two on the placebo, one beside the model itself
    again = audited(tmp_path / "again.json", "v1", *words)
    assert again == (code, told)
    assert sorted(path.name for path in place(words, "models").parent.glob("seeds/v*")) == trained


@pytest.mark.slow
def test_money_that_is_given_away_is_found_on_the_placebo(words: list[str], tmp_path: Path) -> None:
    gifts = ["plugins=[tests.plugins.gifts]", "simulation/fill=mid", "simulation.fill.model=gifts"]
    with FILL_MODELS.temporary():
        code, told = audited(tmp_path / "audit.json", "v1", "--only", "placebo", *words, *gifts)
    assert code == FAILED
    assert "there is no signal it earns money" in told["verdict"]


@pytest.fixture
def features() -> Iterator[None]:
    """What plugins register is forgotten."""
    with temporary_features():
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("features")
def test_a_model_that_sees_the_next_second_is_caught(words: list[str], tmp_path: Path) -> None:
    leak = [*words, "plugins=[tests.plugins.crystal_ball]", f"models={tmp_path / 'models'}"]
    assert fx(["--config", "quick", *leak, *tiny_training(), *FEW]) == 0
    only = ["--only", "causality", "--only", "scrambled_future"]
    code, told = audited(tmp_path / "audit.json", "v1", *only, *leak)
    assert code == FAILED
    assert told["verdict"] == "Do not trade it: 1 of 184 features know the future, crystal_ball among them."
    assert figures(told, "scrambled_future")["features that changed"]["ok"] is False
    assert not told["checks"]["scrambled_future"]["passed"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["v7"], "there is no model 'v7'"),
        (["--only", "placebos"], "placebo"),
        (["env.max_los=1"], "env.max_loss"),
    ],
)
def test_mistakes_are_told(arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, *small(tmp_path)]) == EXIT_USER_ERROR
    assert told in capsys.readouterr().err
