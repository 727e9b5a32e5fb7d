"""Hands trading costs back: a crutch for the start of training, to be faded out.

While the policy still trades at random, costs drown the little that its timing earns, and all it learns is not to
trade. With costs handed back it learns direction first; as the rebate fades it learns which moves are worth a trade.
"""

from __future__ import annotations

from rewards.account import of_equity_nb
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="cost_rebate",
    formula="cost / E_before, cost = fees + fills against the mid at arrival",
    units="share of equity",
    safety=Safety.SHAPING,
    effect=Effect.REBATE,
    on_fills=True,
)
def cost_rebate(step, params, memory):
    """The step's cost as a share of the account."""
    return of_equity_nb(step, step["cost"])
