"""What can be asked for actions: trained policies, baselines, anything else."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from envs.actions import encode
from simulators.layout import ActionType, PositionSize

Actions = npt.NDArray[np.int64]
Index = npt.NDArray[np.int32]
Rows = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

HOLD = encode(ActionType.HOLD, PositionSize.PCT_25)
BUY_ALL = encode(ActionType.BUY, PositionSize.PCT_100)
SELL_ALL = encode(ActionType.SELL, PositionSize.PCT_100)


class Policy(Protocol):
    """Anything that can choose actions for N lanes."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        ...

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:
        """Actions i64 [N] for index (day, second) [N, 2], portfolio [N, P] and validity mask [N, 12]."""
        ...


class Judgement(NamedTuple):
    """Of N observations."""

    actions: Actions
    """What `act` would choose [N]."""
    probabilities: Rows
    """f32 [N, 12], 0 where the mask is false."""
    values: Rows
    """What it expects to be paid from there on f32 [N]."""


@runtime_checkable
class Judging(Policy, Protocol):
    """A policy that decides by the observation alone, and can say how likely it finds each action."""

    def judge(self, index: Index, portfolio: Rows, mask: Mask) -> Judgement:
        """What it would do and why; arguments as of `act`, each row for itself, whatever came before."""
        ...
