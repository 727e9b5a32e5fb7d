"""A small price for asking for what cannot be done; silent while invalid actions are masked."""

from __future__ import annotations

from rewards.registry import Safety, reward_component
from utils.jit import njit


@reward_component(
    name="invalid_action",
    formula="-1 per action that was not possible",
    units="count",
    safety=Safety.SHAPING,
)
@njit
def invalid_action_nb(steps, params, memory, out):
    """-1 where the step's action was invalid."""
    for i in range(len(steps)):
        out[i] = -float(steps[i]["invalid"])
