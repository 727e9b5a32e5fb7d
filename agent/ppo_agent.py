"""PPO on the lanes: stable-baselines3's masked PPO with the block encoder, a budget, safe stops and exact saves."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import get_device

from agent.callbacks import Budget, FiniteGuard, SafeStop, TrainingListener, require_finite
from agent.checkpoint import (
    Checkpoint,
    load_checkpoint,
    optimizer_tensors,
    parameters_sha256,
    put_optimizer,
    put_weights,
    save_checkpoint,
)
from agent.lane_ppo import LanePPO
from agent.random_streams import TrainingStreams
from agent.rollout_buffer import BlockMaskableRolloutBuffer
from agent.vec_env import EpisodeRow, LaneVecEnv
from ai.extractors import BlockExtractor
from ai.feature_store import MINUTE_S, TensorStore
from ai.policy import MarketPolicy, block_policy_arguments
from config.schema import BatchConfig, ModelConfig, TrainingConfig
from feature.registry import FeatureSchema
from metrics import registry as names
from simulators.layout import ACTIONS, Portfolio
from utils.errors import ModelError
from utils.logger import get_logger
from utils.paths import shown
from utils.seeding import key

log = get_logger(__name__)

RECENT_EPISODES = 100
"""Episodes over which the episode metrics are averaged."""


class TrainingResult(NamedTuple):
    """How a call of `PPOAgent.train` ended."""

    stopped_by: str
    """"steps", "time", the name of a signal, or the reason given to `request_stop`."""
    steps: int
    """Environment steps of this call."""
    seconds: float


class PPOAgent:
    """The policy, its optimiser and the algorithm that trains it on `env`.

    Deterministic: the same configuration, data, seed and thread count give the same parameters (`parameters_sha256`),
    unless a time limit bends the learning rate. All lanes read their features from `store`.
    """

    def __init__(
        self,
        training: TrainingConfig,
        model: ModelConfig,
        env: LaneVecEnv,
        store: TensorStore,
        schema: FeatureSchema,
        seed: int,
    ) -> None:
        """Raises ModelError if `store` was not built by `schema`."""
        if store.schema_hash != schema.hash:
            raise ModelError("the feature days were not built by the feature schema at hand", fix="build them again")
        if training.threads > 0:
            torch.set_num_threads(training.threads)
        self.training, self.model, self.schema, self.seed = training, model, schema, seed
        self._store, self._env = store, env
        self._run_steps = 0  # of the run that the budget is for, earlier parts included
        self._used_share = 0.0
        self._lr_factor = 1.0
        self._batch = BatchConfig(None, None, None, None)
        self._budget = Budget(training.total_steps, training.time_limit_s)
        self._episodes: deque[EpisodeRow] = deque(maxlen=RECENT_EPISODES)
        self._stop = ""
        self._streams = TrainingStreams(seed, get_device(training.device))
        self._ppo = self._build()
        if model.normalise == "fitted":
            extractor = self.policy.features_extractor
            assert isinstance(extractor, BlockExtractor)
            extractor.fit_inputs()
        self._guard = FiniteGuard(self.policy, self.policy.optimizer)

    def _build(self) -> LanePPO:
        training = self.training
        ppo = LanePPO(
            MarketPolicy,
            self._env,
            learning_rate=self._learning_rate,
            n_steps=training.n_steps,
            batch_size=training.batch_size,
            n_epochs=training.n_epochs,
            gamma=training.gamma,
            gae_lambda=training.gae_lambda,
            clip_range=training.clip_range,
            normalize_advantage=False,  # the buffer does, once per rollout
            ent_coef=training.entropy_coef,
            vf_coef=training.value_coef,
            max_grad_norm=training.max_grad_norm,
            rollout_buffer_class=BlockMaskableRolloutBuffer,
            rollout_buffer_kwargs={"block_rows": training.block_rows, "generator": self._streams.minibatches},
            target_kl=training.target_kl or None,
            policy_kwargs=block_policy_arguments(
                self.model, self._store, ahead=math.ceil(training.n_steps / MINUTE_S) + 1
            ),
            seed=key(self.seed, "ppo") % 2**32,
            device=training.device,
        )
        ppo.set_logger(Logger(folder=None, output_formats=[]))
        return ppo

    @property
    def policy(self) -> MarketPolicy:
        """The network."""
        policy = self._ppo.policy
        assert isinstance(policy, MarketPolicy)
        return policy

    @property
    def steps(self) -> int:
        """Environment steps in the model's life, summed over lanes."""
        return self._ppo.num_timesteps

    def parameters_sha256(self) -> str:
        """SHA-256 over names and values of all parameters."""
        return parameters_sha256(self.policy)

    def request_stop(self, reason: str) -> None:
        """End training after the running rollout and update; for listeners, e.g. when a trial is pruned."""
        self._stop = reason

    def adjust(self, batch: BatchConfig) -> None:
        """Learn by `batch` from the next rollout on, where it is not null: as a stage of the curriculum wants it."""
        self._batch = batch
        self._ppo.batch_size = batch.size or self.training.batch_size
        self._ppo.n_epochs = batch.epochs or self.training.n_epochs

    # ------------------------------------------------------------ training
    def train(self, listeners: Sequence[TrainingListener] = ()) -> TrainingResult:
        """Train until the steps or the time are used up, a signal comes or a listener asks to stop.

        After a signal the running rollout is finished and learnt from, so that nothing is lost when the run goes on.
        Raises TrainingError if the environment gives numbers that are not finite or training diverges.
        """
        ppo, start = self._ppo, self._ppo.num_timesteps
        self._stop = ""
        self._budget.start(self._used_share)
        callback = ppo.begin()
        self._env.drain()
        reason = ""
        with SafeStop() as stop:
            while not (reason := stop.requested or self._stop or self._budget.over(self._run_steps)):
                with self._streams.use():
                    spent = self._iterate(callback)
                self._budget.rollout_done()
                stats = self._stats(start) | spent
                for listener in listeners:
                    listener.on_rollout(ppo.num_timesteps, stats)
        self._used_share = self._budget.share(self._run_steps)
        return TrainingResult(reason, ppo.num_timesteps - start, self._budget.elapsed_s)

    def _iterate(self, callback: BaseCallback) -> dict[str, float]:
        """One rollout and its update: their seconds."""
        began = time.perf_counter()
        share = self._budget.share(self._run_steps)
        self._env.lanes.progress(share)
        scheduled = linear(self.training.entropy_coef, self.training.final_entropy_coef, share)
        self._ppo.ent_coef = scheduled if self._batch.entropy_coef is None else self._batch.entropy_coef
        self._ppo.rollout(callback)
        self._run_steps += self.training.n_steps * self._env.num_envs
        collected = time.perf_counter()
        self._check_rollout()
        self._ppo.train()
        self._guard.check()
        return {names.ROLLOUT_S.name: collected - began, names.UPDATE_S.name: time.perf_counter() - collected}

    def _learning_rate(self, _: float) -> float:
        share = self._budget.share(self._run_steps)
        scheduled = linear(self.training.learning_rate, self.training.final_learning_rate, share)
        return self._lr_factor * (self._batch.learning_rate_factor or 1.0) * scheduled

    def _check_rollout(self) -> None:
        buffer = self._ppo.rollout_buffer
        assert isinstance(buffer, BlockMaskableRolloutBuffer)
        index = buffer.observations["index"]
        require_finite("the portfolio", buffer.observations["portfolio"], index)
        require_finite("the reward", buffer.rewards, index)
        require_finite("the advantage", buffer.advantages, index)

    def _stats(self, start: int) -> dict[str, float]:
        """Numbers of the rollout and its update by the names of metrics/registry.py."""
        steps_now, budget = self._ppo.num_timesteps - start, self._budget
        rollout = self._env.drain()
        self._episodes.extend(rollout.episodes)
        learnt = {name: value for name, value in self._ppo.logged().items() if name in names.metrics()}
        stats = {
            **learnt,
            names.STEPS_PER_S.name: steps_now / budget.elapsed_s,
            names.ELAPSED_S.name: budget.elapsed_s,
            names.ETA_S.name: budget.eta_s(self._run_steps, steps_now),
            names.REWARD.name: rollout.reward,
            names.INVALID_SHARE.name: rollout.invalid_share,
            names.DRAWDOWN.name: rollout.drawdown,
            names.EPISODES.name: float(len(rollout.episodes)),
            names.ROLLBACKS.name: float(self._guard.rollbacks),
        }
        if self._episodes:
            pnl = np.array([row.pnl for row in self._episodes])
            stats |= {
                names.EPISODE_RETURN.name: float(np.mean([row.log_return for row in self._episodes])),
                names.EPISODE_PNL.name: float(pnl.mean()),
                names.WIN_SHARE.name: float((pnl > 0).mean()),
                names.TRADES.name: float(np.mean([row.trades for row in self._episodes])),
            }
        return stats

    # ------------------------------------------------------------ saving
    def save(self, folder: Path) -> None:
        """Write the agent to `folder` (new or empty), whole or not at all; running episodes are in agent.lane_state."""
        plain, tensors = self._streams.state()
        meta: dict[str, Any] = {
            "steps": self.steps,
            "updates": self._ppo.updates,
            "run": {"steps": self._run_steps, "share": self._used_share, "learning_rate_factor": self._lr_factor},
            "seed": self.seed,
            "model": asdict(self.model),
            "training": asdict(self.training),
            "features": self.schema.as_dict(),
            "feature_hash": self.schema.hash,
            "portfolio": [column.name.lower() for column in Portfolio],
            "actions": ACTIONS,
            "parameters_sha256": self.parameters_sha256(),
            "random": plain,
        }
        weights = dict(self.policy.named_parameters())
        state = {**optimizer_tensors(self.policy, self.policy.optimizer), **tensors}
        save_checkpoint(folder, Checkpoint({n: p.detach() for n, p in weights.items()}, state, meta))

    def load(self, folder: Path, *, resume: bool) -> None:
        """Take weights, optimiser and counters from a saved agent.

        resume: go on with the interrupted run: its place in the budget and its random streams. Otherwise a new run
        begins, with learning rates scaled by `training.continue_lr_factor`.
        Raises ModelError if the model is damaged, its features differ (they are named) or its network does.
        """
        saved = load_checkpoint(folder, training=True)
        require_same_model(saved.meta, self.model, self.schema, folder)
        put_weights(self.policy, saved.weights, shown(folder))
        put_optimizer(self.policy, self.policy.optimizer, saved.state)
        self._ppo.num_timesteps = int(saved.meta["steps"])
        self._ppo.updates = int(saved.meta["updates"])
        if resume:
            run = saved.meta["run"]
            self._run_steps, self._used_share = int(run["steps"]), float(run["share"])
            self._lr_factor = float(run["learning_rate_factor"])
            self._streams.load_state(saved.meta["random"], saved.state)
        else:
            self._run_steps, self._used_share = 0, 0.0
            self._lr_factor = self.training.continue_lr_factor
        self._guard = FiniteGuard(self.policy, self.policy.optimizer)
        log.info("%s: %s steps so far", shown(folder), f"{self.steps:,}")


def linear(first: float, last: float, share: float) -> float:
    """From `first` at share 0 to `last` at share 1."""
    return first + (last - first) * share


def require_same_model(meta: dict[str, Any], model: ModelConfig, schema: FeatureSchema, folder: Path) -> None:
    """Raise ModelError, naming what differs, unless a saved model's `meta` fits features, network and simulation."""
    schema.require(FeatureSchema.from_dict(meta["features"]), where=shown(folder))
    here = {**asdict(model), "portfolio": [c.name.lower() for c in Portfolio], "actions": ACTIONS}
    there = {**meta["model"], "portfolio": meta["portfolio"], "actions": meta["actions"]}
    differing = [f"{name} {there.get(name)} (here {value})" for name, value in here.items() if there.get(name) != value]
    if differing:
        raise ModelError(
            f"the saved model is another network: {', '.join(differing)}",
            where=shown(folder),
            fix="give the model's own values, e.g. model.d_model=…, or train a new model",
        )
