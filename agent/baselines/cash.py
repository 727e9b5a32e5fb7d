"""Doing nothing: what a policy that cannot trade should do."""

from __future__ import annotations

import numpy as np

from agent.baselines.registry import Contest, baseline
from agent.ledger import Run
from agent.policy import HOLD, Actions, Index, Mask, Rows


class Cash:
    """Never trades."""

    name = "cash"

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:  # noqa: ARG002 - Policy's signature
        """HOLD, always."""
        return np.full(len(index), HOLD, np.int64)


@baseline("cash", about="never trades")
def cash(contest: Contest) -> Run:
    """Trade nothing."""
    return contest.run(Cash())
