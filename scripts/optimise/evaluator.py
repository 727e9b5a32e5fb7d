"""Judges the checkpoints of a trial in its own process, at once: the days are there already.

What came of it stays in the run's folder with the hash of the weights, so that a trial that goes on after a kill does
not do it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from agent.checkpoint import weights_of
from agent.checkpoint_store import CheckpointStore
from scripts.evaluate import RESULTS
from scripts.optimise.measures import Outcome, outcome_of, plain_outcome
from utils.atomic import write_text


class TrialEvaluator:
    """An `agent.evaluations.Evaluator` that tells whoever asked of every score."""

    def __init__(
        self,
        run: Path,
        store: CheckpointStore,
        judge: Callable[[Path], Outcome],
        told: Callable[[int, Outcome], None],
    ) -> None:
        self._run, self._store, self._judge, self._told = run, store, judge, told

    def start(self, number: int) -> None:
        """Judge the checkpoint after `number` rollouts, unless that is known, and tell."""
        self._told(number, self._outcome(number))

    def score(self, number: int) -> float:
        """Net dollars per session, the worst conditions."""
        outcome = self._outcome(number)
        self._told(number, outcome)
        return min(scored.mean for scored in outcome.values())

    def _outcome(self, number: int) -> Outcome:
        checkpoint = self._store.path(number)
        weights = weights_of(checkpoint)
        file = _file(self._run, checkpoint.name)
        if file.is_file():
            known = json.loads(file.read_text())
            if known["parameters_sha256"] == weights:
                return outcome_of(known["outcome"])
        outcome = self._judge(checkpoint)
        write_text(file, json.dumps({"parameters_sha256": weights, "outcome": plain_outcome(outcome)}))
        return outcome


def _file(run: Path, checkpoint: str) -> Path:
    return run / RESULTS / f"{checkpoint}.json"


def last_outcome(run: Path) -> Outcome | None:
    """Of the newest checkpoint of a run that was judged; None if none was."""
    files = [path for path in (run / RESULTS).glob("r*.json") if re.search(r"\d+", path.stem)]
    if not files:
        return None
    newest = max(files, key=lambda path: int(re.findall(r"\d+", path.stem)[-1]))
    return outcome_of(json.loads(newest.read_text())["outcome"])
