"""Exposure for its own sake."""

from __future__ import annotations

import numpy as np

from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_ALL, HOLD, Actions, adversary


@adversary("hold-forever", about="buys all it can at the start and never sells")
def hold_forever(env: VectorTradingEnvironment) -> Actions:
    """Wants being in the market to be paid."""
    return np.where(env.lanes["position"] == 0.0, BUY_ALL, HOLD)
