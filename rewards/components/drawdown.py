"""Pain of falling below the episode's peak, as a potential: it speeds learning up and leaves the optimum alone."""

from __future__ import annotations

from rewards.registry import Safety, reward_component
from simulators.layout import Ending
from utils.jit import njit

LENGTH = int(Ending.LENGTH)


@reward_component(
    name="drawdown",
    formula="gamma * Phi(s') - Phi(s), Phi = -drawdown, Phi = 0 after termination",
    units="share of peak equity",
    safety=Safety.POTENTIAL,
    params=("gamma",),
)
@njit
def drawdown_nb(steps, params, memory, out):
    """`memory` holds Phi(s). Ng, Harada, Russell (1999): potential-based shaping."""
    gamma = params[0]
    for i in range(len(steps)):
        terminated = 0 < steps[i]["ending"] < LENGTH
        phi = 0.0 if terminated else -steps[i]["drawdown"]
        out[i] = gamma * phi - memory[i]
        memory[i] = phi
