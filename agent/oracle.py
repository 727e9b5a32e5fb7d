"""Perfect foresight: what nobody could have exceeded on a day, under the same costs, latency and size limits.

The bound is the optimum of a problem that is easier than the environment's in these ways only:

- shares are real numbers, and an order may be of any size that the account can pay, not of a quarter of it;
- an order takes the best of the latencies that the lane has drawn so far (the agent cannot choose which comes next);
- it may close a position and open the opposite one;
- own recent fills neither take from the book nor press on the price, and other orders may be sent meanwhile;
- what an order can do is rounded up to a concave curve: the commission's minimum counts in full for orders of all that
  the book gives, else in part;
- losses do not end the episode; stops and margin calls come when they help; day-trade limits, settlement, the
  short-sale restriction and borrowing fees hinder nobody.

With a fixed latency, a deep book and no commission's minimum it is exact but for fractions of a share. A policy that
follows its plan through the environment shows how tight it is (tests/support/foresight.py): on days of the sample
market that one earned 57 % of the bound with a decision a second, 86 to 89 % with one in ten seconds and 97 to 99 %
with one a minute. The bound is loose where own orders are large against the day's volume, since it forgets them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from config.schema import EnvConfig, SimulationConfig
from envs.episodes import Episode
from envs.vector_environment import terms_of
from simulators.day_bank import DayBank
from simulators.execution_simulator import Rules
from simulators.oracle_kernels import foresight_nb, latencies_nb, new_desk
from simulators.portfolio_simulator import PortfolioSimulator


class Oracle:
    """Bounds net P&L of episodes of a bank's days."""

    def __init__(self, bank: DayBank, env: EnvConfig, simulation: SimulationConfig, seed: int, first: int = 0) -> None:
        """seed, first: of the environment, since latencies are drawn from its lanes' streams."""
        self._bank, self._seed, self._first = bank, seed, first
        self._rules = Rules(simulation)
        self._terms = terms_of(env)
        self._stops = simulation.orders.stop_distance > 0
        self._shorts = simulation.shorts.allow
        self._capital = simulation.account.capital
        self._desk = new_desk()

    def pnl(self, episodes: Sequence[Episode]) -> npt.NDArray[np.float64]:
        """Upper bound of the net P&L of episode i as the first one of lane i, dollars [N]; at least 0."""
        lanes = PortfolioSimulator(self._rules.table, len(episodes), self._seed, self._first).lanes
        cash = [self._cash(lane, episode) for lane, episode in zip(lanes, episodes, strict=True)]
        return np.array(cash, np.float64) - self._capital

    def _cash(self, lane: np.void, episode: Episode) -> float:
        day = self._bank.table[episode.day]
        end = min(episode.start + episode.length, int(day["last_s"]))
        shorts = self._shorts and bool(day["locate"]) and not day["settle"]
        # a long position that is paid in full cannot be called
        broker = self._stops or (day["maintenance"] > 0 and (shorts or day["leverage"] > 1))
        orders = 2 * (end - episode.start) if broker else -(-(end - episode.start) // int(self._terms["interval_s"][0]))
        reach = latencies_nb(lane, self._rules.table, orders)
        table, rules = self._bank.table, self._rules.table
        return foresight_nb(
            table, rules, self._terms, episode.day, episode.start, end, reach, shorts, broker, self._desk
        )


def capture_ratio(pnl: npt.NDArray[np.float64], oracle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of what foresight could have earned; NaN where that is nothing. Both dollars [days]."""
    return np.divide(pnl, oracle, out=np.full(len(pnl), np.nan), where=oracle > 0)
