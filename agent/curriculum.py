"""What the lanes train on: stages of days and reset points, dealt lane by lane, advanced by measured success.

Every lane has its own random stream and its own place: it cycles through the reset points of a day in random order and
then takes another day, more likely a good one and one whose results are changing (see `_weights`). A share of all draws
is uniform over every training day and second, in every stage, so that the policy never sees patterns only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.curriculum_stages import WHOLE_DAY, Entry, Hours, Stage, TrainingDay, build_stages, training_days
from config.schema import CurriculumConfig
from data.scanner.index import MomentumIndex
from envs.episodes import Episode, EpisodeOutcome
from utils.errors import ModelError
from utils.hashing import json_hash
from utils.logger import get_logger
from utils.seeding import stream

log = get_logger(__name__)

FAST, SLOW = 0.3, 0.05
"""Rates of the two running means of a day's log return; where they part, something is being learnt (or lost)."""
MOST_PROGRESS = 4.0
"""A day counts at most so many times more than one without progress; a day not seen yet counts as much."""
LEAST_QUALITY = 0.1
"""Added to the quality, so that poor days are dealt too."""


@dataclass
class _Lane:
    """One lane's stream and place."""

    rng: np.random.Generator
    stage: int = -1  # of the last episode; -1: before the first, or uniform
    place: int = -1  # day within the running stage
    left: list[int] = field(default_factory=list)  # seconds of reset points still to come on that day


class Curriculum:
    """Deals episodes to `lanes` lanes over the days of a bank; an `EpisodeSource`.

    entries: (symbol, date) of the bank's days in its order, training days only. symbols: if not empty, replaces the
    stages' symbols, for the uniform draws too. hours: seconds in which orders may trade. Raises ConfigError for
    unknown symbols and for stages without days.
    """

    def __init__(
        self,
        config: CurriculumConfig,
        index: MomentumIndex,
        entries: Sequence[Entry],
        lanes: int,
        seed: int,
        symbols: Sequence[str] = (),
        hours: Hours = WHOLE_DAY,
    ) -> None:
        self._config = config
        self._days = training_days(index, entries, symbols, hours)
        self._stages = build_stages(config, self._days, symbols)
        self._bank = json_hash([[symbol, date.isoformat()] for symbol, date in entries])
        self._bank_days = len(entries)
        self._lane_count = lanes
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Begin again at the first stage; the same seed deals the same episodes for the same outcomes."""
        self._lanes = [_Lane(stream(seed, "curriculum", lane)) for lane in range(self._lane_count)]
        self._fast = np.zeros(self._bank_days)
        self._slow = np.zeros(self._bank_days)
        self._seen = np.zeros(self._bank_days, np.int64)
        self._enter(0)

    def _enter(self, stage: int) -> None:
        self._stage = stage
        self._steps = 0
        self._episodes = 0
        self._held = 0
        self._returns: deque[float] = deque(maxlen=self._config.window)
        for lane in self._lanes:
            lane.place, lane.left = -1, []

    # ------------------------------------------------------------ dealing
    def next(self, lane: int) -> Episode:
        """The episode that `lane` plays now."""
        state, stage = self._lanes[lane], self._stages[self._stage]
        if state.rng.random() < self._config.uniform_share:
            state.stage = -1
            return self._uniform(state.rng, stage)
        state.stage = self._stage
        if not state.left:
            self._next_day(state, stage)
        if not state.left:  # a day without reset points: any second of it
            return self._anywhere(state.rng, stage.days[state.place], stage)
        first, last = self._config.lead_s
        start = state.left.pop() - int(state.rng.integers(first, last + 1))
        return self._episode(state.rng, stage.days[state.place], start, stage)

    def _uniform(self, rng: np.random.Generator, stage: Stage) -> Episode:
        return self._anywhere(rng, self._days[int(rng.integers(len(self._days)))], stage)

    def _anywhere(self, rng: np.random.Generator, day: TrainingDay, stage: Stage) -> Episode:
        return self._episode(rng, day, int(rng.integers(day.first_s, self._last_start(day, stage) + 1)), stage)

    def _last_start(self, day: TrainingDay, stage: Stage) -> int:
        """The shortest episode still fits, or else there would be less of a day's end than of the rest."""
        return max(day.end_s - 2 - stage.config.episode_s[0], day.first_s)

    def _episode(self, rng: np.random.Generator, day: TrainingDay, start: int, stage: Stage) -> Episode:
        start = min(max(start, day.first_s), self._last_start(day, stage))
        shortest, longest = stage.config.episode_s
        return Episode(day.number, start, int(rng.integers(shortest, longest + 1)))

    def _next_day(self, lane: _Lane, stage: Stage) -> None:
        """Put `lane` on another day of the stage, drawn by weight, with its points in random order."""
        weights = self._weights(stage)
        if lane.place >= 0 and len(weights) > 1:
            weights[lane.place] = 0.0
        edges = np.cumsum(weights)
        lane.place = int(np.searchsorted(edges, lane.rng.random() * edges[-1], side="right"))
        lane.left = lane.rng.permutation(np.array(stage.seconds[lane.place], np.int64)).tolist()

    def _weights(self, stage: Stage) -> npt.NDArray[np.float64]:
        """By day of the stage: (LEAST_QUALITY + quality) * (1 + progress), up to MOST_PROGRESS times.

        Progress is |fast mean - slow mean| of the day's log returns over its average among the days seen.
        """
        numbers = [day.number for day in stage.days]
        seen = self._seen[numbers] > 0
        progress = np.abs(self._fast - self._slow)[numbers]
        usual = progress[seen].mean() if seen.any() else 0.0
        relative = progress / usual if usual > 0 else np.zeros(len(progress))
        factor = np.where(seen, np.minimum(1.0 + relative, MOST_PROGRESS), MOST_PROGRESS)
        return (LEAST_QUALITY + stage.quality) * factor

    # ------------------------------------------------------------ success
    def report(self, outcome: EpisodeOutcome) -> None:
        """Learn how an episode went; may end the stage."""
        self._remember(outcome.episode.day, outcome.log_return)
        self._steps += outcome.steps
        if self._lanes[outcome.lane].stage == self._stage:  # uniform draws and an earlier stage's tell nothing of this
            self._episodes += 1
            self._returns.append(outcome.log_return)
            full = len(self._returns) == self._config.window
            good = full and self.mean_log_return >= self._stages[self._stage].config.advance_at
            self._held = self._held + 1 if good else 0
        if self._stage + 1 < len(self._stages) and self.progress() >= 1.0:
            self._advance()

    def _remember(self, day: int, log_return: float) -> None:
        if self._seen[day] == 0:
            self._fast[day] = self._slow[day] = log_return
        else:
            self._fast[day] += FAST * (log_return - self._fast[day])
            self._slow[day] += SLOW * (log_return - self._slow[day])
        self._seen[day] += 1

    def _advance(self) -> None:
        done = self._stages[self._stage].config.name
        why = "success held" if self._held >= self._config.hold else "its steps are used up"
        mean = self.mean_log_return
        self._enter(self._stage + 1)
        log.info("curriculum: stage %s ends (%s, mean log return %+.4f), %s begins", done, why, mean, self.stage_name)

    # ------------------------------------------------------------ what others see
    @property
    def stage(self) -> int:
        """The running stage, from 0."""
        return self._stage

    @property
    def stage_name(self) -> str:
        """The running stage's name."""
        return self._stages[self._stage].config.name

    @property
    def mean_log_return(self) -> float:
        """Over the last `window` episodes of the running stage, uniform draws left out; 0 before the first."""
        return sum(self._returns) / len(self._returns) if self._returns else 0.0

    def progress(self) -> float:
        """Share of the running stage that is done, [0, 1]: of its steps or of the hold, whichever is further.

        The last stage has no end but may have steps: its share stays at 1 once they are used up.
        """
        steps = self._stages[self._stage].config.steps
        by_steps = self._steps / steps if steps else 0.0
        return min(max(by_steps, self._held / self._config.hold), 1.0)

    def summary(self) -> dict[str, Any]:
        """For logs: the stage, what it deals and how it goes."""
        stage = self._stages[self._stage]
        return {
            "stage": self._stage,
            "stages": len(self._stages),
            "name": stage.config.name,
            "days": len(stage.days),
            "reset_points": sum(map(len, stage.seconds)),
            "progress": self.progress(),
            "steps": self._steps,
            "episodes": self._episodes,
            "mean_log_return": self.mean_log_return,
            "held": self._held,
        }

    # ------------------------------------------------------------ resuming
    def state(self) -> dict[str, Any]:
        """Everything that `next` and `report` depend on, as plain JSON data; floats keep every bit."""
        return {
            "bank": self._bank,
            "names": [stage.config.name for stage in self._stages],
            "stage": self._stage,
            "steps": self._steps,
            "episodes": self._episodes,
            "held": self._held,
            "returns": list(self._returns),
            "fast": self._fast.tolist(),
            "slow": self._slow.tolist(),
            "seen": self._seen.tolist(),
            "lanes": [
                {"rng": lane.rng.bit_generator.state, "stage": lane.stage, "place": lane.place, "left": list(lane.left)}
                for lane in self._lanes
            ],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state` was taken. Raises ModelError if it belongs to other days, stages or lanes."""
        names = [stage.config.name for stage in self._stages]
        for what, theirs, ours in (
            ("training days (hash)", state["bank"], self._bank),
            ("stages", state["names"], names),
            ("lanes", len(state["lanes"]), self._lane_count),
        ):
            if theirs != ours:
                raise ModelError(
                    f"the saved curriculum has other {what}: {theirs}, here {ours}",
                    fix="resume with the same data, curriculum and training.lanes, or start a new run",
                )
        self._enter(int(state["stage"]))
        self._steps, self._episodes, self._held = int(state["steps"]), int(state["episodes"]), int(state["held"])
        self._returns.extend(state["returns"])
        self._fast, self._slow = np.array(state["fast"], np.float64), np.array(state["slow"], np.float64)
        self._seen = np.array(state["seen"], np.int64)
        for lane, saved in zip(self._lanes, state["lanes"], strict=True):
            lane.rng.bit_generator.state = saved["rng"]
            lane.stage, lane.place, lane.left = int(saved["stage"]), int(saved["place"]), list(saved["left"])
