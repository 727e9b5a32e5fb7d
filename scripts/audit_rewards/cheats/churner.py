"""Turnover for its own sake."""

from __future__ import annotations

import numpy as np

from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_LITTLE, SELL_ALL, Actions, adversary


@adversary("churner", about="buys a quarter and sells it, at every decision")
def churner(env: VectorTradingEnvironment) -> Actions:
    """Wants activity to be paid."""
    return np.where(env.lanes["position"] == 0.0, BUY_LITTLE, SELL_ALL)
