"""Hands trading costs back: a crutch for the start of training, to be faded out.

While the policy still trades at random, costs drown the little that its timing earns, and all it learns is not to
trade. With costs handed back it learns direction first; as the rebate fades it learns which moves are worth a trade.
"""

from __future__ import annotations

from rewards.components.log_equity import SMALLEST_EQUITY
from rewards.registry import Safety, reward_component
from utils.jit import njit


@reward_component(
    name="cost_rebate",
    formula="cost / E_before, cost = fees + fills against the mid at arrival",
    units="share of equity",
    safety=Safety.SHAPING,
)
@njit
def cost_rebate_nb(steps, params, memory, out):
    """The step's cost as a share of the account."""
    for i in range(len(steps)):
        out[i] = steps[i]["cost"] / max(steps[i]["equity_before"], SMALLEST_EQUITY)
