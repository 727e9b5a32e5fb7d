"""Many small wins, few large losses."""

from __future__ import annotations

import numpy as np

from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_ALL, HOLD, SELL_ALL, Actions, adversary, unrealised

TAKE = 0.003


@adversary("penny-picker", about="sells winners at once, never sells a loser")
def penny_picker(env: VectorTradingEnvironment) -> Actions:
    """Wants profits to be paid when taken, and losses never to be looked at."""
    return np.where(env.lanes["position"] == 0.0, BUY_ALL, np.where(unrealised(env) >= TAKE, SELL_ALL, HOLD))
