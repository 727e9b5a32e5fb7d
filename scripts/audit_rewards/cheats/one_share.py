"""The smallest orders there are."""

from __future__ import annotations

import numpy as np

from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_LITTLE, SELL_ALL, Actions, adversary

SMALL = ("simulation.account.capital=60", "simulation/fees=ibkr_tiered", "env.max_loss=1.0")
"""A quarter of 60 dollars buys a share or two."""


@adversary("one-share", about="spams orders of a share or two", words=SMALL)
def one_share(env: VectorTradingEnvironment) -> Actions:
    """Wants trades to be paid by their number."""
    return np.where(env.lanes["position"] == 0.0, BUY_LITTLE, SELL_ALL)
