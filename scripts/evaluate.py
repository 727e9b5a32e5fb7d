"""Score checkpoints on the validation days, in a process of their own so that training does not wait.

`python -m scripts.evaluate RUN` is that process: one thread, days and features from the cache. It is asked for one
checkpoint after the other, a line of JSON each, so that imports, kernels and days are loaded once a run.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay, select_days
from agent.checkpoint import weights_of
from agent.checkpoint_store import CheckpointStore
from agent.policy_runner import PolicyRunner
from agent.statistics.sessions import sessions_of
from agent.trials import VALIDATION
from config.compose import saved_config
from config.schema import Config
from data.split import Split
from scripts.arrays import Arrays, load_days
from scripts.children import start_child
from scripts.command import exit_code
from scripts.pipeline import Market, Sources, open_sources
from scripts.progress import DayProgress
from scripts.runs import CONFIG
from scripts.trials import conditions, note_trial, trial_ledger
from simulators.day_bank import session_seconds
from utils.atomic import write_text
from utils.errors import DataError
from utils.logger import get_logger, setup_logging
from utils.paths import shown

log = get_logger(__name__)

DAYS = "validation.json"
"""In the run's folder: symbol, date and first second of what scores are taken over, and the split they belong to."""
RESULTS = "validation"
"""Folder in the run's folder: a score by checkpoint, and what a process that failed had to say."""
SAID = "process.log"
CHILD_NICENESS = 5
"""The score is not waited for, the training is."""
TOLD_LINES = 8


class Validation:
    """The agent's policy over the validation days of a split, from each day's trigger on."""

    def __init__(self, config: Config, sources: Sources, days: Sequence[BacktestDay], split: Split) -> None:
        self._config, self._sources = config, sources
        self.days, self.split = list(days), split
        self._arrays: Arrays | None = None

    def score(self, model: Path) -> float:
        """Mean net P&L per day of a saved model, dollars; the same bits in whatever process. Noted as a try."""
        config = self._config
        if self._arrays is None:
            self._arrays = load_days(config, self._sources, [(day.symbol, day.date) for day in self.days])
        test = Backtest.of(config, self._arrays.bank, self.days)
        log.info("validation: %d days, %s to %s", len(self.days), self.days[0].date, self.days[-1].date)
        with one_thread():
            policy = PolicyRunner.load(model, self._arrays.store, self._sources.extractor.schema, device="cpu")
            pnl = test.run(policy, progress=DayProgress(config.training.log_every_s)).pnl
        self._note(model, pnl)
        return float(pnl.mean())

    def _note(self, model: Path, pnl: npt.NDArray[np.float64]) -> None:
        config, dates = self._config, [day.date for day in self.days]
        sessions = sessions_of(dates, pnl, config.simulation.account.capital, self.split.validation)
        ledger = trial_ledger(config, self.split.hash)
        note_trial(ledger, VALIDATION, model, conditions(config, config.env), sessions)


def validation_days(config: Config, market: Market) -> list[BacktestDay]:
    """The triggered days of the validation sessions; empty, and said to be, if there are none."""
    if not market.split.validation:
        log.info("no validation sessions: the model gets no score")
        return []
    try:
        hours = session_seconds(config.simulation.session)
        return select_days(market.index, market.split.validation, config.backtest, hours)
    except DataError as why:  # sessions without a single triggered day
        log.warning("%s; the model gets no score", why.what)
        return []


class ChildEvaluator:
    """Scores the checkpoints of a run in one child process; what it fails at is reported and done here.

    Scores stay in the run's folder with the hash of the weights they belong to, so that a run that goes on after a
    kill does not take them again. A context manager: ends the child, whatever it is at.
    """

    def __init__(self, run: Path, store: CheckpointStore, validation: Validation) -> None:
        self._run, self._store, self._validation = run, store, validation
        self._child: subprocess.Popen[bytes] | None = None  # begins with the first checkpoint
        self._asked: set[int] = set()
        self._said = run / RESULTS / SAID
        days = [[day.symbol, day.date.isoformat(), day.start] for day in validation.days]
        write_text(run / DAYS, json.dumps({"days": days, "split": validation.split.plain()}))

    def start(self, number: int) -> None:
        """Begin to score a checkpoint, unless its score is known."""
        if self._known(number) is not None:
            return
        if self._child is None:
            self._said.parent.mkdir(exist_ok=True)
            self._child = start_child("scripts.evaluate", self._run, said=self._said, threads=1, asked=True)
        question = {"number": number, "checkpoint": str(self._store.path(number)), "result": str(self._result(number))}
        self._asked.add(number)
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):  # it has died, which is told when the score is taken
            self._child.stdin.write(json.dumps(question).encode() + b"\n")
            self._child.stdin.flush()

    def score(self, number: int) -> float:
        """The score of a checkpoint, waited for; taken here and now if the child did not bring it."""
        code = self._answered(number) if number in self._asked else None
        known = self._known(number)
        if known is not None:
            return known
        if code is not None:
            told = self._said.read_text(errors="replace").splitlines()[-TOLD_LINES:]
            log.error(
                "the process that validates %s ended with code %d and no score, so training waits for it; it said:\n%s",
                self._store.path(number).name,
                code,
                "\n".join(told) or "nothing",
            )
        value = self._validation.score(self._store.path(number))
        write_score(self._result(number), self._store.path(number), value)
        return value

    def _answered(self, number: int) -> int | None:
        """Wait for the child to have scored a checkpoint; its exit code if it ends instead, and is forgotten."""
        while number in self._asked and self._child is not None:
            assert self._child.stdout is not None
            line = self._child.stdout.readline()
            if line:
                self._asked.discard(int(line))
                continue
            return self._end()
        return None

    def _end(self) -> int:
        """Its exit code; the next checkpoint gets another one."""
        assert self._child is not None
        child, self._child = self._child, None
        self._asked.clear()
        child.communicate()
        return child.returncode

    def __enter__(self) -> ChildEvaluator:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.terminate()
            self._end()

    def _result(self, number: int) -> Path:
        return self._run / RESULTS / f"{self._store.path(number).name}.json"

    def _known(self, number: int) -> float | None:
        """Its score, if there is one of these very weights."""
        path = self._result(number)
        if not path.is_file():
            return None
        told = json.loads(path.read_text())
        return float(told["score"]) if told["parameters_sha256"] == weights_of(self._store.path(number)) else None


def write_score(result: Path, checkpoint: Path, value: float) -> None:
    """Keep a score with what it belongs to."""
    write_text(result, json.dumps({"score": value, "parameters_sha256": weights_of(checkpoint)}))


@contextmanager
def one_thread() -> Generator[None]:
    """How a sum is split over threads is in its last bits: every score is taken by one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run(arguments: Sequence[str]) -> int:
    """The child process: until nobody can ask it any more."""
    folder = Path(arguments[0])
    os.nice(CHILD_NICENESS)
    setup_logging()
    config = saved_config(folder / CONFIG)
    told = json.loads((folder / DAYS).read_text())
    days = [BacktestDay(symbol, dt.date.fromisoformat(date), start) for symbol, date, start in told["days"]]
    validation = Validation(config, open_sources(config), days, Split.of_plain(told["split"]))
    for line in sys.stdin:
        asked = json.loads(line)
        checkpoint = Path(asked["checkpoint"])
        value = validation.score(checkpoint)
        write_score(Path(asked["result"]), checkpoint, value)
        log.info("%s: %+.2f $ net per day", shown(checkpoint), value)
        print(asked["number"], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(run))
