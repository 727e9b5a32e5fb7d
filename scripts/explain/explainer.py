"""A training is explained while it goes on: every so many updates by a process of its own, which is never waited for.

What is to be explained lies in `<run>/explanations/work`, what came of it beside it (metrics/explanation.py). The
process may be slow, killed or out of memory: training goes on, learns the same and says so.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.checkpoint import save_checkpoint
from agent.explaining import SEEN_ROWS, draw, rollout_decisions
from agent.ppo_agent import PPOAgent
from config.schema import ExplainConfig
from metrics import registry as names
from metrics.explanation import FAILED, FOLDER, Explanation, Failure, explanations, failure
from metrics.hub import MetricsHub
from metrics.notes import Kind
from scripts.children import start_child
from scripts.explain.child import DECISIONS, POLICY, REQUEST, SEEN
from scripts.explain.numbers import explanation_numbers
from utils.errors import ModelError
from utils.logger import get_logger
from utils.paths import shown
from utils.seeding import stream

log = get_logger(__name__)

WORK = "work"
SAID = "said.log"
TOLD_LINES = 8
TOLD_FEATURES = 3
POLL_S = 0.05
"""Between two looks at a check that the end of a training waits for."""


class Check(NamedTuple):
    """One that goes on."""

    step: int
    process: subprocess.Popen[bytes]
    until: float
    """By time.monotonic."""


class Explainer:
    """Begins a check every so many updates, at most one at a time, and tells what came of it.

    A context manager: ends the check that still runs.
    """

    def __init__(
        self, config: ExplainConfig, folder: Path, agent: PPOAgent, days: Sequence[tuple[str, dt.date]], hub: MetricsHub
    ) -> None:
        """folder: of the run, with its configuration; days: symbol and date, as the agent's feature store has them."""
        self._config, self._folder, self._agent, self._hub = config, folder, agent, hub
        self._days = [[symbol, date.isoformat()] for symbol, date in days]
        self.check: Check | None = None
        """The one that goes on."""
        self._late = False
        self._news: dict[str, float] = {}
        self._failures = self._skipped = 0
        self._forget_later(agent.steps)

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:  # noqa: ARG002 - every listener is told
        """Look after the check that goes on; begin one if it is due."""
        if not self._config.every:
            return
        self._poll()
        if self._agent.rollouts % self._config.every:
            return
        if self.check is not None:
            self._skipped += 1
            self._news[names.EXPLAIN_SKIPPED.name] = self._skipped
            log.info("step %s is not explained: the check of step %s goes on", f"{step:,}", f"{self.check.step:,}")
            return
        try:
            self._begin(step)
        except OSError as why:
            self._fail(step, f"could not be begun: {why}")

    def drain(self) -> dict[str, float]:
        """Numbers since the last call."""
        news, self._news = self._news, {}
        return news

    def finish(self, *, wait: bool) -> None:
        """The training is over: wait for the check that still runs, but not for long; then its numbers are logged."""
        self._poll()
        until = time.monotonic() + (self._config.wait_s if wait else 0.0)
        if self.check is not None and wait:
            log.info("the check of step %s is waited for, %g s at most", f"{self.check.step:,}", self._config.wait_s)
        while self.check is not None and time.monotonic() < until:
            self._poll()
            time.sleep(POLL_S)
        if self.check is not None and wait:
            log.info("it is left out: it takes longer")
        self._end()
        if news := self.drain():
            self._hub.log(self._agent.steps, news)

    def __enter__(self) -> Explainer:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    # ------------------------------------------------------------ one check
    def _begin(self, step: int) -> None:
        """Hand over the policy and what it decided."""
        config, agent = self._config, self._agent
        chance = stream(agent.seed, "explain", agent.rollouts)
        decided = rollout_decisions(agent.algorithm)
        chosen = draw(decided, config.decisions, chance)
        if not len(chosen):
            log.info("nothing to explain: the lanes had no choice in the last rollout")
            return
        work = self._new_work()
        save_checkpoint(work / POLICY, agent.checkpoint()._replace(state={}, run={}), durable=False)
        chosen.save(work / DECISIONS)
        np.save(work / SEEN, _some(decided.index, chance))
        request = {
            "run": str(self._folder.resolve()),
            "step": step,
            "model": f"r{agent.rollouts:06d}",
            "days": self._days,
            "began": time.time(),
            "memory_mb": config.memory_mb,
            "nice": config.nice,
        }
        (work / REQUEST).write_text(json.dumps(request))
        process = start_child("scripts.explain.child", work, said=work / SAID, threads=config.threads)
        self.check, self._late = Check(step, process, time.monotonic() + config.time_limit_s), False

    def _poll(self) -> None:
        check = self.check
        if check is None:
            return
        code = check.process.poll()
        if code is not None:
            self.check = None
            self._collect(check, code)
        elif time.monotonic() > check.until and not self._late:
            check.process.kill()  # it is gone when it is looked at next
            self._late = True

    def _collect(self, check: Check, code: int) -> None:
        if self._late:
            self._fail(check.step, f"took longer than {self._config.time_limit_s:g} s")
            return
        if code:
            ended = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            self._fail(check.step, ended)
            return
        try:
            self._tell(check.step)
        except ModelError as why:
            self._fail(check.step, f"left nothing that can be read: {why.what}")

    def _tell(self, step: int) -> None:
        """What was found. Raises ModelError if that cannot be read."""
        path = self._results / f"{step}.json"
        earlier = [other for other in explanations(self._folder) if int(other.stem) < step]
        told = Explanation.read(path)
        before = Explanation.read(earlier[-1]) if earlier else None
        self._news |= explanation_numbers(told, before)
        first = sorted(told.features, key=lambda use: -use.action)[:TOLD_FEATURES]
        text = f"the policy of step {step:,} goes by {', '.join(f'{use.name} {use.action:.0%}' for use in first)}"
        log.info(text)
        self._hub.note(self._agent.steps, Kind.EXPLANATION, text, {"file": str(path)})
        (self._results / FAILED).unlink(missing_ok=True)
        self._clear()

    def _fail(self, step: int, why: str) -> None:
        """Say so; training goes on."""
        self._failures += 1
        self._news[names.EXPLAIN_FAILURES.name] = self._failures
        said = self._work / SAID
        lines = said.read_text(errors="replace").splitlines()[-TOLD_LINES:] if said.is_file() else []
        text = f"the check that explains step {step:,} {why}; training goes on"
        log.error("%s. It said:\n%s", text, "\n".join(lines) or "nothing")
        self._hub.note(self._agent.steps, Kind.EXPLANATION, text, {"file": "", "why": why, "told": lines})
        try:
            Failure(step, time.time(), why, lines, self._failures).write(self._results)
        except OSError as error:
            log.error("nor could that be written: %s", error)
        self._clear()

    def _end(self) -> None:
        """Of a check that still runs nothing is left."""
        if self.check is not None:
            self.check.process.kill()
            self.check.process.wait()
            self.check = None
            self._clear()

    # ------------------------------------------------------------ files
    @property
    def _results(self) -> Path:
        return self._folder / FOLDER

    @property
    def _work(self) -> Path:
        return self._results / WORK

    def _new_work(self) -> Path:
        self._clear()
        self._work.mkdir(parents=True)
        return self._work

    def _clear(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)

    def _forget_later(self, step: int) -> None:
        """A run that goes on from `step` explains later ones again."""
        for path in explanations(self._folder):
            if int(path.stem) > step:
                path.unlink()
                log.info("%s belongs to a part of the run that is done again", shown(path))
        failed = failure(self._folder)
        if failed is not None and failed.step > step:
            (self._results / FAILED).unlink()
        self._clear()


def _some(index: npt.NDArray[np.integer[Any]], chance: np.random.Generator) -> npt.NDArray[np.integer[Any]]:
    """Rows of it that stand for all of them."""
    rows = chance.choice(len(index), min(SEEN_ROWS, len(index)), replace=False)
    return index[np.sort(rows)]
