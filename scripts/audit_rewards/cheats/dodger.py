"""Ends the episodes that go badly, stays in those that go well."""

from __future__ import annotations

import numpy as np

from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import BUY_LITTLE, HOLD, SELL_ALL, Actions, adversary, open_return

WIN, LOSS = 0.005, 0.003
"""Shares of the account; a quarter of it is at stake."""
ENDING = ("env.invalid_action=terminate", "env.invalid_limit=2")


NEVER = 99
"""No action at all: invalid."""


@adversary("dodger", about="sits on gains until the end, ends losing episodes by invalid actions", words=ENDING)
def dodger(env: VectorTradingEnvironment) -> Actions:
    """Wants losses not to be counted once the episode is over."""
    gain, open_ = open_return(env), env.lanes["position"] != 0.0
    first = env.lanes["traded"] == 0.0
    take = np.where(open_, SELL_ALL, HOLD)
    return np.where(first, BUY_LITTLE, np.where(gain >= WIN, take, np.where(gain <= -LOSS, NEVER, HOLD)))
