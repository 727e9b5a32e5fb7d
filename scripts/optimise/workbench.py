"""What all trials of a process share: the market, its days and features, and how a model is judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from agent.backtest import Backtest
from agent.checkpoint_store import CheckpointStore
from agent.policy_runner import PolicyRunner
from agent.ppo_agent import PPOAgent
from agent.statistics.sessions import sessions_of
from agent.trials import VALIDATION
from config.compose import load_config, plain_config
from config.keys import leaves
from config.schema import Config
from config.schema.optuna import StudyConfig
from scripts.arrays import Arrays, load_days
from scripts.evaluate import one_thread, validation_days
from scripts.influence import FILES, NO_INFLUENCE, influential
from scripts.optimise.evaluator import TrialEvaluator
from scripts.optimise.measures import Outcome, Scored, check_constraints, require_sessions
from scripts.optimise.spaces import Point, Variants, check_space, fitting
from scripts.pipeline import Market, open_market
from scripts.seed_runs import market_content
from scripts.training import Bench, training_entries
from scripts.trials import conditions, note_trial, trial_ledger
from simulators.day_bank import DayBank
from utils.errors import DataError
from utils.paths import anchored

TOTAL_STEPS = "training.total_steps"


class Workbench:
    """Opened once a process. Training and validation days only: no test day is ever looked at."""

    def __init__(self, study: StudyConfig, words: list[str]) -> None:
        """words: key=value for every trial beside the study's own. Raises FxError for what cannot be trained."""
        self.study = study
        self.variants = Variants(study, words)
        check_constraints(study.objective.constraints)
        check_space(study, self.variants)
        self.base = self.variants.config({}, self._always())
        self._conditions = {
            name: load_config(study.base, [*self.variants.words, *more])
            for name, more in study.objective.conditions.items()
        }

    @cached_property
    def market(self) -> Market:
        """Scanned at the first call."""
        return open_market(self.base)

    @cached_property
    def days(self) -> list[Any]:
        """Symbol-days that models are judged on."""
        days = validation_days(self.base, self.market)
        if not days:
            fix = "lower scanner.trigger.*, or a larger split.validation"
            raise DataError("no day of the validation sessions can be traded", where="split.validation", fix=fix)
        return days

    def check_days(self) -> None:
        """Refuse a market on which nothing can be judged. Raises FxError."""
        require_sessions(len(self.market.split.validation))
        _ = self.days

    @cached_property
    def _training(self) -> Arrays:
        return load_days(self.base, self.market, training_entries(self.market))

    @cached_property
    def _validation(self) -> Arrays:
        return load_days(self.base, self.market, [(day.symbol, day.date) for day in self.days])

    def load(self) -> None:
        """All that the first trial would otherwise wait for."""
        _ = self.days, self._training, self._validation

    def config(self, point: dict[str, Any], seed: int, name: str) -> Config:
        """What a trial trains at a point. Raises ConfigError for values that do not fit each other."""
        made = self.variants.config(point, self._always() | {"seed": seed, "name": name})
        every = self._evaluate_every(made)
        return replace(made, training=replace(made.training, evaluate_every=every))

    def _always(self) -> dict[str, Any]:
        threads = {"training.threads": self.study.threads} if self.study.threads else {}
        return {
            TOTAL_STEPS: self.study.budget.steps,
            "wandb.group": self.study.name,
            "training.keep_best": 1_000_000,
            "explain.every": 0,  # a try is judged, not looked into
            "metrics.sinks": [sink for sink in self._sinks if sink != "console"],
            **threads,
        }

    @cached_property
    def _sinks(self) -> list[str]:
        return list(self.variants.config({}).metrics.sinks)

    def _evaluate_every(self, config: Config) -> int:
        rollouts = -(-config.training.total_steps // (config.training.lanes * config.training.n_steps))
        return max(1, rollouts // self.study.budget.evaluations)

    def definition(self) -> dict[str, Any]:
        """All that the values of the study depend on beside the point, by key, as plain data."""
        free = (*NO_INFLUENCE, *FILES, *self.study.space, "seed", "training.evaluate_every")
        objective = leaves({"objective": asdict(self.study.objective)})
        return {
            **influential(self.base, free),
            **objective,
            "seeds": self.study.seeds,
            "evaluations": self.study.budget.evaluations,
            "days, split and features": market_content(self.market),
        }

    def base_point(self) -> Point:
        """The configuration as it stands, as a point of the space; what it cannot hold is left out."""
        known = {**leaves(plain_config(self.base)), "curriculum": self.study.curriculum}
        return fitting(self.study.space, {name: known[name] for name in self.study.space if name in known})

    # ------------------------------------------------------------ judging
    def judge(self, model: Path, interval_s: int) -> Outcome:
        """A saved model on the validation days, under each of the conditions; each is noted as a try.

        interval_s: seconds between its decisions. What it was trained under, its fees and fills, does not matter.
        """
        return {name: self._scored(config, model, interval_s) for name, config in self._conditions.items()}

    def _scored(self, config: Config, model: Path, interval_s: int) -> Scored:
        arrays, split = self._validation, self.market.split
        env = replace(config.env, decision_interval_s=interval_s)
        test = Backtest.of(config, DayBank(arrays.days, config.simulation), self.days, env)
        with one_thread():
            policy = PolicyRunner.load(model, arrays.store, self.market.extractor.schema, device="cpu")
            run = test.run(policy)
        capital = config.simulation.account.capital
        sessions = sessions_of([day.date for day in self.days], run.pnl, capital, split.validation)
        note_trial(trial_ledger(config, split.hash), VALIDATION, model, conditions(config, env), sessions)
        return Scored(sessions.pnl.tolist(), sessions.capital, int(np.sum(run.trips)))

    def bench(self, config: Config, watch: Watch) -> Bench:
        """What `train_model` takes instead of opening days and judging in processes of its own."""

        @contextmanager
        def evaluator(run: Path, store: CheckpointStore) -> Generator[TrialEvaluator]:
            yield TrialEvaluator(
                run, store, lambda path: self.judge(path, config.env.decision_interval_s), watch.scored
            )

        training = self._training
        bank = DayBank(training.days, config.simulation)
        return Bench(training._replace(bank=bank), evaluator, watch.listener)


class Watch:
    """Looks on at a training: hears its scores, and may end it."""

    def __init__(self, scored: Callable[[int, Outcome], bool], beat: Callable[[], None]) -> None:
        """scored: is told every score by the number of its checkpoint, says whether to stop; beat: every rollout."""
        self._scored, self._beat = scored, beat
        self._began = self._ended = 0.0
        self._stop = False
        self._agent: PPOAgent | None = None

    def scored(self, number: int, outcome: Outcome) -> None:
        """For the evaluator."""
        self._stop = self._scored(number, outcome) or self._stop

    def listener(self, agent: PPOAgent) -> Watch:
        """Itself, about to listen to that agent."""
        self._agent = agent
        self._began = self._ended = time.perf_counter()
        return self

    @property
    def seconds(self) -> float:
        """From the first step to the end of the last rollout, scores on the way included."""
        return self._ended - self._began

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:  # noqa: ARG002 - every listener is told
        """A rollout is over, and scored if it was due."""
        assert self._agent is not None
        self._beat()
        self._ended = time.perf_counter()
        if self._stop:
            self._agent.request_stop(PRUNED)


PRUNED = "pruned"
"""Why a training ended, if its trial was."""


def place_of(base: Config, study: StudyConfig) -> Path:
    """The study's folder on this machine: locks, notes of workers, pictures."""
    return anchored(base.data.cache) / "optuna" / study.name
