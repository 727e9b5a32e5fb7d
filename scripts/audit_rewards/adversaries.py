"""Scripted cheats: each tries to be paid for something other than money. They may look at everything, even ahead.

    @adversary("churner", about="buys and sells all day")
    def churner(env):
        return np.where(env.lanes["position"] == 0.0, BUY, SELL)

gives the actions [N] of all lanes; while an order is under way they become HOLD.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.layout import SECOND_NS, Market
from data.market_day import MarketDay
from envs.actions import encode
from envs.episodes import Episode
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import ActionType, PositionSize
from utils.registry import Registry
from utils.seeding import stream

Actions = npt.NDArray[np.int64]
Act = Callable[[VectorTradingEnvironment], Actions]
Episodes = Callable[[Sequence[MarketDay], int, int], list[Episode]]
"""(days, lanes, seed) -> one episode a lane"""

HOLD = 0
BUY_LITTLE = encode(ActionType.BUY, PositionSize.PCT_25)
BUY_ALL = encode(ActionType.BUY, PositionSize.PCT_100)
SELL_ALL = encode(ActionType.SELL, PositionSize.PCT_100)
FIRST, LAST = 20_000, 38_000
"""Seconds between which episodes start: from 09:33 to 14:33."""
LENGTH = 1_800
BEFORE_HALT_S = 90


def anywhere(days: Sequence[MarketDay], lanes: int, seed: int) -> list[Episode]:
    """Half an hour of the regular session."""
    rng = stream(seed, "audit", "episodes")
    picks = zip(rng.integers(0, len(days), lanes).tolist(), rng.integers(FIRST, LAST, lanes).tolist(), strict=True)
    return [Episode(day, start, LENGTH) for day, start in picks]


def around_halts(days: Sequence[MarketDay], lanes: int, seed: int) -> list[Episode]:
    """From shortly before a halt on, each for two lanes in a row; anywhere if there is none."""
    starts = [
        (row, int((halt - day.start_ns) // SECOND_NS) - BEFORE_HALT_S)
        for row, day in enumerate(days)
        for halt in day.halts["start_ns"].tolist()
    ]
    starts = [(row, second) for row, second in starts if FIRST - 1_800 <= second <= LAST]
    if not starts:
        return anywhere(days, lanes, seed)
    return [Episode(*starts[lane // 2 % len(starts)], LENGTH) for lane in range(lanes)]


@dataclass(frozen=True, kw_only=True)
class Adversary:
    """A cheat as declared."""

    name: str
    about: str
    words: tuple[str, ...]
    """Changes of the configuration that it needs."""
    episodes: Episodes
    act: Act


ADVERSARIES: Registry[Adversary] = Registry("adversary", "scripts.audit_rewards.cheats", "--only")


def adversary(
    name: str, *, about: str, words: Sequence[str] = (), episodes: Episodes = anywhere
) -> Callable[[Act], Act]:
    """Register the decorated function."""

    def register(act: Act) -> Act:
        declared = Adversary(name=name, about=about, words=tuple(words), episodes=episodes, act=act)
        ADVERSARIES.add(name, declared, act.__module__)
        return act

    return register


def market_now(env: VectorTradingEnvironment, column: Market) -> npt.NDArray[np.float64]:
    """A column of the market at the lanes' seconds [N]."""
    return np.array([env.bank.days[day].market[second, column] for day, second in env.index.tolist()])


def open_return(env: VectorTradingEnvironment) -> npt.NDArray[np.float64]:
    """Return of the account since the start of the episode [N]."""
    return env.lanes["equity"] / env.lanes["start_equity"] - 1.0


def held_s(env: VectorTradingEnvironment) -> npt.NDArray[np.int64]:
    """Seconds in the position [N], 0 if flat."""
    return np.where(env.lanes["position"] != 0.0, env.lanes["second"] - env.lanes["entry_second"], 0)


def unrealised(env: VectorTradingEnvironment) -> npt.NDArray[np.float64]:
    """Return of the account since the position was opened, realised losses of the trade included [N]."""
    lanes = env.lanes
    value = lanes["equity"] - lanes["cash"]
    cost = np.abs(lanes["position"]) * lanes["entry_price"]
    return np.where(lanes["position"] > 0.0, value / np.where(cost > 0.0, cost, 1.0) - 1.0, 0.0)
