"""A bonus for taking part, against policies that learn nothing but to stay out."""

from __future__ import annotations

from rewards.account import of_equity_nb
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="activity",
    formula="min(1, notional traded / E_before)",
    units="turnover of equity",
    safety=Safety.SHAPING,
    effect=Effect.BONUS,
    on_fills=True,
)
def activity(step, params, memory):
    """Turnover of the step; as every bonus, paid only out of an episode's gain."""
    return min(1.0, of_equity_nb(step, step["notional"]))
