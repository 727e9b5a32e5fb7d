"""`./fx replay`: what two checkpoints did on a day is what backtests of them say, and what it refuses."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from main import main as train
from metrics.replays import list_replays
from scripts.replay import main, replay_parser
from tests.support.small_market import small, tiny_training
from utils.errors import EXIT_USER_ERROR

pytestmark = pytest.mark.slow
ROLLOUT = 8 * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a run of a policy that trades from the start, and its last checkpoints."""
    folder = tmp_path_factory.mktemp("replay")
    budget = ["training.time_limit_s=0", f"training.total_steps={5 * ROLLOUT}", "training.checkpoint_every_s=0.001"]
    coarse = ["env.decision_interval_s=60", "metrics.sinks=[csv]", "model.hold_bias=-2"]
    assert train(["--config", "quick", *small(folder), *tiny_training(), *budget, *coarse]) == 0
    return folder


def run_of(folder: Path) -> Path:
    return max((folder / "runs").iterdir())


def play(folder: Path, *words: str) -> dict[str, Any]:
    """The facts of what was just kept."""
    assert main(["last", f"runs={folder / 'runs'}", *words]) == 0
    return list_replays(run_of(folder))[0]


def arrays_of(folder: Path, name: str) -> dict[str, npt.NDArray[np.float64]]:
    """As packed.js reads them, in whole steps of their unit."""
    _, head, text = (run_of(folder) / "replays" / f"{name}.replay").read_text().splitlines()
    planes, found = zlib.decompress(base64.b64decode(text)), {}
    for series, length, step in json.loads(head):
        raw, planes = planes[: 4 * length], planes[4 * length :]
        code = np.frombuffer(raw, np.uint8).reshape(4, length).T.copy().view("<u4")[:, 0].astype(np.int64)
        found[series] = np.cumsum((code >> 1) ^ -(code & 1)) * step
    return found


def test_two_checkpoints_earn_what_their_validation_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(folder)
    days = json.loads((run / "validation.json").read_text())["days"]
    assert len(days) == 1, "the score is of this day alone"
    facts = play(folder)
    told = capsys.readouterr().out
    names = [side["name"] for side in facts["sides"]]
    assert names == ["r000003", "r000005"]  # the oldest that is kept, and the newest
    assert [facts["symbol"], facts["date"], facts["start"]] == days[0]
    score = json.loads((folder / "models" / "v1" / "metadata.json").read_text())["score"]
    assert facts["sides"][1]["pnl"] == score != facts["sides"][0]["pnl"]
    assert [side["step"] for side in facts["sides"]] == [3 * ROLLOUT, 5 * ROLLOUT]
    assert "SYNTHETIC" in told
    assert "Validation session: nothing was trained on it, but models are chosen by it." in told

    arrays = arrays_of(folder, facts["name"])
    for side, known in enumerate(facts["sides"]):
        pnl, position, shares = (arrays[f"{side} {name}"] for name in ("pnl agent", "position", "fill_shares"))
        assert pnl[-1] == pytest.approx(known["pnl"], abs=0.005)
        assert len(pnl) == len(position)
        assert shares.sum() == position[-1] == 0
        assert arrays[f"{side} trip_pnl"].sum() == pytest.approx(known["pnl"], abs=0.01 * len(shares))
    parting = facts["parting"]
    assert arrays["differ"].sum() == parting["differ"] > 0
    assert len(arrays["differ"]) == parting["decisions"]
    first = int(np.flatnonzero(arrays["differ"])[0])
    assert facts["start"] + 60 * first == parting["first"]
    held = [arrays[f"{side} position"][:first] for side in (0, 1)]
    assert np.array_equal(held[0], held[1]), "until they part they hold the same"
    assert arrays["close"].max() > 0


def test_the_same_weights_never_part_and_a_trained_day_is_in_sample(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = json.loads((run_of(folder) / "about.json").read_text())
    symbol, date = next(iter(about["days"])).split()
    facts = play(folder, "--day", symbol.lower(), date, "--checkpoints", "v1", "5")
    assert [side["name"] for side in facts["sides"]] == ["v1", "r000005"]
    assert facts["parting"]["differ"] == 0
    assert facts["parting"]["first"] is None
    assert facts["rows"][-1][-1] == "never"
    assert facts["sides"][0]["pnl"] == facts["sides"][1]["pnl"]
    said = "In sample: v1 was trained on this very day, so it says nothing about days to come."
    assert said in capsys.readouterr().out
    first, second = (arrays_of(folder, facts["name"])[f"{side} pnl agent"] for side in (0, 1))
    assert np.array_equal(first, second)


def test_what_is_not_there_or_must_not_be_looked_at_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(run_of(folder))
    test = json.loads((run_of(folder) / "about.json").read_text())["split"]["test"][0]
    for words, said in (
        ((run, "--checkpoints", "1", "5"), ("there is no checkpoint '1'", "r000003, r000004, r000005")),
        ((run, "--checkpoints", "v9", "5"), ("there is no checkpoint 'v9'", "v1")),
        ((run, "--checkpoints", "5", "r000005"), ("r000005 is named twice", "r000003, r000004")),
        ((run, "--day", "MLGO", test), (f"MLGO {test} is a test session", f"./fx backtest-date {test}")),
        ((run, "--day", "MLGX", test), ("no file holds the symbol MLGX", "MLGO")),
        ((run, "--day", "MLGO", "1999-01-04"), ("there are no files of MLGO on 1999-01-04", "--day MLGO")),
        ((run, "--day", "MLGO", "monday"), ("'monday' is no date",)),
        (("nothing", f"runs={folder / 'runs'}"), ("there is no run 'nothing'", Path(run).name)),
        ((), ("0 runs are named, not one",)),
        ((run, "--days"), ("there is no option '--days'", "--day")),
    ):
        assert main(words) == EXIT_USER_ERROR
        told = capsys.readouterr().err
        for part in said:
            assert part in told
    with pytest.raises(SystemExit, match="0"):
        replay_parser().read(["--help"])
    assert "--checkpoints N M" in capsys.readouterr().out
