"""In and out of a drawdown."""

from __future__ import annotations

import numpy as np

from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_ALL, HOLD, SELL_ALL, Actions, adversary, held_s, open_return

DEEP = 0.01
ROUND_S = 300


@adversary("drawdown-resetter", about="falls into a drawdown, sits in it flat, then goes back in for the recovery")
def drawdown_resetter(env: VectorTradingEnvironment) -> Actions:
    """Wants the way out of a drawdown to be paid more than the way in cost."""
    open_, deep = env.lanes["position"] != 0.0, open_return(env) <= -DEEP
    resting = (env.lanes["second"] // ROUND_S) % 2 == 0
    go_in = np.where(deep & resting, HOLD, BUY_ALL)
    leave = (deep & resting) | (held_s(env) >= 2 * ROUND_S)
    return np.where(open_, np.where(leave, SELL_ALL, HOLD), go_in)
