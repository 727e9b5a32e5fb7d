from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import shutil
import signal
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.callbacks import Budget
from agent.checkpoint import ALL, MANIFEST, POLICY, Checkpoint
from agent.policy_runner import PolicyRunner
from agent.ppo_agent import PPOAgent
from agent.schedules import SHAPES, scheduled
from agent.vec_env import LaneVecEnv
from config.schema import BatchConfig
from config.schema.training import SCHEDULES
from feature.registry import FeatureSchema
from metrics.registry import checked
from tests.support.toy_agent import MODEL, SCHEMA, toy_agent, toy_days, toy_store, training
from tests.support.toy_lanes import ToyLanes
from utils.errors import ModelError, TrainingError


class Keep:
    """Keeps what a listener is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, dict[str, float]]] = []

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        self.told.append((step, stats))


class Draws:
    """A listener that uses random numbers of its own."""

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        torch.rand(step)


def test_same_seed_same_parameters_whatever_else_draws() -> None:
    agents = [toy_agent(seed) for seed in (0, 0, 1)]
    for agent, listeners in zip(agents, ([], [Draws()], []), strict=True):
        agent.train(listeners)
    first, again, other = (agent.parameters_sha256() for agent in agents)
    assert first == again
    assert first != other


def test_listeners_get_registered_metrics_once_per_rollout() -> None:
    keep = Keep()
    result = toy_agent().train([keep])
    assert (result.stopped_by, result.steps) == ("steps", 512)
    assert [step for step, _ in keep.told] == [256, 512]
    for _, stats in keep.told:
        assert checked(stats) == stats
        assert all(np.isfinite(value) for value in stats.values())
        assert stats["train/approx_kl"] >= 0
        assert 0 < -stats["train/entropy_loss"] <= np.log(12)
    assert keep.told[-1][1]["train/learning_rate"] == pytest.approx(1e-4)
    assert keep.told[-1][1]["time/eta_s"] == 0


def test_first_epoch_ratio_is_one() -> None:
    """Cached rollout and gradient path agree, so the first minibatch must not see a policy change."""
    agent = toy_agent(n_epochs=1, batch_size=256, total_steps=256)
    keep = Keep()
    agent.train([keep])
    assert keep.told[0][1]["train/approx_kl"] < 1e-9
    assert keep.told[0][1]["train/clip_fraction"] == 0


def test_saved_agent_is_the_same_and_training_goes_on_alike(tmp_path: Path) -> None:
    agent = toy_agent(total_steps=4 * 256)
    agent.request_stop("")
    interrupted = StopAfter(agent, 2)
    assert agent.train([interrupted]).stopped_by == "enough"
    agent.save(tmp_path / "model")
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == sorted([*ALL, MANIFEST])
    resumed = [toy_agent(total_steps=4 * 256) for _ in range(2)]
    for other in resumed:
        other.load(tmp_path / "model", resume=True)
        assert other.parameters_sha256() == agent.parameters_sha256()
        assert other.steps == 512
    keep = Keep()
    assert resumed[0].rollouts == 2
    assert resumed[0].train([keep]).steps == 512  # the rest of the budget, not all of it again
    assert resumed[0].rollouts == 4
    assert keep.told[0][1]["time/elapsed_s"] > interrupted.told[-1][1]["time/elapsed_s"]
    assert keep.told[-1][1]["train/learning_rate"] == pytest.approx(1e-4)
    assert keep.told[-1][1]["train/n_updates"] == 8
    resumed[1].train()
    assert resumed[0].parameters_sha256() == resumed[1].parameters_sha256() != agent.parameters_sha256()


class StopAfter(Keep):
    """Asks to stop after some rollouts."""

    def __init__(self, agent: object, rollouts: int) -> None:
        super().__init__()
        self.agent, self.rollouts = agent, rollouts

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        super().on_rollout(step, stats)
        if len(self.told) == self.rollouts:
            self.agent.request_stop("enough")  # pyright: ignore[reportAttributeAccessIssue]


def test_continued_training_starts_anew_at_lower_rates(tmp_path: Path) -> None:
    agent = toy_agent()
    agent.train()
    agent.save(tmp_path / "model")
    other, keep = toy_agent(seed=5), Keep()
    other.load(tmp_path / "model", resume=False)
    assert other.train([keep]).steps == 512
    assert other.steps == 1_024
    assert keep.told[-1][1]["train/learning_rate"] == pytest.approx(0.3e-4)


def test_a_stage_may_learn_in_its_own_way() -> None:
    """From the next rollout on; what it leaves null stays as the schedules have it."""
    agent, keep = toy_agent(total_steps=4 * 256, final_learning_rate=1e-3), Keep()

    class Stage(Keep):
        def on_rollout(self, step: int, stats: dict[str, float]) -> None:
            if step == 256:
                agent.adjust(BatchConfig(size=256, epochs=3, learning_rate_factor=0.5, entropy_coef=None))
            if step == 512:
                agent.adjust(BatchConfig(None, None, None, entropy_coef=0.5))

    agent.train([Stage(), keep])
    rates = [stats["train/learning_rate"] for _, stats in keep.told]
    assert rates == pytest.approx([1e-3, 5e-4, 1e-3, 1e-3])
    assert np.diff([0, *(stats["train/n_updates"] for _, stats in keep.told)]).tolist() == [2, 3, 2, 2]
    losses = [stats["train/loss"] for _, stats in keep.told]
    assert losses[3] < losses[0] - 0.1  # entropy counts by the half, not by 0.003


def test_other_features_are_refused_by_name(tmp_path: Path) -> None:
    toy_agent().save(tmp_path / "model")
    renamed = {**SCHEMA.names, "hf": ("spread", *SCHEMA.names["hf"][1:])}
    other = FeatureSchema(renamed, {name: "1" for names in renamed.values() for name in names})
    with pytest.raises(ModelError, match=r"spread.*|.*hf_0"):
        PolicyRunner.load(tmp_path / "model", toy_store(), other, device="cpu")
    with pytest.raises(ModelError, match="d_model 16 "):
        toy_agent(model=replace(MODEL, d_model=32)).load(tmp_path / "model", resume=False)
    with pytest.raises(ModelError, match="not built by"):
        toy_agent(schema=other)


def test_damaged_and_missing_models_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    toy_agent().save(folder)
    with pytest.raises(ModelError, match="something where"):
        toy_agent().save(folder)
    content = bytearray((folder / POLICY).read_bytes())
    content[-1] ^= 1
    (folder / POLICY).write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        PolicyRunner.load(folder, toy_store(), SCHEMA, device="cpu")
    (folder / POLICY).unlink()
    with pytest.raises(ModelError, match="missing"):
        toy_agent().load(folder, resume=True)
    with pytest.raises(ModelError, match="no saved model"):
        toy_agent().load(tmp_path, resume=True)


def test_nothing_saved_needs_pickle(tmp_path: Path) -> None:
    toy_agent().save(tmp_path / "model")
    for path in (tmp_path / "model").iterdir():
        start = path.read_bytes()[:9]
        assert path.suffix == ".json" or start[8:] == b"{"  # safetensors: length, then JSON
    meta = json.loads((tmp_path / "model" / "model.json").read_text())
    assert meta["feature_hash"] == SCHEMA.hash
    assert meta["training"]["gamma"] == 0.9


class Payload:
    """What unpickling would carry out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_a_model_that_somebody_sent_carries_nothing_out(tmp_path: Path) -> None:
    """Pickles in place of each of its files, sums made to fit; the zip of another program; links out of its folder."""
    sound, canary, secret = tmp_path / "sound", tmp_path / "was-here", tmp_path / "secret.json"
    agent = toy_agent()
    agent.save(sound)
    pickled = pickle.dumps(Payload(canary))
    pickle.loads(pickled)  # noqa: S301 - to see that it would do something
    canary.unlink()
    for name in ALL:
        folder = tmp_path / name
        shutil.copytree(sound, folder)
        (folder / name).write_bytes(pickled)
        sums = json.loads((folder / MANIFEST).read_text()) | {name: hashlib.sha256(pickled).hexdigest()}
        (folder / MANIFEST).write_text(json.dumps(sums))
        with pytest.raises(ModelError, match=name):
            agent.load(folder, resume=True)
    zipped = tmp_path / "model.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {":serialized:": base64.b64encode(pickled).decode()}}))
        archive.writestr("policy.pth", pickled)
        archive.writestr("../outside", b"")
    for folder in (zipped, secret):
        with pytest.raises(ModelError, match="no saved model"):
            agent.load(folder, resume=False)
    assert not canary.exists()
    assert not (tmp_path.parent / "outside").exists()


def test_signal_finishes_the_rollout_and_restores_the_handler() -> None:
    class Interrupt(Keep):
        def on_rollout(self, step: int, stats: dict[str, float]) -> None:
            super().on_rollout(step, stats)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    agent, keep = toy_agent(total_steps=10_000), Interrupt()
    result = agent.train([keep])
    assert result.stopped_by == "SIGINT"
    assert len(keep.told) == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_second_signal_interrupts() -> None:
    class Twice(Keep):
        def on_rollout(self, step: int, stats: dict[str, float]) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        toy_agent().train([Twice()])


def test_time_limit_ends_training_and_bends_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    class Slow(ToyLanes):
        """A rollout of 32 steps takes a second."""

        def step(self, actions: np.ndarray) -> None:
            super().step(actions)
            now[0] += 1 / 32

    monkeypatch.setattr("agent.ppo_agent.Budget", partial(Budget, clock=lambda: now[0]))
    config = training(total_steps=10_000_000, time_limit_s=5)
    lanes = Slow(toy_days(), config.lanes, 0, (20, 60))
    keep = Keep()
    result = PPOAgent(config, MODEL, LaneVecEnv(lanes), toy_store(), SCHEMA, 0).train([keep])
    assert result.stopped_by == "time"
    rates = [stats["train/learning_rate"] for _, stats in keep.told]
    # a fifth of the way from 1e-3 to 1e-4 a second; the steps alone would leave it at 0.9999 of 1e-3
    assert rates == pytest.approx([8.2e-4, 6.4e-4, 4.6e-4, 2.8e-4, 1e-4])
    assert rates[-1] < 6e-4


def test_budget_counts_what_was_used_before() -> None:
    now = [100.0]
    budget = Budget(100, 10.0, clock=lambda: now[0])
    budget.begin_at(5.0)
    now[0] += 3
    assert budget.elapsed_s == 5.0  # the clock does not run yet
    budget.start()
    now[0] += 2.5
    assert budget.share(20) == 0.75
    assert budget.share(90) == 0.9
    assert budget.over(20) == ""
    assert budget.eta_s(20, 10) == 2.5
    assert (budget.part_s, budget.elapsed_s) == (2.5, 7.5)
    budget.stop()
    now[0] += 60
    assert budget.elapsed_s == 7.5
    budget.start()
    now[0] += 2.5
    assert budget.over(20) == "time"
    assert budget.over(100) == "steps"


def test_weights_that_are_not_finite_are_undone() -> None:
    agent, keep = toy_agent(total_steps=3 * 256), Keep()

    class Poison(Keep):
        def on_rollout(self, step: int, stats: dict[str, float]) -> None:
            if step == 256:
                keep.told.append((step, {"sha": float(int(agent.parameters_sha256()[:8], 16))}))
                for group in agent.policy.optimizer.param_groups:
                    group["eps"], group["betas"] = float("nan"), (0.9, 0.999)
            else:
                for group in agent.policy.optimizer.param_groups:
                    group["eps"] = 1e-5
                keep.told.append((step, stats | {"sha": float(int(agent.parameters_sha256()[:8], 16))}))

    agent.train([Poison()])
    first, undone, fine = keep.told
    assert undone[1]["train/rollbacks"] == 1
    assert undone[1]["sha"] == first[1]["sha"]
    assert fine[1]["train/rollbacks"] == 1
    assert fine[1]["sha"] != first[1]["sha"]
    assert all(bool(torch.isfinite(p).all()) for p in agent.policy.parameters())


class Diverging(Keep):
    """Makes every update go wrong from one step to another, and keeps a checkpoint of before."""

    def __init__(self, agent: PPOAgent, first: int, last: int) -> None:
        super().__init__()
        self.agent, self.first, self.last = agent, first, last
        self.saved: list[Checkpoint] = []
        self.asked = 0

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        super().on_rollout(step, stats)
        if step == self.first:
            self.saved.append(self.agent.checkpoint())
        for group in self.agent.policy.optimizer.param_groups:
            group["eps"] = float("nan") if self.first < step + 256 <= self.last else 1e-5

    def last_good(self) -> Checkpoint | None:
        self.asked += 1
        return self.saved[0] if self.saved else None


def test_after_three_undone_updates_it_goes_back_to_a_checkpoint_with_a_lower_rate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    agent = toy_agent(total_steps=8 * 256, learning_rate_schedule="constant")
    diverging = Diverging(agent, 512, 5 * 256)
    agent.train([diverging], diverging.last_good)
    assert diverging.asked == 1
    assert [stats["train/rollbacks"] for _, stats in diverging.told] == [0, 0, 1, 2, 3, 3, 3, 3]
    rates = [stats["train/learning_rate"] for _, stats in diverging.told]
    assert rates == pytest.approx([1e-3] * 5 + [5e-4] * 3)
    assert "back to the weights of step 512, learning rate times 0.5" in caplog.text
    other = toy_agent()
    other.restore(agent.checkpoint(), resume=True, where=Path("run"))
    assert other.checkpoint().run["progress"] == agent.checkpoint().run["progress"]


def test_it_goes_back_once_only() -> None:
    agent = toy_agent(total_steps=20 * 256)
    diverging = Diverging(agent, 512, 20 * 256)
    with pytest.raises(TrainingError, match="diverged"):
        agent.train([diverging], diverging.last_good)
    assert diverging.asked == 1
    assert len(diverging.told) == 7


def test_schedules() -> None:
    shares = (0.0, 0.5, 1.0)
    assert [scheduled("linear", 2.0, 1.0, s) for s in shares] == [2.0, 1.5, 1.0]
    assert [scheduled("constant", 2.0, 1.0, s) for s in shares] == [2.0, 2.0, 2.0]
    assert [scheduled("cosine", 2.0, 1.0, s) for s in (*shares, 0.25)] == pytest.approx([2.0, 1.5, 1.0, 1.8535534])
    assert set(SHAPES) == set(SCHEDULES)


def test_divergence_and_bad_rewards_are_told() -> None:
    with pytest.raises(TrainingError, match="diverged"):
        toy_agent(learning_rate=1e30, total_steps=10_000).train()

    class Bad(ToyLanes):
        def step(self, actions: np.ndarray) -> None:
            super().step(actions)
            self.rewards[2] = np.nan

    agent = toy_agent()
    agent._ppo.set_env(LaneVecEnv(Bad(toy_days(), 8, 0, (20, 60))))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(TrainingError, match=r"reward .* lane 2"):
        agent.train()


def test_learns_what_the_features_tell() -> None:
    """Noise column 0 of hf is the next second's return: long when positive is worth 0.4 a step, chance 0."""
    agent, keep = toy_agent(total_steps=12 * 256, n_epochs=4, learning_rate=1e-2, gamma=0.0), Keep()
    agent.train([keep])
    rewards = [stats["rollout/reward"] for _, stats in keep.told]
    assert abs(np.mean(rewards[:2])) < 0.1
    assert np.mean(rewards[-4:]) > 0.25
