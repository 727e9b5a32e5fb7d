"""Maximum adverse excursion: what a position has gone through at its worst."""

from __future__ import annotations

from rewards.account import of_equity_nb
from rewards.registry import Effect, Safety, reward_component


@reward_component(
    name="mae",
    formula="change of MAE * cost of the position / E_before, MAE = worst open return since its entry",
    units="share of equity",
    safety=Safety.SHAPING,
    effect=Effect.PENALTY,
    memory=("worst",),
)
def mae(step, params, memory):
    """Charged as the worst gets worse: over a position it adds up to its MAE."""
    now = step["mae"]
    deeper = min(now - memory["worst"], 0.0)
    memory["worst"] = 0.0 if step["closed"] != 0 else now
    return of_equity_nb(step, deeper * max(step["entry_value"], step["closed_value"]))
