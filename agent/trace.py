"""What one policy did and thought, decision by decision, for those who look closely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulators.layout import ActionType

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
    """Of hold, buy and sell, summed over sizes [T, N, 3], 0 after the end; [0, N, 3] of a policy that has none."""
    value: npt.NDArray[np.float32]
    """The critic's [T, N], NaN where there was nothing to choose from; [0, N] of a policy that has none."""

    def length(self, lane: int) -> int:
        """Decisions of a lane."""
        return int((self.action[:, lane] != ENDED).sum())

    def row(self, seconds: npt.NDArray[np.int64], start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows within which `seconds` passed on lanes that started at `start`."""
        return (seconds - start - 1) // self.interval_s

    @property
    def steps(self) -> Traced:
        """What a kernel writes."""
        return self.equity, self.position, self.reward, self.action

    def cut(self, decisions: int) -> Trace:
        """The first `decisions` rows."""
        return self._make(part if isinstance(part, int) else part[:decisions] for part in self)


def empty_trace(decisions: int, lanes: int, interval_s: int, *, judged: bool) -> Trace:
    """Nothing has happened yet; judged: there will be probabilities and values."""
    opinions = decisions if judged else 0
    return Trace(
        interval_s,
        np.full((decisions, lanes), np.nan),
        np.zeros((decisions, lanes), np.float32),
        np.zeros((decisions, lanes), np.float32),
        np.full((decisions, lanes), ENDED, np.int8),
        np.zeros((opinions, lanes, len(ActionType)), np.float16),
        np.full((opinions, lanes), np.nan, np.float32),
    )
