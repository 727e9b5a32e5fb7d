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
"""Undone updates in a row after which training gives up."""


class TrainingListener(Protocol):
    """Told about every rollout, after its update: metrics, progress bars, validation."""

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:
        """`step` environment steps were done in the model's life; names of `stats` are those of metrics/registry.py."""
        ...


class Budget:
    """Steps and seconds, whichever ends first; 0 seconds: no limit.

    The clock runs from `start` on. A time limit is kept to the nearest rollout, since rollouts are not interrupted.
    """

    def __init__(self, total_steps: int, time_limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._seconds, self._clock = total_steps, time_limit_s, clock
        self._began = self._last = clock()
        self._done_before = 0.0
        self._rollout_s = 0.0

    def start(self, share: float = 0.0) -> None:
        """Start the clock; `share` of the budget was used by an earlier part of the run."""
        self._began = self._last = self._clock()
        self._done_before = share * self._seconds

    def rollout_done(self) -> None:
        """Measure the rollout and update that ended now."""
        now = self._clock()
        self._rollout_s, self._last = now - self._last, now

    @property
    def elapsed_s(self) -> float:
        """Seconds since `start`."""
        return self._clock() - self._began

    def share(self, steps: int) -> float:
        """Used share in [0, 1] after `steps` steps of this run: what the learning rate follows."""
        return min(1.0, max(steps / self._steps, self._time_share()))

    def over(self, steps: int) -> str:
        """Why the run is over ("steps", "time"), empty while it is not."""
        if steps >= self._steps:
            return "steps"
        if self._seconds > 0 and self._done_before + self.elapsed_s + self._rollout_s / 2 >= self._seconds:
            return "time"
        return ""

    def eta_s(self, steps: int, steps_now: int) -> float:
        """Expected seconds to the end after `steps` steps, `steps_now` of them since `start`."""
        by_steps = self.elapsed_s / max(steps_now, 1) * max(self._steps - steps, 0)
        left = self._seconds - self._done_before - self.elapsed_s
        return max(0.0, min(by_steps, left) if self._seconds > 0 else by_steps)

    def _time_share(self) -> float:
        return (self._done_before + self.elapsed_s) / self._seconds if self._seconds > 0 else 0.0


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

    def __init__(self, policy: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._policy, self._optimizer = policy, optimizer
        self.rollbacks = 0
        """Updates undone so far."""
        self._in_a_row = 0
        self._remember()

    def check(self) -> bool:
        """True if all weights are finite; else the update is undone. TrainingError after MAX_ROLLBACKS in a row."""
        if all(bool(torch.isfinite(p).all()) for p in self._policy.parameters()):
            self._in_a_row = 0
            self._remember()
            return True
        self.rollbacks += 1
        self._in_a_row += 1
        if self._in_a_row >= MAX_ROLLBACKS:
            raise TrainingError(
                f"training diverged: {MAX_ROLLBACKS} updates in a row left weights that are not finite",
                where=f"parameters {', '.join(self._bad())}",
                fix="lower training.learning_rate, reward weights or training.clip_range",
            )
        log.warning("weights were not finite after the update (%s): update undone", ", ".join(self._bad()))
        with torch.no_grad():
            for parameter, good in zip(self._policy.parameters(), self._weights, strict=True):
                parameter.copy_(good)
        self._optimizer.load_state_dict(self._state)
        self._policy.train(True)  # empties the extractor's cache of encodings
        self._remember()
        return False

    def _remember(self) -> None:
        self._weights = [p.detach().clone() for p in self._policy.parameters()]
        state = self._optimizer.state_dict()
        copied = {i: {k: v.clone() for k, v in entry.items()} for i, entry in state["state"].items()}
        self._state = {**state, "state": copied}

    def _bad(self) -> list[str]:
        return [name for name, p in self._policy.named_parameters() if not bool(torch.isfinite(p).all())][:3]


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
