"""What the lanes train on, stage by stage."""

from __future__ import annotations

import math
from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, is_date, require

DIRECTIONS = ("front", "back", "both")
LEAST_UNIFORM = 0.2
"""Share of draws that no curriculum goes below: a policy that only sees patterns learns that everything is one."""


@dataclass
class BatchConfig:
    """How the agent learns while a stage runs; null: as `training` has it."""

    size: int | None = MISSING  # rows of a minibatch
    epochs: int | None = MISSING  # passes over a rollout
    learning_rate_factor: float | None = MISSING  # of the scheduled learning rate
    entropy_coef: float | None = MISSING  # instead of the scheduled one

    def __post_init__(self) -> None:
        for name in ("size", "epochs", "learning_rate_factor"):
            value = getattr(self, name)
            require(
                value is None or value > 0, f"curriculum.stages[].batch.{name} is {value}; use null or a positive one"
            )
        require(
            self.entropy_coef is None or self.entropy_coef >= 0,
            f"curriculum.stages[].batch.entropy_coef is {self.entropy_coef}; use null, 0 or more",
        )


@dataclass
class StageConfig:
    """One stage of the curriculum; empty lists mean no limit."""

    name: str = MISSING
    symbols: list[str] = MISSING
    date_range: list[str] = MISSING  # [first, last], ISO
    quality: list[float] = MISSING  # [low, high] of the day's quality, 0 to 1
    roc: list[float] = MISSING  # [low, high] of the signed 5-minute return at the reset point, as a fraction
    activity: list[float] = MISSING  # [low, high], 0 to 1; 0.5: the last minute's volume is as usual
    direction: str = MISSING  # front: reset points above VWAP and the previous close | back: the others | both
    episode_s: list[int] = MISSING  # [shortest, longest] episode
    steps: int = MISSING  # at most that many environment steps; 0: no limit
    advance_at: float = MISSING  # mean episode log return that ends the stage early
    fall_back_at: float | None = MISSING  # below that mean the stage before comes again; null: never
    batch: BatchConfig = MISSING

    def __post_init__(self) -> None:
        for name in ("date_range", "quality", "roc", "activity"):
            limits = getattr(self, name)
            self._check(len(limits) == 0 or (len(limits) == 2 and limits[0] <= limits[1]), name, "[low, high] or []")
        for name in ("quality", "activity"):
            self._check(all(0 <= x <= 1 for x in getattr(self, name)), name, "values from 0 to 1")
        self._check(all(map(is_date, self.date_range)), "date_range", '["YYYY-MM-DD", "YYYY-MM-DD"]')
        self._check(self.direction in DIRECTIONS, "direction", ", ".join(DIRECTIONS))
        lengths = self.episode_s
        in_order = len(lengths) == 2 and 1 <= lengths[0] <= lengths[1]
        self._check(in_order, "episode_s", "[shortest, longest] in seconds")
        self._check(self.steps >= 0, "steps", "0 (no limit) or more")
        below = self.fall_back_at is None or self.fall_back_at < self.advance_at
        self._check(below, "fall_back_at", f"null, or less than advance_at ({self.advance_at})")

    def _check(self, ok: bool, name: str, fix: str) -> None:
        require(ok, f"curriculum.stages[{self.name}].{name} is {getattr(self, name)}; use {fix}")


@dataclass
class RotationConfig:
    """Which day a lane takes next: drawn by (quality_floor + quality) * (1 + progress * P) * (1 + staleness * S).

    P: how much the day's mean log return is moving, S: how many episodes ago it was dealt; both in multiples of the
    average of the stage's days, `most` at most, and `most` for a day that was not played yet.
    """

    quality_floor: float = MISSING  # so that poor days are dealt too
    progress: float = MISSING  # weight; 0: learning progress does not count
    staleness: float = MISSING  # weight; 0: it does not count either
    most: float = MISSING  # multiples of the average

    def __post_init__(self) -> None:
        for name in ("progress", "staleness"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"curriculum.rotation.{name} is {value}; use 0 or more")
        for name in ("quality_floor", "most"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"curriculum.rotation.{name} is {value}; use a positive number")


@dataclass
class CurriculumConfig:
    """What the lanes train on, in order. The last stage covers everything and has no end."""

    stages: list[StageConfig] = MISSING
    uniform_share: float = MISSING  # draws from all training days and seconds, in every stage; 0.2 or more
    window: int = MISSING  # episodes over which success is measured
    hold: int = MISSING  # episodes in a row it must be at advance_at (or below fall_back_at): one peak is not enough
    lead_s: list[int] = MISSING  # an episode starts U(lead) seconds before its reset point
    rotation: RotationConfig = MISSING

    def __post_init__(self) -> None:
        share = self.uniform_share
        require(LEAST_UNIFORM <= share <= 1, f"curriculum.uniform_share is {share}; use {LEAST_UNIFORM} to 1")
        at_least("curriculum", self, 1, "window", "hold")
        require(
            len(self.lead_s) == 2 and 1 <= self.lead_s[0] <= self.lead_s[1],
            f"curriculum.lead_s is {list(self.lead_s)}; use [least, most] in seconds, at least 1",
        )
        require(len(self.stages) > 0, "curriculum.stages is []; give it one stage or more, the last over everything")
        names = [stage.name for stage in self.stages]
        require(len(set(names)) == len(names), f"curriculum.stages has names {names}; use each name once")
        first = self.stages[0]
        require(
            first.fall_back_at is None,
            f"curriculum.stages[{first.name}].fall_back_at is {first.fall_back_at}; use null, there is no stage before",
        )
        self._check_last(self.stages[-1])

    def _check_last(self, last: StageConfig) -> None:
        """The end of training is never on a selection: what was left out would be forgotten."""
        unlimited = {"symbols": [], "date_range": [], "roc": [], "activity": [], "direction": "both", "steps": 0}
        for name, wanted in unlimited.items():
            value = getattr(last, name)
            require(
                value == wanted,
                f"curriculum.stages[{last.name}].{name} is {value}; use {wanted}, the last stage covers everything",
            )
        require(
            list(last.quality) in ([], [0.0, 1.0]),
            f"curriculum.stages[{last.name}].quality is {last.quality}; use [], the last stage covers everything",
        )
