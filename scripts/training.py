"""Training: days, lanes, curriculum, agent and listeners put together; ends with a registered model."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agent.backtest import Backtest, BacktestDay, select_days
from agent.curriculum import Curriculum
from agent.lane_state import FILE as LANES_FILE
from agent.lane_state import LaneState, lane_bytes, load_lanes
from agent.model_registry import METADATA, ModelRegistry, git_state
from agent.policy_runner import PolicyRunner
from agent.ppo_agent import PPOAgent, TrainingResult
from agent.vec_env import LaneVecEnv
from ai.feature_store import TensorStore
from config.compose import plain_config
from config.schema import Config
from data.market_day import MarketDay
from envs.episodes import Episode, FixedEpisodes
from envs.vector_environment import VectorTradingEnvironment
from feature.feature_day import FeatureDay
from metrics import registry as names
from metrics.hub import MetricsHub, RunInfo, open_hub
from rewards.composite import CompositeReward
from scripts.pipeline import Market, model_registry, out, parent_metadata
from scripts.progress import DayProgress, counted
from scripts.split_guard import refuse_held_out, seen
from simulators.day_bank import DayBank, session_seconds
from utils.atomic import write_bytes
from utils.errors import EXIT_INTERRUPTED, DataError, ModelError
from utils.hashing import json_hash
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)


class Trained(NamedTuple):
    """What became of a training run."""

    version: str
    """Name of the registered model."""
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """Of the process."""
        return EXIT_INTERRUPTED if self.interrupted else 0


class Arrays(NamedTuple):
    """Days with their features, both in the same order."""

    days: list[MarketDay]
    features: list[FeatureDay]
    bank: DayBank
    store: TensorStore


def load_days(config: Config, market: Market, entries: Sequence[tuple[str, dt.date]]) -> Arrays:
    """Timelines and features of `entries`, from the cache or made now."""
    every_s = config.training.log_every_s
    log.info("%d days: timelines and features", len(entries))
    days = [market.simulator.day(*entry) for entry in counted(entries, "timelines", every_s)]
    features = [market.extractor.day(day) for day in counted(days, "features", every_s)]
    return Arrays(days, features, DayBank(days, config.simulation), TensorStore(features))


class Validation:
    """The agent's policy over the validation days, from each day's trigger on."""

    def __init__(self, config: Config, market: Market) -> None:
        self._config = config
        self._days = _validation_days(config, market)
        self._arrays: Arrays | None = None
        if self._days:
            self._arrays = load_days(config, market, [(day.symbol, day.date) for day in self._days])

    def score(self, agent: PPOAgent) -> float:
        """Mean net P&L per day in dollars; nan without validation days."""
        if self._arrays is None:
            return math.nan
        config = self._config
        test = Backtest(
            self._arrays.bank,
            self._days,
            config.env,
            config.simulation,
            config.reward,
            config.backtest,
            config.seed,
        )
        log.info("validation: %d days, %s to %s", len(self._days), self._days[0].date, self._days[-1].date)
        policy = PolicyRunner.of(agent, self._arrays.store)
        return float(test.run(policy, progress=DayProgress(config.training.log_every_s)).pnl.mean())


def _validation_days(config: Config, market: Market) -> list[BacktestDay]:
    if not market.split.validation:
        log.info("no validation sessions: the model gets no score")
        return []
    try:
        hours = session_seconds(config.simulation.session)
        return select_days(market.index.days, market.split.validation, config.backtest, hours)
    except DataError as why:  # sessions without a single triggered day
        log.warning("%s; the model gets no score", why.what)
        return []


class Recorder:
    """Adds what the agent does not know to each rollout's numbers, and hands them to the metrics."""

    def __init__(
        self,
        hub: MetricsHub,
        curriculum: Curriculum,
        reward: CompositeReward,
        agent: PPOAgent,
        validation: Validation,
        every: int,
    ) -> None:
        self._hub, self._curriculum, self._reward = hub, curriculum, reward
        self._agent, self._validation = agent, validation
        self._every, self._rollouts = every, 0

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        """One call of the hub per rollout; every `every` rollouts with a validation score."""
        self._rollouts += 1
        self._agent.adjust(self._curriculum.batch)
        values = {
            **stats,
            **_stage_values(self._curriculum),
            **_reward_values(self._reward),
        }
        if self._every and self._rollouts % self._every == 0:
            score = self._validation.score(self._agent)
            if math.isfinite(score):
                values[names.VALIDATION_PNL.name] = score
        self._hub.log(step, values)


class RunningEpisodes:
    """What the lanes are in the middle of and what comes after: saved with a model, and taken up by the same run."""

    def __init__(
        self, vec: LaneVecEnv, env: VectorTradingEnvironment, curriculum: Curriculum, days: dict[str, str]
    ) -> None:
        self._vec, self._env, self._curriculum, self._days = vec, env, curriculum, days

    def _content(self) -> LaneState:
        return LaneState(self._env.snapshot(), self._vec.sums())

    def about(self) -> dict[str, Any]:
        """For the model's metadata."""
        return {
            "curriculum": self._curriculum.state(),
            "lanes_sha256": hashlib.sha256(lane_bytes(self._content())).hexdigest(),
        }

    def save(self, folder: Path) -> None:
        """Write the lanes to `folder`."""
        write_bytes(folder / LANES_FILE, lane_bytes(self._content()))

    def load(self, folder: Path, about: dict[str, Any]) -> None:
        """Go on exactly where the run stopped; with other days, stages or lanes begin the curriculum again, and say so.

        Raises ModelError if the file was changed.
        """
        path = folder / LANES_FILE
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != about.get("lanes_sha256"):
            raise ModelError(f"{path.name} is damaged: its SHA-256 is not the one in {METADATA}", where=shown(path))
        try:
            if about.get("days") != self._days:
                raise ModelError("the run was on other training days")
            saved = load_lanes(path, self._content())
            self._curriculum.load_state(about["curriculum"])
        except ModelError as why:
            log.warning("%s: the curriculum begins again at its first stage", why.what)
            return
        self._env.restore(saved.lanes)
        self._vec.resume(saved.sums)


def _reward_values(reward: CompositeReward) -> dict[str, float]:
    """What the components did, by the names of metrics/registry.py."""
    stats = reward.drain()
    families = zip(
        (names.REWARD_PART, names.REWARD_EPISODE, names.REWARD_CORRELATION, names.REWARD_SHARE), stats, strict=True
    )
    return {family.of(part): value for family, values in families for part, value in values.items()}


def _stage_values(curriculum: Curriculum) -> dict[str, float]:
    """What the curriculum does, by the names of metrics/registry.py."""
    told = curriculum.summary()
    return {
        names.STAGE.name: float(told["stage"]),
        names.STAGE_PROGRESS.name: told["progress"],
        names.STAGE_RETURN.name: told["mean_log_return"],
        names.UNIFORM_SHARE.name: told["uniform_share"],
        names.DAYS_LEFT.name: float(told["days_left"]),
        names.POINTS_LEFT.name: float(told["points_left"]),
    }


def train_model(config: Config, market: Market, folder: Path) -> Trained:
    """Train, score on the validation days and register. Ctrl-C ends it early; the model is registered all the same."""
    entries = market.entries(market.split.train)
    if not entries:
        raise DataError(
            "there is no momentum day to train on",
            where=f"{len(market.index)} days of the index, {len(market.split.train)} training sessions",
            fix="./fx scan-all tells why; lower scanner.candidate_min_range and scanner.candidate_min_rvol, or use "
            "--config any_stock",
        )
    refuse_held_out(entries, market.split)
    registry = model_registry(config)
    arrays = load_days(config, market, entries)
    lanes = config.training.lanes
    hours = session_seconds(config.simulation.session)
    curriculum = Curriculum(config.curriculum, market.index, entries, lanes, config.seed, config.symbols, hours)
    reward = CompositeReward(config.reward, lanes)
    env = VectorTradingEnvironment(arrays.bank, config.env, config.simulation, reward, lanes, curriculum, config.seed)
    vec = LaneVecEnv(env)
    agent = PPOAgent(config.training, config.model, vec, arrays.store, market.extractor.schema, config.seed)
    _compile(config, arrays)
    days = {day.name: json_hash(day.sources) for day in arrays.days}
    episodes = RunningEpisodes(vec, env, curriculum, days)
    parent = _continue(config, registry, agent, episodes)
    validation = Validation(config, market)
    with open_hub(config.metrics, _run_info(config, folder)) as hub:
        recorder = Recorder(hub, curriculum, reward, agent, validation, config.training.evaluate_every)
        agent.adjust(curriculum.batch)
        result = agent.train([recorder])
    interrupted = result.stopped_by.startswith("SIG")
    score = math.nan if interrupted else validation.score(agent)
    about = _metadata(config, market, arrays, agent, result) | {"parent": parent, "days": days} | episodes.about()

    def save(model: Path) -> None:
        agent.save(model)
        episodes.save(model)

    version = registry.register(save, score, about)
    _tell(config, version, score, result, interrupted)
    return Trained(version, interrupted)


def _compile(config: Config, arrays: Arrays) -> None:
    """One step of one lane of its own: compiling the kernels is not to count against the time limit."""
    start = int(arrays.bank.table["open_s"][0])
    source = FixedEpisodes([[Episode(0, start, 60)]])
    reward = CompositeReward(config.reward, 1)
    env = VectorTradingEnvironment(arrays.bank, config.env, config.simulation, reward, 1, source, config.seed)
    env.reset()
    env.step(np.zeros(1, np.int64))


def _continue(config: Config, registry: ModelRegistry, agent: PPOAgent, episodes: RunningEpisodes) -> str | None:
    """Load the model that `training.continue_from` names; an interrupted one goes on where it stopped."""
    if not config.training.continue_from:
        return None
    path = registry.resolve(config.training.continue_from)
    about: dict[str, Any] = json.loads((path / METADATA).read_text()) if (path / METADATA).exists() else {}
    resume = str(about.get("stopped_by", "")).startswith("SIG")
    agent.load(path, resume=resume)
    if resume:
        episodes.load(path, about)
    return path.name


def _run_info(config: Config, folder: Path) -> RunInfo:
    return RunInfo(
        name=config.name,
        folder=folder,
        log_every_s=config.training.log_every_s,
        wandb=config.wandb,
        config=plain_config(config),
    )


def _metadata(
    config: Config, market: Market, arrays: Arrays, agent: PPOAgent, result: TrainingResult
) -> dict[str, Any]:
    """What a model is made of, so that it can be judged and made again."""
    return {
        "name": config.name,
        "git": git_state(),
        "config": plain_config(config),
        "synthetic": any(day.synthetic for day in arrays.days),
        "split": market.split.plain(),
        "split_hash": market.split.hash,
        "seen_before": [date.isoformat() for date in sorted(seen(parent_metadata(config)))],
        "feature_hash": market.extractor.schema.hash,
        "seed": config.seed,
        "steps": agent.steps,
        "seconds": round(result.seconds, 1),
        "stopped_by": result.stopped_by,
    }


def _tell(config: Config, version: str, score: float, result: TrainingResult, interrupted: bool) -> None:
    speed = result.steps / max(result.seconds, 1e-9)
    out.print(f"trained {result.steps:,} steps in {result.seconds:,.0f} s ({speed:,.0f} steps/s)")
    worth = f"validation {score:+,.2f} $ net per day" if math.isfinite(score) else "no validation score"
    out.print(f"model {version} registered in {config.models}: {worth}")
    if interrupted:
        out.print(f"stopped by {result.stopped_by}; go on with: ./fx momentum training.continue_from={version}")
