"""The toy market is what it says, and one small training of it is explained as planted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from metrics.explanation import State
from scripts.explain_check.__main__ import BASE, MARKS, judged, main, parser, with_table
from scripts.explain_check.market import DEAD, FIRST_S, LAGS, NAMES, TWINS, ToyMarket, signal, toy_day
from scripts.explain_check.trial import Areas, Trial, trial
from simulators.layout import ACTIONS, SIZES, ActionType
from tests.support.configs import load_config
from utils.errors import EXIT_USER_ERROR

SMALL = ("training.total_steps=12288", "explain.decisions=6", "explain.shap=4")


def test_a_second_pays_what_the_three_said_so_many_rows_ago() -> None:
    day, second = toy_day(0, 0), 40_000
    hf, mf = NAMES["hf"].index, NAMES["mf"].index
    last = second // 60 - 1  # the last minute that is complete
    expected = (
        day.hf[second - 3, hf("signal_3_s")]
        + day.hf[second - 1, hf("signal_1_s")]
        + day.mf[last - 2, mf("signal_2_min")]
    )
    assert signal(day)[second] == pytest.approx(float(expected))
    assert not signal(day)[:FIRST_S].any()


def test_what_is_planted_stands_in_the_days() -> None:
    day = toy_day(0, 1)
    assert not day.hf[:, NAMES["hf"].index("always_zero")].any()
    assert np.unique(day.static[:, NAMES["static"].index("always_some")]) == pytest.approx([-0.7])
    first, second = (day.static[:, NAMES["static"].index(name)] for name in TWINS)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.99, abs=0.005)
    assert not np.array_equal(day.hf, toy_day(0, 2).hf)


def test_lanes_pay_buyers_and_sellers_and_nobody_else() -> None:
    days = [toy_day(0, 0)]
    lanes = ToyMarket(days, 3, seed=0)
    lanes.reset()
    pays = signal(days[0])[lanes.index[:, 1]]
    lanes.step(np.array([ActionType.HOLD, ActionType.BUY, ActionType.SELL]) * SIZES)
    np.testing.assert_allclose(lanes.rewards, [0, pays[1], -pays[2]], rtol=1e-6)
    assert lanes.action_mask.sum() == 3 * (ACTIONS - SIZES + 1)


@pytest.fixture(scope="module")
def found() -> Iterator[Trial]:
    threads = torch.get_num_threads()
    yield trial(load_config(BASE, SMALL), 0)
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_what_was_planted_is_found(found: Trial) -> None:
    assert found.first_three
    assert found.lags == LAGS
    assert found.missed == found.false_alarms == []
    assert found.twins_found
    assert found.deltas.max() <= 0.01
    assert found.shapley >= 0.85
    assert found.same_shap >= 0.85
    assert abs(found.explanation.randomised) < 0.6
    assert found.explanation.curve is not None
    areas = Areas.of(found.explanation.curve)
    assert areas.deletion < areas.random_deletion
    assert areas.insertion > areas.random_insertion


@pytest.mark.slow
def test_answers_are_judged_and_written_between_the_marks(found: Trial) -> None:
    report = judged([found, found])
    assert [figure.name for figure in report.figures if figure.ok is False] == []
    alarm = found._replace(false_alarms=["noise_hf_1"], missed=[sorted(DEAD)[0]], first_three=False)
    wrong = {figure.name: figure.value for figure in judged([found, alarm]).figures if figure.ok is False}
    assert wrong["the three planted features are the first three"] == "1 of 2"
    assert wrong["dead features: precision"] == "0.90"
    assert wrong["dead features: recall"] == "0.90"
    page = with_table(f"before\n{MARKS[0]}old\n{MARKS[1]}after\n", report)
    assert page.startswith(f"before\n{MARKS[0]}| figure")
    assert page.endswith(f"{MARKS[1]}after\n")
    assert "old" not in page
    dead = {use.name for use in found.explanation.features if use.state == State.DEAD}
    assert dead == DEAD


def test_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "0"]) == EXIT_USER_ERROR
    assert "--seeds 0" in capsys.readouterr().err
    options, words = parser().read(["--seeds", "2", "--docs", "training.lanes=16"])
    assert (options.seeds, options.docs, words) == (2, True, ["training.lanes=16"])
