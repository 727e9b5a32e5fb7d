"""Pain of falling below the episode's peak, as a potential: it speeds learning up and leaves the optimum alone."""

from __future__ import annotations

from rewards.registry import Safety, reward_component


@reward_component(
    name="drawdown",
    formula="Phi = -drawdown = E / E_peak - 1",
    units="share of peak equity",
    safety=Safety.POTENTIAL,
)
def drawdown(step, params, memory):
    """Phi after the step."""
    return -step["drawdown"]
