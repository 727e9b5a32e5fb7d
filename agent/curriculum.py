"""What the lanes train on: stages of days and reset points, dealt lane by lane, advanced by measured success.

Every lane has its own random stream and its own place: it cycles through the reset points of a day in random order and
then takes another day (see `DayRotation`). A share of all draws is uniform over every training day and second, in every
stage, so that the policy never sees patterns only; the last stage covers everything.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from agent.curriculum_stages import WHOLE_DAY, Entry, Hours, Stage, TrainingDay, build_stages, training_days
from agent.day_rotation import DayRotation
from config.schema import BatchConfig, CurriculumConfig
from data.scanner.index import MomentumIndex
from envs.episodes import Episode, EpisodeOutcome
from utils.errors import ModelError
from utils.hashing import json_hash
from utils.logger import get_logger
from utils.seeding import stream

log = get_logger(__name__)

MOST_PER_LANE = 256
"""Ended episodes that are kept until somebody asks for them."""


class PlayedEpisode(NamedTuple):
    """An episode that ended."""

    outcome: EpisodeOutcome
    stage: int
    """In which it was dealt; -1 for a uniform draw."""
    point: int
    """Second of the reset point that it began before; -1 if there was none."""
    difficulty: float
    """Of that reset point, [0, 1]; nan if there was none."""


@dataclass
class _Lane:
    """One lane's stream and place."""

    rng: np.random.Generator
    stage: int = -1  # of the last episode; -1: before the first, or uniform
    place: int = -1  # day within the running stage
    left: list[int] = field(default_factory=list)  # reset points still to come on that day, by their place in it
    point: int = -1  # second of the reset point of the running episode; -1: none


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
        self._by_number = {day.number: day for day in self._days}
        self._stages = build_stages(config, self._days, symbols)
        self._bank = json_hash([[symbol, date.isoformat()] for symbol, date in entries])
        self._bank_days = len(entries)
        self._lane_count = lanes
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Begin again at the first stage; the same seed deals the same episodes for the same outcomes."""
        self._lanes = [_Lane(stream(seed, "curriculum", lane)) for lane in range(self._lane_count)]
        self._rotation = DayRotation(self._config.rotation, self._bank_days)
        self._ended: deque[PlayedEpisode] = deque(maxlen=self._lane_count * MOST_PER_LANE)
        self._enter(0)

    def _enter(self, stage: int) -> None:
        self._stage = stage
        self._steps = 0
        self._episodes = 0
        self._held = 0  # episodes in a row with the mean at advance_at or above
        self._missed = 0  # with the mean below fall_back_at
        self._uniform_draws = 0
        self._draws = 0
        self._days_dealt: set[int] = set()  # places within the stage
        self._points_dealt: set[int] = set()  # numbers within the stage
        self._returns: deque[float] = deque(maxlen=self._config.window)
        for lane in self._lanes:
            lane.place, lane.left = -1, []

    # ------------------------------------------------------------ dealing
    def next(self, lane: int) -> Episode:
        """The episode that `lane` plays now."""
        episode = self._deal(self._lanes[lane], self._stages[self._stage])
        self._rotation.dealt(episode.day)
        return episode

    def _deal(self, lane: _Lane, stage: Stage) -> Episode:
        self._draws += 1
        lane.point = -1
        if lane.rng.random() < self._config.uniform_share:
            lane.stage = -1
            self._uniform_draws += 1
            return self._anywhere(lane.rng, self._days[int(lane.rng.integers(len(self._days)))], stage)
        lane.stage = self._stage
        if not lane.left:
            self._next_day(lane, stage)
        day = stage.days[lane.place]
        self._days_dealt.add(lane.place)
        if not lane.left:  # a day without reset points: any second of it
            return self._anywhere(lane.rng, day, stage)
        first, last = self._config.lead_s
        point = lane.left.pop()
        self._points_dealt.add(int(stage.first[lane.place]) + point)
        lane.point = stage.seconds[lane.place][point]
        start = lane.point - int(lane.rng.integers(first, last + 1))
        return self._episode(lane.rng, day, start, stage)

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
        weights = self._rotation.weights(stage.numbers, stage.quality)
        if lane.place >= 0 and len(weights) > 1:
            weights[lane.place] = 0.0
        edges = np.cumsum(weights)
        lane.place = int(np.searchsorted(edges, lane.rng.random() * edges[-1], side="right"))
        lane.left = lane.rng.permutation(len(stage.seconds[lane.place])).tolist()

    # ------------------------------------------------------------ success
    def report(self, outcome: EpisodeOutcome) -> None:
        """Learn how an episode went; may end the stage."""
        self._rotation.remember(outcome.episode.day, outcome.log_return)
        self._ended.append(self._played(outcome))
        self._steps += outcome.steps
        if self._lanes[outcome.lane].stage == self._stage:  # uniform draws and an earlier stage's tell nothing of this
            self._measure(outcome.log_return)
        if self._stage + 1 < len(self._stages) and self.progress() >= 1.0:
            self._change(1, "success held" if self._held >= self._config.hold else "its steps are used up")
        elif self._stage > 0 and self._missed >= self._config.hold:
            self._change(-1, "success was lost")

    def _played(self, outcome: EpisodeOutcome) -> PlayedEpisode:
        lane = self._lanes[outcome.lane]
        points = self._by_number[outcome.episode.day].points
        difficulty = points["difficulty"][points["second"] == lane.point]
        return PlayedEpisode(outcome, lane.stage, lane.point, float(difficulty[0]) if len(difficulty) else math.nan)

    def _measure(self, log_return: float) -> None:
        stage = self._stages[self._stage].config
        self._episodes += 1
        self._returns.append(log_return)
        full, mean = len(self._returns) == self._config.window, self.mean_log_return
        self._held = self._held + 1 if full and mean >= stage.advance_at else 0
        low = stage.fall_back_at is not None and mean < stage.fall_back_at
        self._missed = self._missed + 1 if full and low else 0

    def _change(self, step: int, why: str) -> None:
        """One stage on or back; what it measures begins again."""
        done, mean = self.stage_name, self.mean_log_return
        self._enter(self._stage + step)
        log.info("curriculum: stage %s ends (%s, mean log return %+.4f), %s begins", done, why, mean, self.stage_name)

    def drain(self) -> list[PlayedEpisode]:
        """Episodes that ended since the last call, in their order; the newest MOST_PER_LANE per lane at most."""
        ended = list(self._ended)
        self._ended.clear()
        return ended

    # ------------------------------------------------------------ what others see
    @property
    def days(self) -> tuple[TrainingDay, ...]:
        """That may be dealt."""
        return self._days

    @property
    def stage(self) -> int:
        """The running stage, from 0."""
        return self._stage

    @property
    def stage_name(self) -> str:
        """The running stage's name."""
        return self._stages[self._stage].config.name

    @property
    def batch(self) -> BatchConfig:
        """How to learn while the running stage lasts."""
        return self._stages[self._stage].config.batch

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
        """For logs and metrics: the stage, what it deals, what it has not dealt yet since it began, how it goes."""
        stage = self._stages[self._stage]
        return {
            "stage": self._stage,
            "stages": len(self._stages),
            "name": stage.config.name,
            "days": len(stage.days),
            "days_left": len(stage.days) - len(self._days_dealt),
            "reset_points": int(stage.first[-1]),
            "points_left": int(stage.first[-1]) - len(self._points_dealt),
            "uniform_share": self._uniform_draws / max(self._draws, 1),
            "progress": self.progress(),
            "steps": self._steps,
            "episodes": self._episodes,
            "mean_log_return": self.mean_log_return,
            "held": self._held,
            "missed": self._missed,
            "losing_share": self._rotation.losing_share(stage.numbers),
        }

    # ------------------------------------------------------------ resuming
    def state(self) -> dict[str, Any]:
        """Everything that `next` and `report` depend on, as plain JSON data; floats keep every bit."""
        return {
            "bank": self._bank,
            "stages": self._dealing(),
            "stage": self._stage,
            "name": self.stage_name,
            "steps": self._steps,
            "episodes": self._episodes,
            "held": self._held,
            "missed": self._missed,
            "draws": [self._draws, self._uniform_draws],
            "days_dealt": sorted(self._days_dealt),
            "points_dealt": sorted(self._points_dealt),
            "returns": list(self._returns),
            "rotation": self._rotation.state(),
            "lanes": [
                {
                    "rng": lane.rng.bit_generator.state,
                    "stage": lane.stage,
                    "place": lane.place,
                    "left": list(lane.left),
                    "point": lane.point,
                }
                for lane in self._lanes
            ],
        }

    def enter_named(self, name: str) -> None:
        """Begin the stage called `name`, the first one where there is none."""
        self._enter(next((i for i, stage in enumerate(self._stages) if stage.config.name == name), 0))

    def _dealing(self) -> dict[str, str]:
        """What each stage deals, as a hash by name; its thresholds may change between two parts of a run."""
        return {
            s.config.name: json_hash([s.numbers.tolist(), s.seconds, list(s.config.episode_s)]) for s in self._stages
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state` was taken. Raises ModelError if it belongs to other days, stages or lanes."""
        for what, theirs, ours in (
            ("training days (hash)", state.get("bank"), self._bank),
            ("stages", state.get("stages"), self._dealing()),
            ("lanes", len(state["lanes"]), self._lane_count),
        ):
            if theirs != ours:
                raise ModelError(
                    f"the saved curriculum has other {what}: {theirs}, here {ours}",
                    fix="resume with the same data, curriculum and training.lanes, or start a new run",
                )
        self._enter(int(state["stage"]))
        self._steps, self._episodes = int(state["steps"]), int(state["episodes"])
        self._held, self._missed = int(state["held"]), int(state["missed"])
        self._draws, self._uniform_draws = map(int, state["draws"])
        self._days_dealt, self._points_dealt = set(state["days_dealt"]), set(state["points_dealt"])
        self._returns.extend(state["returns"])
        self._rotation.load_state(state["rotation"])
        for lane, saved in zip(self._lanes, state["lanes"], strict=True):
            lane.rng.bit_generator.state = saved["rng"]
            lane.stage, lane.place, lane.left = int(saved["stage"]), int(saved["place"]), list(saved["left"])
            lane.point = int(saved.get("point", -1))
