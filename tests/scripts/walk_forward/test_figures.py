"""What the cells of a walk-forward amount to, on cells whose figures are known."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np
import pytest

from agent.ledger import Ledger
from agent.statistics.luck import Tried
from agent.statistics.seeds import iqm_interval
from agent.statistics.sessions import Series, Sessions
from agent.statistics.verdict import judge
from agent.trials import BACKTEST, VALIDATION, Trial, TrialLedger
from data.split import rolling_folds
from scripts.trials import TRIALS
from scripts.walk_forward.figures import Selection, figures, selection, trend, tries_of
from scripts.walk_forward.page import html_page, result_picture, write_docs
from scripts.walk_forward.report import Result, grid_head, grid_rows, plain, sentences, session_table, write_tables
from scripts.walk_forward.results import Cell, Grid, side_by_side
from tests.support.configs import load_config

WALK = load_config("quick", []).walk_forward
DAYS = [dt.date(2025, 3, 1) + dt.timedelta(days=n) for n in range(40)]
SPLITS = rolling_folds(DAYS, WALK)
TESTED = 6
DRAWS = 200


def cell(fold: int, seed: int, pnl: Series, score: float) -> Cell:
    """A cell of six sessions with a symbol-day each."""
    split = SPLITS[fold - 1]
    run = Ledger(TESTED).close("agent", [])._replace(pnl=pnl, gross=pnl)
    baselines = {"cash": np.zeros(TESTED), "rule": np.linspace(-20.0, 30.0, TESTED) + seed}
    held = Sessions(split.test, pnl, 25_000.0)
    return Cell(fold, seed, Path(f"v{seed + 1}"), score, TESTED, held, baselines, np.full(TESTED, 400.0), run)


def grid(seeds: int = 3, *, scores: Series | None = None, folds: int = 3) -> Grid:
    """Seeds rise by 10 dollars, folds by 100; scores [F, K], the seed's number if they are not said."""
    shaken = np.array([-30.0, 10.0, 25.0, -25.0, -10.0, 30.0])  # sums to 0
    cells = [
        cell(fold, seed, 100.0 * fold + 10.0 * seed + shaken, seed if scores is None else float(scores[fold - 1, seed]))
        for fold in range(1, folds + 1)
        for seed in range(seeds)
    ]
    return Grid(tuple(cells))


@pytest.fixture(scope="module")
def result() -> Result:
    whole = grid()
    found = figures(whole, Tried(9, 0.1), DRAWS, 0)
    facts = {"configuration": "demo <small>"}
    return Result(whole, SPLITS, found, judge(found.evaluation, synthetic=True), facts, True, False, False)


def test_cells_make_a_grid(result: Result) -> None:
    whole = result.grid
    assert whole.scores.tolist() == [[100.0, 200.0, 300.0], [110.0, 210.0, 310.0], [120.0, 220.0, 320.0]]
    assert whole.dates == tuple(date for split in SPLITS for date in split.test)
    assert whole.pnl.shape == (3, 18)
    assert whole.sessions.pnl.mean() == pytest.approx(210.0)
    assert whole.baseline("rule")[0] == -19.0  # mean over the seeds


def test_the_seeds_side_by_side_are_one_run_with_a_share_of_the_money_each(result: Result) -> None:
    run = side_by_side(result.grid)
    assert len(run.pnl) == 9 * TESTED
    assert run.pnl.sum() == pytest.approx(result.grid.sessions.pnl.sum())
    assert run.totals["gross"] == pytest.approx(run.totals["net"])
    assert run.trace is None


def test_means_and_leads_over_all_sessions(result: Result) -> None:
    found, evaluation = result.figures, result.figures.evaluation
    assert evaluation.mean.value == pytest.approx(210.0)
    assert {lead.over: lead.dollars.value for lead in evaluation.leads} == {
        "cash": pytest.approx(210.0),
        "rule": pytest.approx(204.0),
    }
    assert evaluation.tried.policies == 9
    assert evaluation.overfitting is not None  # of picking one of the seeds
    assert found.iqm["agent"] == iqm_interval(result.grid.scores, DRAWS, 0)
    assert found.iqm["agent - rule"].value == pytest.approx(found.iqm["agent"].value - 6.0, abs=0.5)
    assert found.by_fold == [pytest.approx(110.0), pytest.approx(210.0), pytest.approx(310.0)]
    assert found.capture == pytest.approx(210.0 / 400.0)


def test_one_seed_has_no_interval_and_no_choice() -> None:
    found = figures(grid(1), Tried(1, 0.0), DRAWS, 0)
    assert not math.isfinite(found.iqm["agent"].low)
    assert found.evaluation.mean.low > 0
    assert found.selection is None
    assert found.plain()["iqm"]["agent"]["low"] is None


def test_a_score_that_tells_the_best_is_told_from_one_that_does_not() -> None:
    right = selection(grid(), 0)
    assert right == selection(grid(), 0)
    assert right is not None
    assert (right.correlation, right.picked, right.mean) == (pytest.approx(1.0), 220.0, 210.0)
    assert right.p == pytest.approx(6**-3, rel=0.5)  # one order of three in each of three folds
    assert right.optimism == pytest.approx(1.0 - 210.0)
    wrong = selection(grid(scores=np.array([[3.0, 2.0, 1.0]] * 3)), 0)
    assert wrong is not None
    assert (wrong.correlation, wrong.p, wrong.picked) == (pytest.approx(-1.0), pytest.approx(1.0), 200.0)


def test_scores_that_are_all_alike_or_unknown_tell_nothing() -> None:
    alike = selection(grid(scores=np.zeros((3, 3))), 0)
    assert alike is not None
    assert math.isnan(alike.correlation)
    assert math.isnan(alike.p)
    known = selection(grid(scores=np.array([[np.nan] * 3, [1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])), 0)
    assert known is not None
    assert (known.correlation, known.mean) == (pytest.approx(1.0), 210.0)  # of the second fold alone
    assert selection(grid(scores=np.full((3, 3), np.nan)), 0) is None


def test_the_trend_is_that_of_the_folds() -> None:
    rising = trend([1.0, 2.0, 4.0, 5.0, 6.0])
    assert rising.slope == pytest.approx(1.25, abs=0.1)
    assert rising.p == pytest.approx(2 / 120)
    assert trend([3.0, 2.0, 1.0]).p == pytest.approx(1 / 3)
    assert math.isnan(trend([3.0]).slope)


def test_all_tries_on_the_folds_sessions_count(tmp_path: Path) -> None:
    config = load_config("quick", [f"data.cache={tmp_path}"])
    splits = SPLITS[:2]
    pnl = np.array([3.0, -1.0, 2.0, 0.0])
    for split, weights in zip(splits, ("a", "b"), strict=True):
        ledger = TrialLedger(tmp_path / TRIALS, split.hash)
        short = Sessions(split.validation, pnl, 1.0)
        ledger.append(Trial.of(VALIDATION, "", weights, "", short))
        ledger.append(Trial.of(VALIDATION, "", f"{weights}2", "", short._replace(pnl=-pnl)))
        ledger.append(Trial.of(BACKTEST, "", weights, "", Sessions(split.test, np.tile(pnl, 2)[:6], 1.0)))
    tries = tries_of(config, splits, 16)
    assert tries.policies == 4
    ratio = pnl.mean() / pnl.std(ddof=1) / 2  # as of 16 sessions
    long = np.tile(pnl, 2)[:6]
    assert tries.deviation == pytest.approx(
        np.std([long.mean() / long.std(ddof=1) * math.sqrt(6 / 16), -ratio] * 2, ddof=1)
    )


def test_the_table_has_a_row_a_training_and_middles(result: Result) -> None:
    rows = grid_rows(result.grid)
    assert [row[3] for row in rows] == [*["0", "1", "2", "IQM"] * 3, "IQM"]
    assert all(len(row) == len(grid_head(result.grid)) for row in rows)
    assert rows[0][:6] == ["1", f"{SPLITS[0].test[0]} to {SPLITS[0].test[-1]}", "6", "0", "$0.00", "+$100.00"]
    assert rows[3][5] == "+$110.00"
    assert rows[-1][5] == "+$210.00"
    assert rows[-1][-1] == "52 %"


def test_every_session_of_every_training_is_a_row(result: Result, tmp_path: Path) -> None:
    table = session_table(result.grid)
    assert table.columns == ["fold", "seed", "date", "agent", "cash", "rule", "oracle"]
    assert len(table) == 9 * TESTED
    write_tables(result, tmp_path)
    told = json.loads((tmp_path / "walk_forward.json").read_text())
    assert told == json.loads(json.dumps(plain(result)))
    assert [len(fold["trainings"]) for fold in told["folds"]] == [3, 3, 3]
    assert told["folds"][1]["trainings"][2]["net_per_session"]["agent"] == 220.0
    assert told["figures"]["evaluation"]["tried"]["policies"] == 9
    assert (tmp_path / "walk_forward.csv").read_text().count("\n") == 9 * TESTED + 1
    assert (tmp_path / "walk_forward.parquet").is_file()


def test_the_sentences_do_not_say_more_than_is_known(result: Result) -> None:
    told = "\n".join(sentences(result))
    assert "after 9 tries" in told
    assert "Of 9 trainings 9 earned money and 9 did not trade." in told  # nothing but figures were made here
    assert "not to be relied on" not in told
    assert "3 folds are too few to call it one" in told
    assert "proves nothing" not in told
    assert "proves nothing" in sentences(result._replace(quick=True))[0]
    useless = result.figures._replace(selection=Selection(-0.5, 0.9, 1.0, 2.0, 30.0))
    assert "that picking by validation helps is not shown" in "\n".join(sentences(result._replace(figures=useless)))


def test_the_page_loads_nothing_and_marks_what_must_be_known(result: Result) -> None:
    page = html_page(result._replace(oracle_selected=True))
    assert "SYNTHETIC MARKET" in page
    assert "ORACLE-SELECTED DAYS" in page
    assert "DSR" in page
    assert "demo &lt;small&gt;" in page
    assert page.count("<svg") == 1
    assert "src=" not in page
    assert "@import" not in page


def test_the_picture_is_the_same_each_time_and_shows_the_parts(result: Result) -> None:
    picture = result_picture(result)
    assert picture == result_picture(result)
    for word in ("each of 3 seeds", "agent, interquartile mean", "rule", "fold 3", "train", "validation", "test"):
        assert word in picture


def test_the_page_of_the_documentation(result: Result, tmp_path: Path) -> None:
    page = write_docs(result, tmp_path).read_text()
    assert "./fx walk-forward --quick" in page
    assert "| 1 | 2025-03-23 to 2025-03-28 | 6 | 0 |" in page
    assert (tmp_path / "walk_forward.svg").is_file()
    assert "- open: Synthetic market" in page
    assert "{" not in page
