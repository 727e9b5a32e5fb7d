"""Real processes around the real trainer: they learn what one learns, and none is left behind."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.callbacks import TrainingListener
from agent.checkpoint import load_checkpoint
from agent.parallel import World, open_world, require_shares
from agent.ppo_agent import PPOAgent
from tests.support.processes import ended, start
from tests.support.toy_agent import LANES, toy_agent, training
from utils.errors import ConfigError, TrainingError

CASES: dict[str, dict[str, Any]] = {
    "plain": {"total_steps": 4 * LANES * 32},
    "batch": {"advantage_norm": "batch", "batch_size": 96},  # 256 rows: the last minibatch has 64
    "kl": {"target_kl": 2e-4, "learning_rate": 5e-3, "n_epochs": 4},
}
STOPPED = 2
"""Rollouts after which the "plain" training is saved, to be taken up again."""


class Note:
    """Keeps what a listener is told; may do something after so many rollouts."""

    def __init__(self, agent: PPOAgent, act: Any = None, after: int = 0) -> None:
        self.agent, self.act, self.after = agent, act, after
        self.told: list[dict[str, float]] = []

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        self.told.append({name: value for name, value in stats.items() if not name.startswith("time/")})
        if self.act is not None and self.agent.rollouts == self.after:
            self.act()


def trained(agent: PPOAgent, *listeners: TrainingListener) -> dict[str, Any]:
    note = Note(agent)
    result = agent.train([note, *listeners])
    return {"told": note.told, "stopped_by": result.stopped_by, "steps": agent.steps, "sha": agent.parameters_sha256()}


def keep(folder: Path, world: World, name: str, agent: PPOAgent, told: dict[str, Any]) -> None:
    """The leader alone writes; every process says what it ended with."""
    alike = world.every(told["sha"])
    assert alike == alike[:1] * world.size
    if world.leads:
        agent.save(folder / name)
        (folder / f"{name}.json").write_text(json.dumps(told))


def scenes(folder: Path) -> None:
    """What the tests below look at, by processes that were started once."""
    with open_world(training()) as world:
        for name, changes in CASES.items():
            agent = toy_agent(world=world, **changes)
            saves = Note(agent, lambda agent=agent: world.leads and agent.save(folder / "half"), STOPPED)
            keep(folder, world, name, agent, trained(agent, *([saves] if name == "plain" else [])))
        for name in ("resumed", "again"):
            resumed = toy_agent(world=world, **CASES["plain"])
            with world.leader_first():
                resumed.load(folder / "half", resume=True)
            keep(folder, world, name, resumed, trained(resumed))
        stopped = toy_agent(world=world, total_steps=10**6)
        kill = Note(stopped, lambda: world.leads or os.kill(os.getpid(), signal.SIGTERM), after=1)
        keep(folder, world, "stopped", stopped, trained(stopped, kill))
        (folder / f"apart{world.rank}").write_text(refused(world))
        dies = toy_agent(world=world, total_steps=10**6)
        try:
            dies.train([Note(dies, lambda: world.leads or os.kill(os.getpid(), signal.SIGKILL), after=2)])
        except TrainingError as why:
            (folder / "lost").write_text(why.text())


def refused(world: World) -> str:
    try:
        world.require_alike("days", lambda: f"those of {world.rank}")
    except TrainingError as why:
        return why.text()
    return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After `scenes`, in the last of which process 1 is killed."""
    made = tmp_path_factory.mktemp("processes")
    assert ended(start(made, scenes, made)) == [0, -signal.SIGKILL]
    return made


def read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f"{name}.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_two_processes_learn_what_one_learns(folder: Path, name: str) -> None:
    """The same lanes, draws and minibatches; sums are split otherwise, so the last bits differ."""
    alone, both = toy_agent(**CASES[name]), read(folder, name)
    expected = trained(alone)
    assert both["steps"] == expected["steps"]
    assert len(both["told"]) == len(expected["told"])
    for theirs, ours in zip(both["told"], expected["told"], strict=True):
        assert theirs == pytest.approx(ours, rel=1e-3, abs=1e-5)
    weights = load_checkpoint(folder / name, training=True).weights
    for key, weight in alone.policy.named_parameters():
        torch.testing.assert_close(weights[key], weight.detach(), rtol=1e-4, atol=1e-5, msg=key)
    if name == "kl":
        passes = [told["train/n_updates"] for told in expected["told"]]
        assert passes[-1] < 2 * CASES["kl"]["n_epochs"]  # both stopped early, after the same minibatches


def test_they_go_on_where_they_were_bit_by_bit(folder: Path) -> None:
    resumed, again = (read(folder, name) for name in ("resumed", "again"))
    assert resumed == again
    assert len(resumed["told"]) == len(read(folder, "plain")["told"]) - STOPPED


def test_one_process_goes_on_where_two_were(folder: Path) -> None:
    """A checkpoint holds every lane and stream: how many processes share them is not part of it."""
    alone = toy_agent(**CASES["plain"])
    alone.load(folder / "half", resume=True)
    alone.train()
    weights = load_checkpoint(folder / "resumed", training=True).weights
    for key, weight in alone.policy.named_parameters():
        torch.testing.assert_close(weights[key], weight.detach(), rtol=1e-4, atol=1e-5, msg=key)


def test_a_signal_to_one_stops_all_after_the_same_rollout(folder: Path) -> None:
    stopped = read(folder, "stopped")
    assert (stopped["stopped_by"], len(stopped["told"])) == ("SIGTERM", 1)


def test_processes_that_differ_are_told_apart(folder: Path) -> None:
    for rank in range(2):
        assert "days: process 1 and process 0 do not have the same" in (folder / f"apart{rank}").read_text()


def test_a_killed_process_leaves_no_other_waiting(folder: Path) -> None:
    told = (folder / "lost").read_text()
    assert "process 0 of 0 to 1 has lost another one" in told
    assert "--resume" in told


def test_what_cannot_be_shared_is_refused() -> None:
    require_shares(training(threads=0), [7], size=1)
    require_shares(training(), [128, 96], size=2)
    for changes, batch, what in (
        ({"lanes": 1, "batch_size": 32}, 32, "too few for 2 processes"),
        ({"threads": 0}, 128, "training.threads=0"),
        ({}, 85, "minibatches of 85 of 256 rows"),
    ):
        with pytest.raises(ConfigError, match=what):
            require_shares(training(**changes), [batch], size=2)


def test_shares_are_even_and_leave_nothing_out() -> None:
    world = World()
    for count in (0, 1, 5, 64):
        world.size = 3
        rows = np.zeros(count, int)
        for world.rank in range(3):
            rows[world.share(count)] += 1
            assert abs(world.share(count).stop - world.share(count).start - count / 3) < 1
        assert (rows == 1).all()
