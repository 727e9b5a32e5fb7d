"""Sits in halts, where nothing can be sold and nothing moves."""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, SECONDS, Market
from data.market_day import MarketDay
from envs.vector_environment import VectorTradingEnvironment
from scripts.audit_rewards.adversaries import (
    BEFORE_HALT_S,
    BUY_ALL,
    HOLD,
    SELL_ALL,
    Actions,
    adversary,
    around_halts,
    market_now,
)

WAIT_S = 60
SHORTS = ("simulation/shorts=on", "simulation.shorts.availability=1.0")


@adversary(
    "halt-sitter",
    about="takes the side that will lose right before a halt it knows of, leaves a minute after it",
    words=SHORTS,
    episodes=around_halts,
)
def halt_sitter(env: VectorTradingEnvironment) -> Actions:
    """Wants time to be paid in which it risks nothing. On the winning side its foresight would earn real money."""
    position, elapsed = env.lanes["position"], env.lanes["second"] - env.lanes["start"]
    resumed = market_now(env, Market.SINCE_RESUME)
    leave = (resumed > WAIT_S) & (resumed < elapsed)
    rises = np.array([_rises(env.bank.days[day], second) for day, second in env.index.tolist()])
    enter = np.where(elapsed < BEFORE_HALT_S, np.where(rises, SELL_ALL, BUY_ALL), HOLD)
    exit_ = np.where(position > 0.0, SELL_ALL, BUY_ALL)
    return np.where(position == 0.0, enter, np.where(leave, exit_, HOLD))


def _rises(day: MarketDay, second: int) -> bool:
    """Whether the mid is higher once the next halt is over than it is now."""
    ends = (day.halts["end_ns"] - day.start_ns) // SECOND_NS + WAIT_S
    then = int(ends[ends > second].min(initial=SECONDS - 1))
    return bool(_mid(day, then) > _mid(day, second))


def _mid(day: MarketDay, second: int) -> float:
    row = day.market[min(second, SECONDS - 1)]
    return float(row[Market.BID] + row[Market.ASK]) / 2.0
