"""What is done after every rollout of a training run: numbers recorded, checkpoints saved, validation asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent.checkpoint import Checkpoint
from agent.checkpoint_store import CheckpointStore
from agent.curriculum import Curriculum
from agent.evaluations import Evaluations, Score
from agent.lane_state import RunningEpisodes
from agent.ppo_agent import PPOAgent
from metrics import registry as names
from metrics.hub import MetricsHub
from metrics.notes import Kind
from scripts.recording import Recording
from utils.errors import ModelError
from utils.logger import get_logger

log = get_logger(__name__)


class Recorder:
    """Has every rollout's numbers and events published, and tells the agent what the curriculum and the scores ask."""

    def __init__(
        self,
        hub: MetricsHub,
        recording: Recording | None,
        curriculum: Curriculum,
        agent: PPOAgent,
        evaluations: Evaluations,
        beside: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """recording: None where nobody wants to see it; beside: numbers of others that belong to the rollout."""
        self._hub, self._recording, self._curriculum = hub, recording, curriculum
        self._agent, self._evaluations, self._beside = agent, evaluations, beside
        self._stage = -1

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        """Collect and publish; where a validation is due, with the score of the one before."""
        self._agent.adjust(self._curriculum.batch)
        values = {} if self._recording is None else self._publish(self._recording, step, stats)
        if self._evaluations.due(self._agent.rollouts):
            score = self._evaluations.collect()
            values |= self._told(score) if score is not None else {}
            if self._evaluations.exhausted:
                log.info("no better score in %d validations: training stops", self._evaluations.since_best)
                self._agent.request_stop("patience")
        self._hub.log(step, {**values, **self._beside()})

    def _publish(self, recording: Recording, step: int, stats: dict[str, float]) -> dict[str, float]:
        """Hand over what happened; the numbers of it."""
        began = time.perf_counter()
        rollout = recording.rollout(step, stats)
        values = self._hub.collect(rollout)
        self._hub.rows(step, recording.tables(rollout))
        recording.rewind()
        self._tell_stage(step, rollout.curriculum)
        return values | {names.COLLECT_S.name: time.perf_counter() - began}

    def finish(self) -> Score | None:
        """Record the score that is still to come, if there is one."""
        score = self._evaluations.collect()
        if score is not None:
            self._hub.log(self._agent.steps, self._told(score))
        return score

    def _told(self, score: Score) -> dict[str, float]:
        best = self._evaluations.best
        assert best is not None
        text = f"validation of step {score.step:,}: {score.value:+.2f} $ net per day, best {best.value:+.2f}"
        log.info(text)
        self._hub.note(self._agent.steps, Kind.VALIDATION, text, score._asdict())
        return {names.VALIDATION_PNL.name: score.value, names.VALIDATION_STEP.name: float(score.step)}

    def _tell_stage(self, step: int, told: Mapping[str, Any]) -> None:
        if told["stage"] != self._stage:
            self._stage = told["stage"]
            facts = {name: told[name] for name in ("stage", "stages", "name", "days", "reset_points")}
            self._hub.note(step, Kind.STAGE, f"stage {told['name']}", facts)


class Start(NamedTuple):
    """What a training goes on from."""

    saved: Checkpoint
    where: Path
    resume: bool
    """As in `PPOAgent.restore`."""

    def put(self, agent: PPOAgent, episodes: RunningEpisodes) -> None:
        """Put agent, lanes and curriculum where it was saved."""
        agent.restore(self.saved, resume=self.resume, where=self.where)
        episodes.take_up(self.saved)


class Keeper:
    """Saves all that training goes on from: every so often, and where a validation is due."""

    def __init__(
        self,
        store: CheckpointStore,
        every_s: float,
        agent: PPOAgent,
        episodes: RunningEpisodes,
        evaluations: Evaluations,
    ) -> None:
        """every_s: 0 for no checkpoints by time."""
        self._store, self._every_s = store, every_s
        self.hub: MetricsHub | None = None
        """Told about checkpoints, if there is one."""
        self._agent, self._episodes, self._evaluations = agent, episodes, evaluations
        self._saved = time.monotonic()
        self.lineage: dict[str, Any] = {"parent": None, "seen_before": []}
        """Name of the model this run went on from, and the sessions that it and its own parents had seen."""

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:  # noqa: ARG002 - every listener is told
        """A checkpoint, if one is due. Where the disk refuses, training goes on and says so."""
        number, due = self._agent.rollouts, self._evaluations.due(self._agent.rollouts)
        if due:
            self._evaluations.announce(number, step)
        elif not self._every_s or time.monotonic() - self._saved < self._every_s:
            return
        try:
            self.save()
        except OSError as why:
            self._evaluations.withdraw()
            log.error("no checkpoint at step %s: %s; training goes on", f"{step:,}", why)
        else:
            if due:
                self._evaluations.start()

    def save(self) -> Path:
        """A checkpoint of now. OSError if the disk refuses."""
        self._saved = time.monotonic()
        made = self._episodes.add_to(self._agent.checkpoint())
        more = {"evaluations": self._evaluations.state(), "lineage": self.lineage}
        made = made._replace(run={**made.run, **more})
        path = self._store.save(self._agent.rollouts, made, self._evaluations.held)
        if self.hub is not None:
            self.hub.note(self._agent.steps, Kind.CHECKPOINT, f"checkpoint {path.name}", {"name": path.name})
        return path

    def resume(self) -> Start:
        """Go on from the newest whole checkpoint and return it. ModelError if there is none or it does not fit."""
        latest = self._store.latest()
        if latest is None:
            raise ModelError("no checkpoint of this run can be read", where=str(self._store.folder), fix="start again")
        number, saved = latest
        start = self.take_up(Start(saved, self._store.path(number), resume=True))
        self.lineage = saved.run["lineage"]
        try:
            self._evaluations.load_state(saved.run["evaluations"])
        except ModelError as why:
            log.warning("%s: it gets no score", why.what)
            self._evaluations.withdraw()
        return start

    def take_up(self, start: Start) -> Start:
        """Go on from there."""
        start.put(self._agent, self._episodes)
        return start

    def last_good(self) -> Checkpoint | None:
        """The newest checkpoint of before the updates that had to be undone."""
        latest = self._store.latest(lambda saved: saved.run["progress"]["rollbacks_in_a_row"] == 0)
        return latest[1] if latest else None
