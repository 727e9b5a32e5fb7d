"""Few, wild bets."""

from __future__ import annotations

import numpy as np

from data.layout import Market
from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_ALL, HOLD, SELL_ALL, Actions, adversary, market_now, open_return

STAKE = 0.02
WILD = 0.6


@adversary("gambler", about="all in on wild days until it has won or lost 2 %, nothing else")
def gambler(env: VectorTradingEnvironment) -> Actions:
    """Wants wins to be worth more than losses of the same size cost."""
    open_, done = env.lanes["position"] != 0.0, np.abs(open_return(env)) >= STAKE
    enter = np.where((market_now(env, Market.SIGMA_DAILY) >= WILD) & (env.lanes["trades"] == 0), BUY_ALL, HOLD)
    return np.where(open_, np.where(done, SELL_ALL, HOLD), enter)
