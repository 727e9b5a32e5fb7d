"""A check beside a training that fails, hangs or is in the way: training learns the same, goes on and says so."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.compose import config_yaml
from config.schema import ExplainConfig
from metrics import registry as names
from metrics.explanation import FOLDER, TRADES, Failure, explanations, failure
from metrics.notes import Kind
from metrics.registry import find
from metrics.run_store import RunStore
from scripts.explain.explainer import WORK, Check, Explainer
from scripts.explain.numbers import explanation_numbers
from tests.support.configs import load_config
from tests.support.explanations import made_explanation
from tests.support.hubs import a_hub
from tests.support.toy_agent import toy_agent, toy_days

ROLLOUT = 8 * 16
SMALL: dict[str, Any] = {"total_steps": 3 * ROLLOUT, "n_steps": 16, "n_epochs": 1}
LONG_S = 60.0


def settings(**changes: Any) -> ExplainConfig:
    return replace(load_config("quick", []).explain, **{"every": 1, "wait_s": LONG_S, "nice": 0, **changes})


class Run:
    """A training of three rollouts with checks, and what became of it."""

    def __init__(self, folder: Path, config: ExplainConfig, meddle: Callable[[Run], None] = lambda _: None) -> None:
        """meddle: done after every rollout that leaves a check running."""
        folder.mkdir()
        (folder / "config.yaml").write_text(config_yaml(load_config("quick", [])))
        self.folder, self.agent, self._meddle = folder, toy_agent(**SMALL), meddle
        self.numbers: dict[str, float] = {}
        days = [(day.symbol, dt.date.fromisoformat(day.date)) for day in toy_days()]
        with a_hub(folder, "store") as hub, Explainer(config, folder, self.agent, days, hub) as self.explainer:
            self.agent.train([self.explainer, self])
            self.numbers |= self.explainer.drain()
            self.explainer.finish(wait=True)
        with RunStore(folder) as store:
            self.notes = store.notes()
            self.logged = store.names()

    @property
    def check(self) -> Check:
        """The one that runs."""
        check = self.explainer.check
        assert check is not None
        return check

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        if self.explainer.check is not None:
            self._meddle(self)

    @property
    def work(self) -> Path:
        return self.folder / FOLDER / WORK


@pytest.fixture(scope="module")
def unexplained() -> str:
    """Hash of what is learnt when nothing is explained."""
    agent = toy_agent(**SMALL)
    agent.train()
    return agent.parameters_sha256()


def gone(check: Check) -> bool:
    """Whether its process has ended."""
    return check.process.poll() is not None


def wait_for(check: Check) -> None:
    """Until it is gone, left as a zombie for the explainer to find."""
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        if os.waitid(os.P_PID, check.process.pid, os.WEXITED | os.WNOWAIT) is not None:
            return


def failed(run: Run) -> Failure:
    found = failure(run.folder)
    assert found is not None
    return found


def test_a_check_without_memory_fails_and_is_told(
    tmp_path: Path, unexplained: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its process is allowed 16 MB: not enough for torch. The check after it fails likewise."""
    run = Run(tmp_path / "run", settings(memory_mb=16), lambda run: wait_for(run.check))
    assert run.agent.parameters_sha256() == unexplained
    found = failed(run)
    assert (found.step, found.failures) == (3 * ROLLOUT, 3)
    assert found.why == "ended with code 1"
    told = "\n".join(found.told)
    assert "memory" in told.lower() or "cannot" in told.lower() or "Error" in told
    assert explanations(run.folder) == []
    assert not run.work.exists()
    assert f"the check that explains step {ROLLOUT:,} ended with code 1; training goes on" in caplog.text
    rows = [row for row in run.notes.iter_rows(named=True) if row["kind"] == Kind.EXPLANATION]
    assert [row["step"] for row in rows] == [2 * ROLLOUT, 3 * ROLLOUT, 3 * ROLLOUT]
    assert '"file": ""' in rows[0]["data"]
    assert names.EXPLAIN_FAILURES.name in run.logged


def test_a_check_that_is_killed_is_told(tmp_path: Path, unexplained: str) -> None:
    def kill(run: Run) -> None:
        run.check.process.send_signal(signal.SIGKILL)
        wait_for(run.check)

    run = Run(tmp_path / "run", settings(every=2), kill)
    assert run.agent.parameters_sha256() == unexplained
    assert failed(run).why == "was killed by SIGKILL"
    assert run.numbers[names.EXPLAIN_FAILURES.name] == 1


def test_damaged_weights_are_refused_by_the_check(tmp_path: Path, unexplained: str) -> None:
    def damage(run: Run) -> None:
        run.check.process.send_signal(signal.SIGSTOP)
        path = run.work / "policy" / "policy.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        run.check.process.send_signal(signal.SIGCONT)

    run = Run(tmp_path / "run", settings(every=3), damage)
    assert run.agent.parameters_sha256() == unexplained
    found = failed(run)
    assert found.why == "ended with code 2"
    assert "policy.safetensors is damaged" in "\n".join(found.told)


def test_a_check_that_is_due_while_another_runs_is_left_out(tmp_path: Path, unexplained: str) -> None:
    """And a training that is over does not wait for it longer than it is told to."""

    def stop(run: Run) -> None:
        run.check.process.send_signal(signal.SIGSTOP)

    began = time.monotonic()
    run = Run(tmp_path / "run", settings(wait_s=0.2), stop)
    assert time.monotonic() - began < LONG_S
    assert run.agent.parameters_sha256() == unexplained
    assert run.numbers == {names.EXPLAIN_SKIPPED.name: 2}
    assert run.explainer.check is None
    assert not run.work.exists()
    assert failure(run.folder) is None


def test_a_check_that_takes_too_long_is_ended(tmp_path: Path, unexplained: str) -> None:
    def stop(run: Run) -> None:
        run.check.process.send_signal(signal.SIGSTOP)

    run = Run(tmp_path / "run", settings(every=2, time_limit_s=0.01), stop)
    assert run.agent.parameters_sha256() == unexplained
    assert failed(run).why == "took longer than 0.01 s"


def test_nothing_is_left_running_when_training_breaks_off(tmp_path: Path) -> None:
    checks: list[Check] = []

    def break_off(run: Run) -> None:
        checks.append(run.check)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Run(tmp_path / "run", settings(), break_off)
    assert gone(checks[0])


def test_a_run_that_goes_on_forgets_what_it_does_again(tmp_path: Path) -> None:
    results = tmp_path / FOLDER
    for step in (100, 200, 300):
        made_explanation(step).write(results)
    made_explanation(50).write(results, TRADES)
    Failure(300, 0.0, "ended with code 1", [], 1).write(results)

    class At200:
        steps = 200

    agent: Any = At200()
    with a_hub(tmp_path) as hub:
        Explainer(settings(), tmp_path, agent, [], hub)
    assert [path.stem for path in explanations(tmp_path)] == ["100", "200"]
    assert failure(tmp_path) is None
    assert (results / TRADES).is_file()


def test_an_explanation_as_numbers(caplog: pytest.LogCaptureFixture) -> None:
    first, second = made_explanation(100), made_explanation(200, turn=1)
    numbers = explanation_numbers(second, first)
    assert {find(name).collector for name in numbers} == {"explain"}
    families = {name: value for name, value in numbers.items() if name.startswith("explain/family/")}
    branches = {name: value for name, value in numbers.items() if name.startswith("explain/branch/")}
    assert sum(families.values()) == pytest.approx(1)
    assert sum(branches.values()) == pytest.approx(1)
    daily = sum(use.action for use in second.features if use.family == "daily")
    assert families["explain/family/daily"] == pytest.approx(daily)
    assert numbers["explain/dead"] == numbers["explain/quiet"] == 1
    assert numbers["explain/redundant"] == len(second.redundant)
    assert numbers["explain/drift"] == max(use.drift for use in second.features if use.branch != "portfolio")
    assert numbers["explain/lag/hf_1"] == second.attention["hf"].lag[1]
    assert "explain/lag/fusion_0" not in numbers
    moved = [
        sum(abs(a - b) for a, b in zip(now, then, strict=True)) / 2
        for now, then in zip(second.attention["mf"].weights, first.attention["mf"].weights, strict=True)
    ]
    assert numbers["explain/shift/mf"] == pytest.approx(sum(moved) / len(moved))
    assert not any(name.startswith("explain/shift/") for name in explanation_numbers(second, None))
    unknown = replace(second, agreement=float("nan"), curve=None)
    assert {"explain/agreement", "explain/faithfulness"}.isdisjoint(explanation_numbers(unknown, None))
