"""What is done to explain decisions: by a process beside a training, by `./fx explain`, after a backtest."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from agent.checkpoint import load_checkpoint
from agent.explaining import Decisions
from agent.policy_runner import PolicyRunner
from ai.attribution import Effort, Subject, explain
from ai.feature_store import TensorStore
from config.compose import saved_config
from config.schema import Config
from feature.registry import registered
from metrics.explanation import FOLDER, Cost, Explanation, explanations
from scripts.explain.child import DECISIONS, POLICY, SEEN
from scripts.pipeline import Sources, open_sources
from scripts.progress import counted
from scripts.runs import CONFIG
from scripts.usage import peak_mb
from utils.errors import ModelError
from utils.logger import get_logger

log = get_logger(__name__)

Day = tuple[str, dt.date]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spending:
    """What a process spends."""

    began: float
    """Unix seconds."""
    cpu_s: float
    """That it had spent then."""
    limit_mb: float = 0.0
    """What it may hold; 0: as much as there is."""

    @classmethod
    def from_now(cls) -> Self:
        """Of this process."""
        return cls(time.time(), time.process_time())

    def __call__(self) -> Cost:
        """So far; of memory the most that was ever held, files that are mapped included."""
        return Cost(time.time() - self.began, time.process_time() - self.cpu_s, peak_mb(), self.limit_mb)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be explained."""

    model: Path
    """A saved model."""
    name: str
    """As it is told."""
    step: int
    decisions: Decisions
    store: TensorStore
    """That the decisions name rows of."""
    training: TensorStore | None
    """Some of the days that the model was trained on; None: they are not known."""
    seen: Ints | None
    """[m, 2] moments of `store` that the lanes were at; None: their drift is not asked."""
    earlier: Sequence[Explanation] = ()
    """Checks of the same training, the oldest first."""


def answered(config: Config, sources: Sources, question: Question, cost: Callable[[], Cost]) -> Explanation:
    """The explanation. Raises ModelError if the model is damaged or was trained on other features."""
    schema = sources.extractor.schema
    policy = PolicyRunner.load(question.model, question.store, schema, device="cpu").policy
    families = {entry.feature.name: entry.feature.family for entry in registered(config.feature.windows)}
    subject = Subject(policy, question.store, schema.names, families, question.training, question.seen)
    return explain(
        subject,
        question.decisions,
        Effort(**{name: getattr(config.explain, name) for name in Effort._fields}),
        seed=config.seed,
        step=question.step,
        model=question.name,
        earlier=question.earlier,
        cost=cost,
        tell=lambda text: log.info("explaining %d decisions of %s: %s", len(question.decisions), question.name, text),
    )


def store_of(config: Config, sources: Sources, days: Sequence[Day], what: str) -> TensorStore:
    """The features of `days`, on the CPU; what: for progress."""
    every_s = config.training.log_every_s
    return TensorStore(
        [sources.extractor.day(sources.simulator.day(*day)) for day in counted(days, f"features of {what}", every_s)]
    )


def sampled(days: Sequence[Day], most: int) -> list[Day]:
    """Up to `most` of them, spread evenly."""
    at = np.unique(np.linspace(0, len(days) - 1, min(most, len(days))).round().astype(int))
    return [days[i] for i in at]


def explain_request(work: Path, request: Mapping[str, Any]) -> None:
    """Explain what a training handed over in `work`; the explanation goes into its run's folder."""
    cost, run, step = Spending(request["began"], 0.0, request["memory_mb"]), Path(request["run"]), int(request["step"])
    load_checkpoint(work / POLICY, training=False)  # damaged weights are refused before days are read
    config = saved_config(run / CONFIG)
    config = replace(config, training=replace(config.training, device="cpu"))
    torch.set_num_threads(config.explain.threads)
    sources = open_sources(config)
    days = [(symbol, dt.date.fromisoformat(date)) for symbol, date in request["days"]]
    decisions, seen = Decisions.load(work / DECISIONS), np.load(work / SEEN)
    used: Ints = np.unique(np.concatenate([decisions.index[:, 0], seen[:, 0]])).astype(np.int64)
    question = Question(
        model=work / POLICY,
        name=str(request["model"]),
        step=step,
        decisions=replace(decisions, index=_moved(decisions.index, used)),
        store=store_of(config, sources, [days[row] for row in used], "the lanes' days"),
        training=store_of(config, sources, sampled(days, config.explain.days), "training days"),
        seen=_moved(seen, used),
        earlier=_earlier(run, step),
    )
    answered(config, sources, question, cost).write(run / FOLDER)


def _moved(index: npt.NDArray[np.integer[Any]], used: Ints) -> Ints:
    """Rows of all days [n, 2] as rows of those that are `used`."""
    return np.stack([np.searchsorted(used, index[:, 0]), index[:, 1]], 1).astype(np.int64)


def _earlier(run: Path, step: int) -> list[Explanation]:
    """The checks of the run before `step`; one that cannot be read any more does not count."""
    found: list[Explanation] = []
    for path in explanations(run):
        if int(path.stem) < step:
            try:
                found.append(Explanation.read(path))
            except ModelError as why:
                log.warning("%s", why.what)
    return found
