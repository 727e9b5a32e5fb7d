"""Round trips at one price."""

from __future__ import annotations

import numpy as np

from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_ALL, HOLD, SELL_ALL, Actions, adversary, held_s, unrealised

PATIENCE_S = 60


@adversary("wash-trader", about="buys, and sells as soon as nothing is lost or a minute is over")
def wash_trader(env: VectorTradingEnvironment) -> Actions:
    """Wants clean round trips to be paid, whatever they cost."""
    leave = (unrealised(env) >= 0.0) | (held_s(env) >= PATIENCE_S)
    return np.where(env.lanes["position"] == 0.0, BUY_ALL, np.where(leave, SELL_ALL, HOLD))
