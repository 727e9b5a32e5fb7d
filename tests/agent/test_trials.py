from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.statistics.luck import Tried, sharpe_per_session
from agent.statistics.sessions import Sessions
from agent.trials import BACKTEST, VALIDATION, Trial, TrialLedger, side_by_side, tried
from utils.paths import ROOT

DATES = tuple(dt.date(2025, 4, day) for day in (1, 2, 3, 4))
WRITER = """
import sys
from pathlib import Path
from agent.trials import Trial, TrialLedger
ledger = TrialLedger(Path(sys.argv[1]), "split")
for i in range(40):
    ledger.append(Trial("", "backtest", "v1", sys.argv[2], str(i), ("2025-04-01",) * 300, (float(i),) * 300, 1.0))
"""


def trial(weights: str, pnl: list[float], kind: str = BACKTEST, config: str = "c") -> Trial:
    return Trial.of(kind, "v1", weights, config, Sessions(DATES[: len(pnl)], np.array(pnl), 1_000.0))


def test_what_was_added_is_read_in_order(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path / "trials", "abc")
    assert ledger.read() == []
    added = [trial("a", [1.0, 2.5]), trial("b", [0.1, -3.0], VALIDATION)]
    for one in added:
        ledger.append(one)
    assert ledger.read() == added
    assert ledger.path == tmp_path / "trials" / "abc.jsonl"
    assert json.loads(ledger.path.read_text().splitlines()[1])["dates"] == ["2025-04-01", "2025-04-02"]


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, name], cwd=ROOT) for name in "xyz"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    trials = TrialLedger(tmp_path, "split").read()
    assert len(trials) == 120
    for name in "xyz":
        assert [one.config for one in trials if one.weights == name] == [str(i) for i in range(40)]


def test_a_line_cut_short_costs_that_try_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = TrialLedger(tmp_path, "s")
    ledger.append(trial("a", [1.0, 2.0]))
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + whole[:50])
    ledger.append(trial("b", [1.0, 3.0]))
    assert [one.weights for one in ledger.read()] == ["a", "b"]
    assert "one try less" in caplog.text


def test_a_policy_counts_once_and_by_its_backtest() -> None:
    seen, bought, again = [1.0, -1.0, 3.0, 0.0], [4.0, 5.0, 7.0, 2.0], [2.0, 2.5, 1.0, 2.0]
    trials = [
        trial("a", bought),
        trial("a", seen, VALIDATION),
        trial("a", bought),
        trial("b", again, VALIDATION),
        trial("b", again, VALIDATION, config="other costs"),
    ]
    found = tried(trials)
    ratios = [sharpe_per_session(np.array(pnl)) for pnl in (bought, again, again)]
    assert found.policies == 3
    assert found.deviation == pytest.approx(np.std(ratios, ddof=1))
    longer = tried(trials, sessions=16)
    assert (longer.policies, longer.deviation) == (3, pytest.approx(found.deviation / 2))
    assert tried([]) == tried(trials[:1]) == Tried(1, 0.0)


def test_policies_of_the_same_sessions_side_by_side() -> None:
    trials = [
        trial("a", [1.0, 2.0, 3.0], VALIDATION),
        trial("b", [4.0, 5.0], BACKTEST),
        trial("c", [7.0, 8.0, 9.0], VALIDATION),
        trial("c", [7.0, 8.0, 9.0], VALIDATION),
    ]
    np.testing.assert_array_equal(side_by_side(trials, DATES[:3]), [[1, 7], [2, 8], [3, 9]])
    np.testing.assert_array_equal(side_by_side(trials, DATES[:2]), [[4], [5]])
    assert side_by_side(trials, DATES).shape == (4, 0)
