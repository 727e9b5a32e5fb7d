from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.engine_ablation import ARMS, Arm, main, picture, table, verdict
from scripts.engine_ablation_page import page
from tests.support.configs import load_config
from tests.support.small_market import small, tiny_training

STEPS = np.array([8_192, 16_384, 24_576, 32_768])
CURVE = np.array([-0.04, -0.02, -0.01, 0.01])
SPREAD = np.linspace(-0.001, 0.001, 5)[:, None]
PNL = np.array([[1.0, 3.0], [2.0, 4.0], [0.0, 5.0], [1.5, 3.5], [1.0, 4.0]])
ENGINE = Arm("engine", STEPS, CURVE + SPREAD, PNL, 20.4)
SAME = Arm("full shuffle", STEPS, CURVE + SPREAD[::-1], PNL[::-1], 50.0)
WORSE = Arm("normalised by minibatch", STEPS, CURVE - 0.02 + SPREAD, 0 * PNL, 21.0)


def test_every_arm_but_the_first_takes_back_one_shortcut() -> None:
    values = []
    for words in ARMS.values():
        training = load_config("engine_ablation", list(words)).training
        values.append((training.block_rows, training.advantage_norm))
    assert values == [(60, "rollout"), (1, "rollout"), (60, "batch")]


def test_what_was_learnt_is_the_last_quarter() -> None:
    assert ENGINE.learnt.value == pytest.approx(0.01)
    assert 0.009 <= ENGINE.learnt.low < 0.01 < ENGINE.learnt.high <= 0.011
    assert [round(point.value, 4) for point in ENGINE.curve()] == CURVE.tolist()


def test_the_table_has_a_row_an_arm() -> None:
    lines = table([ENGINE, WORSE, SAME._replace(pnl=np.zeros((5, 0)))]).splitlines()
    assert len(lines) == 5
    assert lines[2].startswith("| engine | +0.01000 (95 %: +0.0")
    assert lines[2].endswith("| 20 |")
    assert "| +0.00 (95 %: +0.00 to +0.00) |" in lines[3]
    assert "| - |" in lines[4]


def test_the_verdict_says_it_whatever_it_is() -> None:
    assert verdict([ENGINE, SAME]) == "Engine against full shuffle: intervals overlap."
    assert "apart in reward (better with the engine) and validation (better" in verdict([ENGINE, WORSE])
    assert "worse with the engine" in verdict([WORSE, ENGINE])
    assert "5 policies did not trade" in verdict([ENGINE, WORSE])


def test_the_page_and_the_picture_are_the_same_each_time() -> None:
    arms = [ENGINE, SAME, WORSE]
    assert picture(arms) == picture(arms)
    assert "32,768 steps, 5 seeds" in page(table(arms), verdict(arms), seeds=5, steps=32_768)


@pytest.mark.slow
def test_the_command_trains_every_arm_and_draws_its_page(tmp_path: Path) -> None:
    few = ["env.decision_interval_s=20", "training.total_steps=512", "wandb.mode=disabled", "dashboard.enabled=never"]
    words = [*small(tmp_path), *tiny_training(), *few]
    assert main(["--quick", "--seeds", "1", "--out", str(tmp_path), *words]) == 0
    page = (tmp_path / "engine_ablation.md").read_text()
    assert all(f"| {arm} |" in page for arm in ARMS)
