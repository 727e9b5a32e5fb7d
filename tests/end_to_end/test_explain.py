"""Explanations as people get them: beside a training, in a backtest's report, by ./fx explain; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from main import main as fx
from metrics import registry as names
from metrics.explanation import FOLDER, TRADES, Explanation, Stratum, explanations, failure
from metrics.notes import Kind
from metrics.run_store import RunStore
from scripts.explain.__main__ import main as explain
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR

pytestmark = pytest.mark.slow
ROLLOUT = 8 * 64
QUICKLY = ["explain.decisions=4", "explain.shap=4", "explain.steps=8", "explain.days=2", "explain.nice=0"]
FAST = [
    "env.decision_interval_s=60",
    "backtest.last_second=26000",
    "backtest.tune_days=1",
    "model.hold_bias=-2",
    "metrics.sinks=[store,csv]",
    *QUICKLY,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a run that was explained while it trained, and a backtest of one date whose trades were."""
    folder = tmp_path_factory.mktemp("explain")
    common = [*small(folder), *tiny_training(), *FAST]
    budget = ["training.time_limit_s=0", f"training.total_steps={5 * ROLLOUT}"]
    assert fx(["--config", "quick", *common, *budget, "explain.every=2", "explain.wait_s=200"]) == 0
    assert fx(["--config", "backtest_date", held_out(folder), *common, "explain.trades=2"]) == 0
    return folder


def held_out(folder: Path) -> str:
    """A test session."""
    return json.loads((newest(folder, "quick") / "about.json").read_text())["split"]["test"][0]


def newest(folder: Path, name: str) -> Path:
    return max((folder / "runs").glob(f"*-{name}"))


def test_a_training_is_explained_while_it_goes_on(folder: Path) -> None:
    run = newest(folder, "quick")
    (path,) = explanations(run)
    told = Explanation.read(path)
    assert (told.step, told.model, failure(run)) == (2 * ROLLOUT, "r000002", None)
    assert set(told.strata) == set(Stratum)
    assert max(told.strata.values()) == 4
    assert len(told.decisions) == sum(told.strata.values())
    days = json.loads((run / "about.json").read_text())["days"]
    assert {f"{one.symbol} {one.date}" for one in told.decisions} <= set(days)
    assert 0 < told.cost.memory_mb < told.cost.limit_mb == 2048
    assert 0 < told.cost.cpu_s < told.cost.seconds
    with RunStore(run) as store:
        recorded = store.series([names.EXPLAIN_MB.name, names.EXPLAIN_SKIPPED.name, names.EXPLAINED_STEP.name])
        kinds = [row for row in store.notes().iter_rows(named=True) if row["kind"] == Kind.EXPLANATION]
    assert recorded[names.EXPLAINED_STEP.name].max() == 2 * ROLLOUT
    assert recorded[names.EXPLAIN_MB.name].max() == told.cost.memory_mb
    assert len(kinds) == 1
    assert json.loads(kinds[0]["data"]) == {"file": str(path)}
    assert not (run / "explanations" / "work").exists()


def test_the_trades_of_a_backtest_are_explained_and_reported(folder: Path) -> None:
    run = newest(folder, "backtest-date")
    told = Explanation.read(run / FOLDER / TRADES)
    trades = pl.read_parquet(run / "trades.parquet")
    most = trades.sort(pl.col("pnl").abs(), descending=True).head(2)
    for row in most.iter_rows(named=True):
        ends = {one.stratum: one for one in told.decisions if (one.symbol, one.lane) == (row["symbol"], row["lane"])}
        seconds = [one.second for one in told.decisions if one.lane == row["lane"] and one.stratum == Stratum.ENTRY]
        assert any(0 <= row["entry_second"] - second <= 60 for second in seconds)
        assert ends[Stratum.ENTRY].date == row["date"]
    causes = told.decisions[0].causes
    assert [abs(cause.share) for cause in causes] == sorted((abs(cause.share) for cause in causes), reverse=True)
    assert "Why did it trade?" in (run / "report.html").read_text()


def test_a_day_is_explained_on_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = held_out(folder)
    words = ["--", "--model", "v1", "--date", session, *small(folder), *tiny_training(), *FAST]
    assert explain([*words, "explain.trades=2"]) == 0
    told = capsys.readouterr().out
    for part in (f"Why it traded: v1, {session}, SYNTHETIC MARKET", "what made it enter", "Can it be believed?"):
        assert part in told
    run = newest(folder, "explain")
    (path,) = explanations(run)
    kept = Explanation.read(path)
    assert kept.step == json.loads((folder / "models" / "v1" / "metadata.json").read_text())["steps"]
    assert {one.date for one in kept.decisions} == {session}
    assert {one.stratum for one in kept.decisions} <= {Stratum.ENTRY, Stratum.EXIT}
    strongest = max(kept.features, key=lambda use: use.action)
    assert strongest.name.replace("_", " ") in told
    assert (run / "explanation.svg").read_text().startswith("<?xml")


def test_what_is_not_there_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = [*small(folder), *tiny_training(), *FAST]
    for words, said in (
        (("--model", "v9"), ("v9", "v1")),
        (("--model", "v1", "--date", "1999-01-04"), ("there is no session on 1999-01-04", "--date 2025-04-")),
        (("--model", "v1", "--date", "monday"), ("--date 'monday' is no date", "--date 2025-04-15")),
        (("--model", "v1", "--symbol", "MLGX"), ("no file holds the symbol MLGX", "MLGO")),
        (("v1",), ("'v1' is no option", "--model v5")),
        (("--modle", "v1"), ("there is no option '--modle'", "--model")),
    ):
        assert explain([*words, *common]) == EXIT_USER_ERROR
        told = capsys.readouterr().err
        for part in said:
            assert part in told
