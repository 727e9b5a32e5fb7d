"""The price of an episode that ends by bankruptcy, by the loss limit or by too many invalid actions."""

from __future__ import annotations

from rewards.registry import Effect, Safety, reward_component
from simulators.layout import Ending

LENGTH = int(Ending.LENGTH)


@reward_component(
    name="terminal",
    formula="-1 at the end of an episode that was terminated rather than truncated",
    units="count",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
    on_fills=True,
)
def terminal(step, params, memory):
    """Time running out is no fault."""
    return -1.0 if 0 < step["ending"] < LENGTH else 0.0
