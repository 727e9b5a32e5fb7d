"""The command `audit-fills`: passes on made and on real days, fails for a model that gives money away, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.audit.market import Audit
from scripts.audit.report import FAILED, PASSED
from scripts.audit_fills import page
from scripts.audit_fills.__main__ import chosen, main
from scripts.audit_fills.measure import measured
from scripts.audit_fills.picture import slippage_svg
from utils.errors import EXIT_USER_ERROR

NAMES = ["books", "halts", "conservation", "figures", "days", "sensitivity"]


@pytest.fixture(scope="module")
def words(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The small sample market as files of one's own."""
    cache = tmp_path_factory.mktemp("audit")
    return ["data.source=files", f"data.folder={sample_folder}", f"data.cache={cache}"]


def test_checks_come_in_order() -> None:
    assert [check.name for check in chosen([])] == NAMES
    assert [check.name for check in chosen(["figures", "books"])] == ["books", "figures"]


@pytest.mark.slow
def test_all_checks_pass_on_the_sample_market(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--quick", "--json", str(tmp_path / "figures.json"), "--", *words]) == PASSED
    figures = [json.loads(line) for line in (tmp_path / "figures.json").read_text().splitlines()]
    assert list(dict.fromkeys(figure["check"] for figure in figures)) == NAMES
    assert {figure["ok"] for figure in figures} <= {True, None}
    shown = capsys.readouterr().out
    assert "profitable instant round trips" in shown
    assert "Slippage by order size" in shown


def test_a_model_that_fills_at_the_mid_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "books", "simulation/fill=mid"]) == FAILED
    assert "NO" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "book"], "books"),
        (["--only", "books", "--docs"], "leave --only out"),
        (["simulation.fil=mid"], "simulation.fill"),
        (["--only", "days", "data.source=files", "data.folder=/nowhere"], "/nowhere"),
    ],
)
def test_mistakes_are_told(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == EXIT_USER_ERROR
    assert told in capsys.readouterr().err


def test_page_and_picture(words: list[str]) -> None:
    """Both are the same for the same figures, and name no folder of this machine."""
    audit = Audit(words, quick=True)
    check = chosen(["days"])[0]
    text = page.page(audit, {"days": check.run(audit)})
    assert page.page(audit, {"days": check.run(audit)}) == text
    assert "./fx audit-fills --docs --quick data.source=files data.folder=FOLDER data.cache=cache" in text
    assert "4 synthetic days" in text
    assert words[1].partition("=")[2] not in text
    assert text.count("\n### ") == 5
    picture = slippage_svg(measured(audit), audit.data_name)
    assert slippage_svg(measured(audit), audit.data_name) == picture
    assert "<svg" in picture


def test_real_days(lean_folder: Path, tmp_path: Path) -> None:
    """Every fill lies between the best price of its moment and the limit, on days of a real market."""
    audit = Audit(
        ["data.source=files", f"data.folder={lean_folder}", f"data.cache={tmp_path}", "timeline.tier1=[AIG,BAC,IBM]"],
        quick=True,
    )
    (check,) = chosen(["days"])
    report = check.run(audit)
    assert all(figure.ok for figure in report.figures)
    found = measured(audit)
    dear, cheap = (found.cost(dollars=size, slower=1.0).median for size in (50_000.0, 1_000.0))
    assert dear > cheap > 0
