"""What watches a training run: its budget, Ctrl-C, numbers that are not finite, and listeners."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from utils.errors import TrainingError
from utils.logger import get_logger

log = get_logger(__name__)

MAX_ROLLBACKS = 3
"""Undone updates in a row after which training goes back to a checkpoint, or gives up."""


class TrainingListener(Protocol):
    """Told about every rollout, after its update: metrics, progress bars, validation."""

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        """`step` environment steps were done in the model's life; names of `stats` are those of metrics/registry.py."""
        ...


class Budget:
    """Steps and seconds of a run, whichever end first; 0 seconds: no limit.

    The clock runs between `start` and `stop`, and goes on from there. A time limit is kept to the nearest rollout,
    since rollouts are not interrupted.
    """

    def __init__(self, total_steps: int, time_limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._seconds, self._clock = total_steps, time_limit_s, clock
        self._began: float | None = None
        self._last = 0.0
        self._before_s = 0.0
        self._rollout_s = 0.0

    def start(self) -> None:
        """Start the clock."""
        self._began = self._last = self._clock()

    def stop(self) -> None:
        """Stop it."""
        self._before_s, self._began = self.elapsed_s, None

    def begin_at(self, seconds: float) -> None:
        """`seconds` were used by earlier parts of the run."""
        self._before_s = seconds

    def rollout_done(self) -> None:
        """Measure the rollout and update that ended now."""
        now = self._clock()
        self._rollout_s, self._last = now - self._last, now

    @property
    def part_s(self) -> float:
        """Seconds since `start`."""
        return 0.0 if self._began is None else self._clock() - self._began

    @property
    def elapsed_s(self) -> float:
        """Seconds of the run, earlier parts included."""
        return self._before_s + self.part_s

    def share(self, steps: int) -> float:
        """Used share in [0, 1] after `steps` steps of this run: what the schedules follow."""
        by_time = self.elapsed_s / self._seconds if self._seconds > 0 else 0.0
        return min(1.0, max(steps / self._steps, by_time))

    def over(self, steps: int) -> str:
        """Why the run is over ("steps", "time"), empty while it is not."""
        if steps >= self._steps:
            return "steps"
        if self._seconds > 0 and self.elapsed_s + self._rollout_s / 2 >= self._seconds:
            return "time"
        return ""

    def eta_s(self, steps: int, steps_now: int) -> float:
        """Expected seconds to the end after `steps` steps, `steps_now` of them since `start`."""
        by_steps = self.part_s / max(steps_now, 1) * max(self._steps - steps, 0)
        return max(0.0, min(by_steps, self._seconds - self.elapsed_s) if self._seconds > 0 else by_steps)


class SafeStop:
    """Within the block the first SIGINT or SIGTERM asks to stop (`requested`), the second interrupts at once.

    Outside of the main thread Python has no signal handlers, so nothing is installed there.
    """

    def __init__(self) -> None:
        self.requested = ""
        """Name of the signal, empty if none came."""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the interpreter passes it
        if self.requested:
            raise KeyboardInterrupt
        self.requested = signal.Signals(number).name
        log.warning(
            "%s: finishing this rollout and its update, then saving. Once more to stop at once.", self.requested
        )


class FiniteGuard:
    """Keeps the last weights that were finite and goes back to them when an update leaves any that are not."""

    def __init__(self, policy: nn.Module, optimizer: torch.optim.Optimizer, rollbacks: int = 0, in_a_row: int = 0):
        """rollbacks, in_a_row: of an earlier part of the run."""
        self._policy, self._optimizer = policy, optimizer
        self.rollbacks = rollbacks
        """Updates undone so far."""
        self.in_a_row = in_a_row
        """Of them, since the last one that was fine."""
        self.bad = ""
        """Parameters that were not finite in the last one undone."""
        self._remember()

    @property
    def diverged(self) -> bool:
        """Whether undoing does not help any more."""
        return self.in_a_row >= MAX_ROLLBACKS

    def check(self) -> None:
        """Undo the update if it left weights that are not finite."""
        bad = [name for name, p in self._policy.named_parameters() if not bool(torch.isfinite(p).all())]
        if bad:
            self.bad = ", ".join(bad[:3])
            self.rollbacks += 1
            self.in_a_row += 1
            log.warning("weights were not finite after the update (%s): update undone", self.bad)
            self._undo()
        else:
            self.in_a_row = 0
        self._remember()

    def _undo(self) -> None:
        with torch.no_grad():
            for parameter, good in zip(self._policy.parameters(), self._weights, strict=True):
                parameter.copy_(good)
        self._optimizer.load_state_dict(self._state)
        self._policy.train(True)  # empties the extractor's cache of encodings

    def _remember(self) -> None:
        self._weights = [p.detach().clone() for p in self._policy.parameters()]
        state = self._optimizer.state_dict()
        copied = {i: {k: v.clone() for k, v in entry.items()} for i, entry in state["state"].items()}
        self._state = {**state, "state": copied}


def require_finite(name: str, values: npt.NDArray[np.float32], index: npt.NDArray[np.int32]) -> None:
    """Raise TrainingError naming the first bad place of a rollout's `values` [steps, lanes, ...]; `index` as observed.

    Rewards and portfolios come from the environment: a NaN there is a fault to be found, not to be trained around.
    """
    if np.isfinite(values).all():
        return
    step, lane = (int(i) for i in np.argwhere(~np.isfinite(values))[0][:2])
    day, second = index[step, lane].tolist()
    raise TrainingError(
        f"{name} is not finite: lane {lane}, row {day} of the day bank, second {second}",
        fix="look at that day with the environment; the features and events of that second are the suspects",
    )
