"""The twelve actions: type and size in one number, `4 * type + size`."""

from __future__ import annotations

from typing import NamedTuple

from simulators.layout import ACTIONS, SIZES, ActionType, PositionSize


class Action(NamedTuple):
    """A decoded action."""

    type: ActionType
    size: PositionSize

    @property
    def text(self) -> str:
        """E.g. "BUY 50 %"; all HOLDs are alike."""
        if self.type is ActionType.HOLD:
            return self.type.name
        return f"{self.type.name} {25 * (self.size + 1)} %"


def encode(type_: ActionType, size: PositionSize) -> int:
    """The number of an action."""
    return SIZES * type_ + size


def decode(action: int) -> Action:
    """The action of a number. Raises ValueError outside [0, 12)."""
    if not 0 <= action < ACTIONS:
        raise ValueError(f"action {action} is not in [0, {ACTIONS})")
    return Action(ActionType(action // SIZES), PositionSize(action % SIZES))
