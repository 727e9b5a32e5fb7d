"""What one policy did and thought, decision by decision, for those who look closely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.policy import Judging, Policy
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import SIZES, ActionType

JUDGED_AT_ONCE = 4_096
"""Observations that a policy is asked about in one call: many cost hardly more than one."""
ENDED = -1
"""Action of a lane whose episode is over."""
Traced = tuple[npt.NDArray[np.float64], npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int8]]
"""Arrays of a trace that every step writes a row of."""
NOTHING: Traced = (
    np.zeros((0, 0)),
    np.zeros((0, 0), np.float32),
    np.zeros((0, 0), np.float32),
    np.zeros((0, 0), np.int8),
)
"""No rows: nothing is traced."""


class Trace(NamedTuple):
    """One row a decision; lane i's row k is what it decided `k * interval_s` seconds after its start."""

    interval_s: int
    equity: npt.NDArray[np.float64]
    """Dollars after the step [T, N], NaN after the end."""
    position: npt.NDArray[np.float32]
    """Shares after the step [T, N]."""
    reward: npt.NDArray[np.float32]
    """[T, N]"""
    action: npt.NDArray[np.int8]
    """[T, N], ENDED after the end."""
    probabilities: npt.NDArray[np.float16]
    """Of hold, buy and sell, summed over their sizes [T, N, 3]; [0, N, 3] of a policy that has none."""
    value: npt.NDArray[np.float32]
    """The critic's [T, N]; [0, N] of a policy that has none."""

    def length(self, lane: int) -> int:
        """Decisions of a lane."""
        return int((self.action[:, lane] != ENDED).sum())

    def row(self, seconds: npt.NDArray[np.int64], start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows within which `seconds` passed on lanes that started at `start`."""
        return (seconds - start - 1) // self.interval_s


class Tracer:
    """Takes down each step of `lanes` lanes; `judges`: has the policy's probabilities, asked for in batches."""

    def __init__(self, policy: Policy, lanes: int, decisions: int, interval_s: int) -> None:
        judged = decisions if isinstance(policy, Judging) else 0
        self._judge = policy if isinstance(policy, Judging) else None
        self._trace = Trace(
            interval_s,
            np.full((decisions, lanes), np.nan),
            np.zeros((decisions, lanes), np.float32),
            np.zeros((decisions, lanes), np.float32),
            np.full((decisions, lanes), ENDED, np.int8),
            np.zeros((judged, lanes, len(ActionType)), np.float16),
            np.zeros((judged, lanes), np.float32),
        )
        self._row = 0
        self._asked = 0
        self._held: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]] = []

    def observe(self, env: VectorTradingEnvironment) -> None:
        """Before a step: what is going to be decided on."""
        if self._judge is None:
            return
        if len(self._held) * env.count >= JUDGED_AT_ONCE:
            self._ask()
        self._held.append((env.index.copy(), env.portfolio.copy(), env.action_mask.copy()))

    def next_row(self) -> tuple[int, Traced]:
        """Number of the row that the step belongs to, and where `agent.episode_kernels.record_nb` writes it."""
        self._row += 1
        trace = self._trace
        return self._row - 1, (trace.equity, trace.position, trace.reward, trace.action)

    def close(self) -> Trace:
        """All of it."""
        self._ask()
        return self._trace._make(part if isinstance(part, int) else part[: self._row] for part in self._trace)

    def _ask(self) -> None:
        if self._judge is None or not self._held:
            return
        index, portfolio, mask = (np.concatenate(parts) for parts in zip(*self._held, strict=True))
        probabilities, values = self._judge.judge(index, portfolio, mask)
        rows = slice(self._asked, self._asked + len(self._held))
        shape = (len(self._held), -1)
        kinds = probabilities.reshape(*shape, len(ActionType), SIZES).sum(axis=3)
        running = self._trace.action[rows] != ENDED
        self._trace.probabilities[rows] = kinds * running[..., None]
        self._trace.value[rows] = values.reshape(shape) * running
        self._asked += len(self._held)
        self._held = []
