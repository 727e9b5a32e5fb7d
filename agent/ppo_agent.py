"""PPO on the lanes: stable-baselines3's masked PPO with the block encoder, a budget, safe stops and exact saves."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from stable_baselines3.common.logger import Logger

from agent.callbacks import MAX_ROLLBACKS, Budget, FiniteGuard, SafeStop, TrainingListener, require_finite
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
from agent.parallel import World
from agent.random_streams import TrainingStreams
from agent.recent_episodes import RecentEpisodes
from agent.rollout_buffer import BlockMaskableRolloutBuffer
from agent.schedules import scheduled
from agent.threads import Threads, usable_cores
from agent.vec_env import EpisodeRow, LaneVecEnv
from ai.device import open_device
from ai.extractors import BlockExtractor
from ai.feature_store import MINUTE_S, TensorStore
from ai.policy import MarketPolicy, block_policy_arguments
from config.schema import BatchConfig, ModelConfig, TrainingConfig
from feature.registry import FeatureSchema
from metrics import registry as names
from simulators.layout import ACTIONS, Portfolio
from utils.errors import ModelError, TrainingError
from utils.logger import get_logger
from utils.paths import shown
from utils.seeding import key

log = get_logger(__name__)


class TrainingResult(NamedTuple):
    """How a call of `PPOAgent.train` ended."""

    stopped_by: str
    """"steps", "time", the name of a signal, or the reason given to `request_stop`."""
    steps: int
    """Environment steps of this call."""
    seconds: float


@dataclass
class RunProgress:
    """Where a run stands: what its budget, its schedules and the numbers of its checkpoints go by."""

    steps: int = 0
    rollouts: int = 0
    seconds: float = 0.0
    learning_rate_factor: float = 1.0
    rollbacks: int = 0
    rollbacks_in_a_row: int = 0
    fell_back: bool = False
    """Whether it went back to a checkpoint after diverging, which it does once."""


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
        world: World | None = None,
    ) -> None:
        """world: the processes that share the work. Raises ModelError if `store` was not built by `schema`."""
        if store.schema_hash != schema.hash:
            raise ModelError("the feature days were not built by the feature schema at hand", fix="build them again")
        self.training, self.model, self.schema, self.seed = training, model, schema, seed
        self._store, self._env, self._world = store, env, world or World()
        self._run = RunProgress()  # the one that the budget is for, earlier parts included
        self._batch = BatchConfig(None, None, None, None)
        self._budget = Budget(training.total_steps, training.time_limit_s)
        self._recent = RecentEpisodes()
        self.ended: list[EpisodeRow] = []
        """Episodes that ended in the last rollout."""
        self._stop = ""
        self._streams = TrainingStreams(seed, open_device(training.device))
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
            normalize_advantage=training.advantage_norm == "batch",
            ent_coef=training.entropy_coef,
            vf_coef=training.value_coef,
            max_grad_norm=training.max_grad_norm,
            rollout_buffer_class=BlockMaskableRolloutBuffer,
            rollout_buffer_kwargs={
                "block_rows": training.block_rows,
                "normalise": training.advantage_norm == "rollout",
                "generator": self._streams.minibatches,
                "world": self._world,
            },
            target_kl=training.target_kl or None,
            policy_kwargs=block_policy_arguments(
                self.model, self._store, ahead=math.ceil(training.n_steps / MINUTE_S) + 1
            ),
            seed=key(self.seed, "ppo") % 2**32,
            threads=Threads(training.threads, usable_cores()),
            world=self._world,
            device=open_device(training.device),
        )
        ppo.set_logger(Logger(folder=None, output_formats=[]))
        ppo.keeps_probabilities = self._world.size > 1  # process 0 may want to see those of all lanes
        return ppo

    @property
    def policy(self) -> MarketPolicy:
        """The network."""
        policy = self._ppo.policy
        assert isinstance(policy, MarketPolicy)
        return policy

    @property
    def algorithm(self) -> LanePPO:
        """What trains it: to be looked at, not to be changed."""
        return self._ppo

    @property
    def steps(self) -> int:
        """Environment steps in the model's life, summed over lanes."""
        return self._ppo.num_timesteps

    @property
    def rollouts(self) -> int:
        """Rollouts of this run, earlier parts included."""
        return self._run.rollouts

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
    def train(
        self, listeners: Sequence[TrainingListener] = (), last_good: Callable[[], Checkpoint | None] | None = None
    ) -> TrainingResult:
        """Train until the steps or the time are used up, a signal comes or a listener asks to stop.

        After a signal the running rollout is finished and learnt from, so that nothing is lost when the run goes on; of
        several processes it is enough that one gets it.
        last_good: the newest checkpoint to go back to where training diverges, which is done once.
        Raises TrainingError if the environment gives numbers that are not finite or training diverges.
        """
        ppo, start = self._ppo, self._ppo.num_timesteps
        self._stop = ""
        self._budget.start()
        ppo.begin()
        self._env.drain()
        reason = ""
        with SafeStop() as stop:
            while not (reason := self._why_stop(stop.requested)):
                with self._streams.use():
                    spent = self._iterate()
                if self._guard.diverged:
                    self._fall_back(last_good)
                self._budget.rollout_done()
                stats = self._stats(start) | spent
                for listener in listeners:
                    listener.on_rollout(ppo.num_timesteps, stats)
        seconds = self._budget.part_s
        self._budget.stop()
        return TrainingResult(reason, ppo.num_timesteps - start, seconds)

    def _why_stop(self, signal_name: str) -> str:
        """Why training is over, empty while it is not: what any of the processes has to say, for all of them.

        Raises TrainingError if they are not alike any more.
        """
        self._world.require_alike(f"weights and lanes after {self.rollouts} rollouts", self._fingerprint)
        asked = self._world.every(signal_name or self._stop or self._budget.over(self._run.steps))
        return next(filter(None, asked), "")

    def _fingerprint(self) -> str:
        """Of what all processes have the same of."""
        buffer = self._ppo.rollout_buffer
        assert isinstance(buffer, BlockMaskableRolloutBuffer)
        digest = hashlib.sha256(self.parameters_sha256().encode())
        for column in (*buffer.observations.values(), buffer.actions, buffer.rewards):
            digest.update(column.tobytes())
        return digest.hexdigest()

    def _share_done(self) -> float:
        """Used share of the budget, by the clock of process 0."""
        return self._world.first(self._budget.share(self._run.steps))

    def _iterate(self) -> dict[str, float]:
        """One rollout and its update: their seconds."""
        began = time.perf_counter()
        training, share = self.training, self._share_done()
        self._env.lanes.progress(share)
        planned = scheduled(training.entropy_schedule, training.entropy_coef, training.final_entropy_coef, share)
        self._ppo.ent_coef = planned if self._batch.entropy_coef is None else self._batch.entropy_coef
        self._ppo.rollout()
        self._run.steps += training.n_steps * self._env.num_envs
        self._run.rollouts += 1
        collected = time.perf_counter()
        self._check_rollout()
        self._ppo.train()
        self._guard.check()
        return {names.ROLLOUT_S.name: collected - began, names.UPDATE_S.name: time.perf_counter() - collected}

    def _learning_rate(self, _: float) -> float:
        training, share = self.training, self._share_done()
        first, last = training.learning_rate, training.final_learning_rate
        planned = scheduled(training.learning_rate_schedule, first, last, share)
        return self._run.learning_rate_factor * (self._batch.learning_rate_factor or 1.0) * planned

    def _fall_back(self, last_good: Callable[[], Checkpoint | None] | None) -> None:
        """Go on from weights of before it diverged, with a lower learning rate; lanes and counters stay."""
        saved = self._world.first(last_good() if last_good is not None and not self._run.fell_back else None)
        if saved is None:
            raise TrainingError(
                f"training diverged: {MAX_ROLLBACKS} updates in a row left weights that are not finite",
                where=f"parameters {self._guard.bad}",
                fix="lower training.learning_rate, reward weights or training.clip_range",
            )
        put_weights(self.policy, saved.weights, "the last good checkpoint")
        put_optimizer(self.policy, self.policy.optimizer, saved.state)
        self._run.learning_rate_factor *= self.training.rollback_lr_factor
        self._run.fell_back = True
        self._guard = FiniteGuard(self.policy, self.policy.optimizer, self._guard.rollbacks)
        log.warning(
            "training diverged: back to the weights of step %s, learning rate times %g from here on; once only",
            f"{saved.meta['steps']:,}",
            self.training.rollback_lr_factor,
        )

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
        self.ended = rollout.episodes
        self._recent.add(rollout.episodes)
        learnt = {name: value for name, value in self._ppo.logged().items() if name in names.metrics()}
        return {
            **learnt,
            names.STEPS_PER_S.name: steps_now / budget.part_s,
            names.ELAPSED_S.name: budget.elapsed_s,
            names.ETA_S.name: budget.eta_s(self._run.steps, steps_now),
            names.REWARD.name: rollout.reward,
            names.INVALID_SHARE.name: rollout.invalid_share,
            names.DRAWDOWN.name: rollout.drawdown,
            names.EPISODES.name: float(len(rollout.episodes)),
            names.ROLLBACKS.name: float(self._guard.rollbacks),
            **self._recent.values(),
        }

    # ------------------------------------------------------------ saving
    def checkpoint(self) -> Checkpoint:
        """A copy of the agent between two rollouts; what the lanes are in the middle of is in agent.lane_state."""
        plain, tensors = self._streams.state()
        meta: dict[str, Any] = {
            "steps": self.steps,
            "seed": self.seed,
            "model": asdict(self.model),
            "training": asdict(self.training),
            "features": self.schema.as_dict(),
            "feature_hash": self.schema.hash,
            "portfolio": [column.name.lower() for column in Portfolio],
            "actions": ACTIONS,
            "parameters_sha256": self.parameters_sha256(),
        }
        guard = {"rollbacks": self._guard.rollbacks, "rollbacks_in_a_row": self._guard.in_a_row}
        run: dict[str, Any] = {
            "progress": asdict(replace(self._run, seconds=self._budget.elapsed_s, **guard)),
            "updates": self._ppo.updates,
            "threads": self._ppo.threads.count,
            "processes": self._world.size,
            "episodes": self._recent.state(),
            "random": plain,
        }
        weights = {name: parameter.detach().clone() for name, parameter in self.policy.named_parameters()}
        return Checkpoint(weights, meta, {**optimizer_tensors(self.policy, self.policy.optimizer), **tensors}, run)

    def restore(self, saved: Checkpoint, *, resume: bool, where: Path) -> None:
        """Take weights, optimiser, counters and random streams from `saved`, which lies in `where`.

        resume: go on with the run it belongs to, from its place in the budget. Otherwise a new run begins, with
        learning rates scaled by `training.continue_lr_factor`.
        Raises ModelError if its features differ (they are named) or its network does.
        """
        require_same_model(saved.meta, self.model, self.schema, where)
        put_weights(self.policy, saved.weights, shown(where))
        put_optimizer(self.policy, self.policy.optimizer, saved.state)
        self._ppo.num_timesteps = int(saved.meta["steps"])
        self._ppo.updates = int(saved.run["updates"])
        self._streams.load_state(saved.run["random"], saved.state)
        if resume:
            self._run = RunProgress(**saved.run["progress"])
            processes = saved.run.get("processes", 1)
            if processes != self._world.size:
                log.warning("%d processes go on where there were %d: not by the same bits", self._world.size, processes)
            self._recent.load_state(saved.run["episodes"])
            if self.training.threads == 0 and saved.run["threads"]:
                self._ppo.threads.settle(saved.run["threads"])
        else:
            self._run = RunProgress(learning_rate_factor=self.training.continue_lr_factor)
        self._budget.begin_at(self._run.seconds)
        self._guard = FiniteGuard(self.policy, self.policy.optimizer, self._run.rollbacks, self._run.rollbacks_in_a_row)
        log.info("%s: %s steps so far", shown(where), f"{self.steps:,}")

    def save(self, folder: Path) -> None:
        """Write `checkpoint` to `folder` (new or empty), whole or not at all."""
        save_checkpoint(folder, self.checkpoint())

    def load(self, folder: Path, *, resume: bool) -> None:
        """`restore` from a folder. Raises ModelError also if it is damaged."""
        self.restore(load_checkpoint(folder, training=True), resume=resume, where=folder)


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
