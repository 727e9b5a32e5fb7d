"""Rolling folds over the sessions."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import at_least, require


@dataclass
class WalkForwardConfig:
    """Rolling folds: train on some sessions, choose on the next, test on those after them, move on."""

    train_sessions: int = MISSING
    validation_sessions: int = MISSING  # 0: no score, and the last weights of every training are tested
    test_sessions: int = MISSING
    step_sessions: int = MISSING  # from fold to fold; at least test_sessions, so that nothing is tested twice
    embargo_sessions: int = MISSING  # left out between the parts
    same_symbol_sessions: int = MISSING  # a symbol's days so close before one held out later are left out; 0: none
    expanding: bool = MISSING  # every fold trains from the first session on, instead of on train_sessions
    folds: int = MISSING  # the latest so many, 0: all that fit
    seeds: int = MISSING  # trainings per fold

    def __post_init__(self) -> None:
        at_least("walk_forward", self, 1, "train_sessions", "test_sessions", "seeds")
        at_least("walk_forward", self, 0, "validation_sessions", "embargo_sessions", "same_symbol_sessions", "folds")
        require(
            self.step_sessions >= self.test_sessions,
            f"walk_forward.step_sessions is {self.step_sessions}; use {self.test_sessions} (test_sessions) or more",
        )
