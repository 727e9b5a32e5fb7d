"""Training: days, lanes, curriculum, agent and listeners put together; ends with a registered model."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agent.callbacks import TrainingListener
from agent.checkpoint import load_checkpoint
from agent.checkpoint_store import CheckpointStore
from agent.curriculum import Curriculum
from agent.evaluations import Evaluations, Evaluator, Score
from agent.lane_state import RunningEpisodes
from agent.model_registry import git_state
from agent.parallel import World, require_shares
from agent.ppo_agent import PPOAgent, TrainingResult
from agent.vec_env import LaneVecEnv
from config.compose import config_yaml, plain_config
from config.schema import Config
from data.layout import RESET_POINT
from envs.episodes import Episode, FixedEpisodes
from envs.vector_environment import VectorTradingEnvironment
from metrics.hub import RunInfo, open_hub
from metrics.notes import Kind, warnings_noted
from metrics.run_info import DayFacts
from rewards.composite import CompositeReward
from scripts.arrays import Arrays, load_days
from scripts.evaluate import ChildEvaluator, Validation, validation_days
from scripts.explain.explainer import Explainer
from scripts.listeners import Keeper, Recorder, Start
from scripts.output import out
from scripts.pipeline import Market, metadata_of, model_registry
from scripts.recording import Observed, Recording
from scripts.runs import CHECKPOINTS, CONFIG, RESULT, about_of, libraries, write_about
from scripts.split_guard import refuse_held_out, seen
from simulators.day_bank import session_seconds
from utils.atomic import copy_folder, write_text
from utils.errors import EXIT_INTERRUPTED, DataError, TrainingError
from utils.hashing import json_hash
from utils.logger import get_logger
from utils.paths import anchored, shown

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


class Bench(NamedTuple):
    """What a process that trains again and again has at hand, and its own way to judge and to look on."""

    arrays: Arrays
    """The training days, under the configuration's simulation."""
    evaluator: Callable[[Path, CheckpointStore], AbstractContextManager[Evaluator]]
    listener: Callable[[PPOAgent], TrainingListener]


class Learner(NamedTuple):
    """What learns, and what it learns on."""

    arrays: Arrays
    env: VectorTradingEnvironment
    vec: LaneVecEnv
    agent: PPOAgent
    curriculum: Curriculum
    reward: CompositeReward
    episodes: RunningEpisodes


def train_model(
    config: Config, market: Market, folder: Path, bench: Bench | None = None, world: World | None = None
) -> Trained:
    """Train, score on the validation days and register. Ctrl-C ends it early; the model is registered all the same.

    Where `training.resume` is set, `folder` is that run's, and it goes on from its newest checkpoint.
    bench: instead of opening days and judging in processes of their own; nothing is printed then. world: the processes
    that share the work, of which this one writes; the others are in `scripts.following.train_along`.
    """
    world = world or World()
    learner = open_learner(config, market, bench, world)
    agent, training = learner.agent, config.training
    store = CheckpointStore(folder / CHECKPOINTS, training.keep_checkpoints, _copies(config, folder))
    validation = Validation(config, market, validation_days(config, market), market.split)
    judge = bench.evaluator(folder, store) if bench else ChildEvaluator(folder, store, validation)
    with judge as evaluator, contextlib.ExitStack() as stack:
        every = training.evaluate_every if validation.days else 0
        evaluations = Evaluations(every, training.patience, evaluator)
        keeper = Keeper(store, training.checkpoint_every_s, agent, learner.episodes, evaluations)
        world.first(_begin(config, keeper))
        origin = _origin(config, market, learner, folder)
        about_run = write_about(folder, origin, agent.steps)
        with open_hub(config.metrics, _run_info(config, learner, folder, origin["group"])) as hub:
            recording = None if hub.idle else _recording(config, learner, folder)
            days = [(day.symbol, day.date) for day in learner.arrays.days]
            explainer = stack.enter_context(Explainer(config.explain, folder, agent, days, hub))
            recorder = Recorder(hub, recording, learner.curriculum, agent, evaluations, explainer.drain)
            stack.enter_context(warnings_noted(hub, lambda: agent.steps))
            keeper.hub = hub
            hub.note(agent.steps, Kind.BEGIN, f"step {agent.steps:,}", about_run)
            agent.adjust(learner.curriculum.batch)
            log.info("if it is interrupted or killed: ./fx momentum --resume %s", shown(folder))
            listeners = [explainer, recorder, keeper, *([bench.listener(agent)] if bench else [])]
            result = agent.train(listeners, keeper.last_good)
            world.close()
            score = not interrupted(result) and bool(validation.days)
            last = _last_score(agent, keeper, recorder, evaluations, folder, score=score)
            explainer.finish(wait=not interrupted(result))
            hub.note(agent.steps, Kind.END, f"stopped by {result.stopped_by}", result._asdict())
    best = evaluations.best if training.patience and score else None
    about = {**origin, **_outcome(result, keeper), "scored": evaluations.count}
    version = _register(config, store, best or last, about)
    about = {"version": version, "stopped_by": result.stopped_by, "interrupted": interrupted(result)}
    write_text(folder / RESULT, json.dumps(about, indent=1))
    if bench is None:
        _tell(config, version, best or last, result, folder)
    return Trained(version, interrupted(result))


def interrupted(result: TrainingResult) -> bool:
    """Whether a signal ended the training."""
    return result.stopped_by.startswith("SIG")


def training_entries(market: Market) -> list[tuple[str, dt.date]]:
    """Symbol-days to train on. Raises DataError if there is none, or one that is held out."""
    entries = market.entries(market.split.train)
    if not entries:
        raise DataError(
            "there is no momentum day to train on",
            where=f"{len(market.index)} days of the index, {len(market.split.train)} training sessions",
            fix="./fx scan-all tells why; lower scanner.candidate_min_range and scanner.candidate_min_rvol, or use "
            "--config any_stock",
        )
    refuse_held_out(entries, market.split)
    return entries


def open_learner(config: Config, market: Market, bench: Bench | None, world: World) -> Learner:
    """Everything that trains. Raises DataError if there is no day to train on.

    Raises TrainingError if the processes have not the same days, features and libraries.
    """
    stages = [stage.batch.size for stage in config.curriculum.stages]
    require_shares(config.training, [size or config.training.batch_size for size in (None, *stages)], world.size)
    entries = training_entries(market)
    with world.leader_first():
        arrays = bench.arrays if bench else load_days(config, market, entries)
    lanes = config.training.lanes
    hours = session_seconds(config.simulation.session)
    curriculum = Curriculum(config.curriculum, market.index, entries, lanes, config.seed, config.symbols, hours)
    reward = CompositeReward(config.reward, lanes)
    env = VectorTradingEnvironment(arrays.bank, config.env, config.simulation, reward, lanes, curriculum, config.seed)
    vec = LaneVecEnv(env)
    schema, days = market.extractor.schema, {day.name: json_hash(day.sources) for day in arrays.days}
    world.require_alike("training days, features and libraries", lambda: json_hash([days, schema.hash, libraries()]))
    agent = PPOAgent(config.training, config.model, vec, arrays.store, schema, config.seed, world)
    _compile(config, arrays)
    return Learner(arrays, env, vec, agent, curriculum, reward, RunningEpisodes(vec, env, curriculum, reward, days))


def _compile(config: Config, arrays: Arrays) -> None:
    """One step of one lane of its own: compiling the kernels is not to count against the time limit."""
    start = int(arrays.bank.table["open_s"][0])
    source = FixedEpisodes([[Episode(0, start, 60)]])
    reward = CompositeReward(config.reward, 1)
    env = VectorTradingEnvironment(arrays.bank, config.env, config.simulation, reward, 1, source, config.seed)
    env.reset()
    env.step(np.zeros(1, np.int64))


def _copies(config: Config, folder: Path) -> Path | None:
    """Where the run's checkpoints are copied to, with the configuration that they are resumed with."""
    if not config.training.sync_to:
        return None
    copy = anchored(config.training.sync_to) / folder.name
    write_text(copy / CONFIG, config_yaml(config))
    return copy / CHECKPOINTS


def _begin(config: Config, keeper: Keeper) -> Start | None:
    """Where the run starts: at its own last checkpoint, at a model's, or at nothing.

    A run that goes on from a model keeps its curriculum, its running episodes and its random streams where days, stages
    and lanes are the same; its budget begins anew.
    """
    training = config.training
    if training.resume:
        return keeper.resume()
    if not training.continue_from:
        return None
    path = Path(training.continue_from)
    known = [date.isoformat() for date in sorted(seen(metadata_of(path)))]
    keeper.lineage = {"parent": path.name, "seen_before": known}
    return keeper.take_up(Start(load_checkpoint(path, training=True), path, resume=False))


def _last_score(
    agent: PPOAgent, keeper: Keeper, recorder: Recorder, evaluations: Evaluations, folder: Path, *, score: bool
) -> Score:
    """Save the last state and, if `score`, take its score; nan otherwise."""
    number, step = agent.rollouts, agent.steps
    last = recorder.finish() if score else None
    if last is not None and last.number == number:
        return last
    if score:
        evaluations.announce(number, step)
    try:
        keeper.save()
    except OSError as why:
        fix = f"make room, then ./fx momentum --resume {shown(folder)}"
        raise TrainingError(f"the end of the run could not be saved: {why}", where=shown(folder), fix=fix) from why
    return (recorder.finish() if score else None) or Score(number, step, math.nan)


def _register(config: Config, store: CheckpointStore, score: Score, about: dict[str, Any]) -> str:
    """The checkpoint of that score becomes the next version."""
    path = store.path(score.number)
    steps = load_checkpoint(path, training=False).meta["steps"]

    def save(made: Path) -> None:
        copy_folder(path, made)

    return model_registry(config).register(save, score.value, about | {"steps": steps})


def _recording(config: Config, learner: Learner, folder: Path) -> Recording:
    parts = Observed(learner.env, learner.vec, learner.agent, learner.curriculum, learner.reward)
    return Recording(parts, folder, lanes=config.metrics.lanes, follow=config.metrics.follow)


def _run_info(config: Config, learner: Learner, folder: Path, group: str) -> RunInfo:
    return RunInfo(
        name=config.name,
        folder=folder,
        log_every_s=config.training.log_every_s,
        wandb=config.wandb,
        config=plain_config(config),
        resumed_at=learner.agent.steps if config.training.resume else None,
        group=group,
        components=learner.reward.names,
        days=_day_facts(learner),
    )


def _day_facts(learner: Learner) -> tuple[DayFacts, ...]:
    known = {day.number: (day.quality, day.points) for day in learner.curriculum.days}
    nothing = math.nan, np.zeros(0, RESET_POINT)
    return tuple(DayFacts(day, *known.get(number, nothing)) for number, day in enumerate(learner.arrays.days))


def _origin(config: Config, market: Market, learner: Learner, folder: Path) -> dict[str, Any]:
    """What a model is made of, so that it can be judged and made again."""
    days = learner.arrays.days
    parent = config.training.continue_from
    line = metadata_of(Path(parent)).get("group", Path(parent).name) if parent else folder.name
    return {
        "name": config.name,
        "run": folder.name,
        "group": config.wandb.group or about_of(folder).get("group") or line,
        "git": git_state(),
        "config": plain_config(config),
        "synthetic": any(day.synthetic for day in days),
        "days": {day.name: json_hash(day.sources) for day in days},
        "split": market.split.plain(),
        "split_hash": market.split.hash,
        "feature_hash": market.extractor.schema.hash,
        "seed": config.seed,
    }


def _outcome(result: TrainingResult, keeper: Keeper) -> dict[str, Any]:
    """How the training went, and what it went on from."""
    return {**keeper.lineage, "seconds": round(result.seconds, 1), "stopped_by": result.stopped_by}


def _tell(config: Config, version: str, score: Score, result: TrainingResult, folder: Path) -> None:
    speed = result.steps / max(result.seconds, 1e-9)
    out.print(f"trained {result.steps:,} steps in {result.seconds:,.0f} s ({speed:,.0f} steps/s)")
    worth = f"validation {score.value:+,.2f} $ net per day" if math.isfinite(score.value) else "no validation score"
    best = ", the best of the run" if config.training.patience and not interrupted(result) else ""
    out.print(f"model {version} registered in {config.models}: {worth} at step {score.step:,}{best}")
    if interrupted(result):
        out.print(f"stopped by {result.stopped_by}; go on with: ./fx momentum --resume {shown(folder)}")
