"""A policy whose decisions are drawn from its probabilities, as in training.

It trades even where the likeliest action is to hold, and shows every change of a probability.
"""

from __future__ import annotations

from agent.policy import Actions, Index, Mask, Rows
from agent.policy_runner import PolicyRunner
from utils.seeding import stream

DRAWN = "decisions drawn"


class Drawn:
    """One draw after the other, the same for the same seed."""

    name = DRAWN

    def __init__(self, policy: PolicyRunner, seed: int) -> None:
        self._policy, self._random = policy, stream(seed, "audit", "drawn")

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:
        """Actions [N]."""
        chances = self._policy.distribution(index, portfolio, mask).cumsum(axis=1)
        return (chances > self._random.random((len(index), 1)) * chances[:, -1:]).argmax(axis=1)
