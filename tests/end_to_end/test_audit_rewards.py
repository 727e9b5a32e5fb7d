"""The command `audit-rewards`: the presets hold, a reward that pays the same P&L again and again is caught."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rewards.registry import COMPONENTS
from scripts.audit.market import Audit
from scripts.audit.report import FAILED, PASSED
from scripts.audit_rewards import page
from scripts.audit_rewards.__main__ import PLACEBO, main, reward_sets
from scripts.audit_rewards.adversaries import ADVERSARIES
from scripts.audit_rewards.hunt import Outcome
from scripts.audit_rewards.learners import NAME
from tests.support.own_folder import MY_FX, own_parts
from utils.errors import EXIT_USER_ERROR

BROKEN = (
    "plugins=[tests.plugins.cumulative_pnl]",
    "+reward.components.cumulative_pnl="
    "{enabled: true, weight: 10, clip: 0, cap: 0, smoothing: 0, until: 0, halflife: 0, params: {}}",
)


@pytest.fixture
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """A market below a folder that all tests of this file share; components of plugins are forgotten afterwards."""
    folder = tmp_path_factory.getbasetemp() / "audit-rewards"
    with COMPONENTS.temporary():
        yield [f"data.cache={folder}", f"sample.folder={folder / 'files'}", "sample.symbols=[MLGO,NVDA]"]


@pytest.mark.slow
def test_the_default_holds(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    assert main(["--quick", "--only", "balanced", "--json", str(out), *words]) == PASSED
    (figure,) = (json.loads(line) for line in out.read_text().splitlines())
    assert (figure["check"], figure["ok"]) == ("balanced", True)
    assert figure["value"] == f"0 of {2 * len(ADVERSARIES.all()) + 1}"
    shown = capsys.readouterr().out
    assert NAME in shown
    assert all(name in shown for name in ADVERSARIES.all())


@pytest.mark.slow
def test_a_reward_that_pays_the_same_profit_again_and_again_is_caught(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--quick", "--only", "+cumulative_pnl", *words, *BROKEN]) == FAILED
    assert "hole: dodger" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "balance"], "balanced"),
        (["--only", "+mea"], "+mae"),
        (["--docs", "--quick"], "leave --only and --quick out"),
        (["plugins=[no.such.module]"], "no.such.module"),
        (["reward.bonus_share=-1"], "reward.bonus_share"),
    ],
)
def test_mistakes_are_told(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == EXIT_USER_ERROR
    assert told in capsys.readouterr().err


def test_every_preset_and_every_component_is_audited() -> None:
    sets = reward_sets(Audit(PLACEBO, quick=False), [])
    assert {"pnl_only", "balanced", "conservative", "v2"} <= set(sets)
    assert {name for name in sets if name.startswith("+")} == {f"+{n}" for n in COMPONENTS.all() if n != "log_equity"}
    enabled = {n for n, given in sets["+mae"].components.items() if given.enabled}
    assert enabled == {"log_equity", "mae"}


def test_presets_of_ones_own_are_audited_and_kept_out_of_the_projects_page(capsys: pytest.CaptureFixture[str]) -> None:
    with own_parts(MY_FX):
        assert [*reward_sets(Audit([*PLACEBO, "plugins=[patience]"], quick=True), ["patient"])] == ["patient"]
        assert main(["--docs"]) == EXIT_USER_ERROR
        assert "docs/reward_audit.md tells of config/ alone" in capsys.readouterr().err


def made(who: str, reward: float, pnl: float, name: str = "balanced", phase: str = "end") -> Outcome:
    return Outcome(who, name, phase, np.full(4, reward), np.full(4, pnl))


@pytest.mark.parametrize(("reward", "pnl", "hacked"), [(1, -5, True), (1, 0, True), (-1, -5, False), (1, 5, False)])
def test_what_counts_as_a_hack(reward: float, pnl: float, hacked: bool) -> None:
    assert made("churner", reward, pnl).hacked == hacked


def test_the_page_tells_of_everybody() -> None:
    found = [made(who, -1.0, -5.0, reward) for reward in ("balanced", "+mae") for who in ("churner", NAME)]
    text, svg = page.page(Audit(PLACEBO, quick=True), found), page.picture(found)
    assert "| `+mae` | 0 of 2 | -1.0000 |" in text
    assert "paid for losing" in svg
    assert svg == page.picture(found)
