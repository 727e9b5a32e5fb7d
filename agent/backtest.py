"""Backtest: one policy and its baselines over the same days, in the environment that training uses.

One lane per day; each starts at the second at which a live scanner would have found the day (`ex_ante`), so what is
selected by could be known, faders included. Deterministic for a seed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.baselines.registry import BASELINES, Contest, Parameters
from agent.ledger import COST_PARTS, Ledger, Run
from agent.oracle import Oracle, capture_ratio
from agent.policy import Policy
from config.schema import BacktestConfig, EnvConfig, RewardConfig, SimulationConfig
from data.calendar import session
from data.layout import SECONDS
from envs.episodes import Episode, FixedEpisodes
from envs.vector_environment import VectorTradingEnvironment
from rewards.composite import CompositeReward
from simulators.day_bank import DayBank
from utils.errors import DataError

Progress = Callable[[str, int, int], None]
"""progress(policy, seconds done, seconds in all)"""
PROGRESS_EVERY = 600


class BacktestDay(NamedTuple):
    """A day to trade, from `start` (second of the first observation) on."""

    symbol: str
    date: dt.date
    start: int


def select_days(
    index: pl.DataFrame, dates: Collection[dt.date], config: BacktestConfig, hours: tuple[int, int]
) -> list[BacktestDay]:
    """The days of `index` (MomentumIndex.days) on `dates` to trade, by date and symbol.

    `ex_ante`: triggered days from their trigger on; `all`: every candidate, from the start. hours: [first, end)
    seconds in which orders may trade; days that are found after them are left out. Raises DataError if none is left.
    """
    first, end = hours[0], min(hours[1], config.last_second)
    rows = index.filter(pl.col("date").is_in(list(dates)) & (pl.col("status") != "quarantined"))
    if config.days == "ex_ante":
        rows = rows.filter(pl.col("triggered"))
    days = [
        BacktestDay(row["symbol"], row["date"], max(first, row["trigger_s"] if config.days == "ex_ante" else 0))
        for row in rows.sort("date", "symbol").iter_rows(named=True)
    ]
    days = [day for day in days if day.start < min(end, session(day.date).end_s) - 2]
    if not days:
        first, last = min(dates, default=None), max(dates, default=None)
        raise DataError(
            f"no day to backtest between {first} and {last} (backtest.days={config.days})",
            where=f"momentum index, {len(index)} days",
            fix="backtest.days=all, another backtest.date, or lower scanner.trigger.* and run `poe build-index`",
        )
    return days


class Comparison(NamedTuple):
    """A policy, its baselines and perfect foresight over the same days."""

    days: list[BacktestDay]
    policy: Run
    baselines: dict[str, Run]
    """By name; lanes are draws x days, day fastest."""
    parameters: Mapping[str, Parameters]
    """Of the baselines that have some."""
    oracle_pnl: npt.NDArray[np.float64]
    """Upper bound of what any policy could have earned, dollars [days]."""

    @property
    def baseline_pnl(self) -> dict[str, npt.NDArray[np.float64]]:
        """Dollars per day [days] by baseline, mean over its draws."""
        return {name: run.pnl.reshape(-1, len(self.days)).mean(axis=0) for name, run in self.baselines.items()}

    @property
    def capture(self) -> npt.NDArray[np.float64]:
        """The policy's share of `oracle_pnl` [days], see `agent.oracle.capture_ratio`."""
        return capture_ratio(self.policy.pnl, self.oracle_pnl)


@dataclass(frozen=True)
class Backtest:
    """Runs policies over fixed days. `bank` row i belongs to `days[i]`."""

    bank: DayBank
    days: Sequence[BacktestDay]
    env: EnvConfig
    simulation: SimulationConfig
    reward: RewardConfig
    config: BacktestConfig
    seed: int

    def episodes(self) -> list[Episode]:
        """One a day, from its start to the last second that is traded."""
        last = min(self.config.last_second, SECONDS) - 1
        return [Episode(row, day.start, max(1, last - day.start)) for row, day in enumerate(self.days)]

    def run(
        self,
        policy: Policy,
        *,
        copies: int = 1,
        keep_equity: bool = False,
        progress: Progress | None = None,
    ) -> Run:
        """Trade every day once per copy; lanes are copies x days, day fastest."""
        episodes = self.episodes() * copies
        lanes = len(episodes)
        env = VectorTradingEnvironment(
            self.bank,
            self.env,
            self.simulation,
            CompositeReward(self.reward, lanes),
            lanes,
            FixedEpisodes([[episode] for episode in episodes]),
            self.seed,
        )
        env.reset()
        ledger = Ledger(lanes, keep_equity)
        alive = np.ones(lanes, np.bool_)
        done, total = 0, max(episode.length for episode in episodes)
        while alive.any():
            env.step(policy.act(env.index, env.portfolio, env.action_mask))
            ledger.record(env, alive)
            alive &= env.steps["ending"] == 0
            done += self.env.decision_interval_s
            if progress is not None and done % PROGRESS_EVERY < self.env.decision_interval_s:
                progress(policy.name, min(done, total), total)
        return ledger.close(policy.name, list(self.bank.days))

    def compare(
        self, policy: Policy, parameters: Mapping[str, Parameters] | None = None, progress: Progress | None = None
    ) -> Comparison:
        """`policy` against every registered baseline and perfect foresight.

        parameters: what baselines were tuned to (`agent.baselines.registry.tuned`); those that need some and have none
        take the first that their configuration names.
        """
        ours, known = self.run(policy, keep_equity=True, progress=progress), parameters or {}
        played = {
            name: each.play(Contest(self, ours, known.get(name, {}), progress))
            for name, each in BASELINES.all().items()
        }
        oracle = Oracle(self.bank, self.env, self.simulation, self.seed)
        return Comparison(list(self.days), ours, played, known, oracle.pnl(self.episodes()))


def day_table(result: Comparison) -> pl.DataFrame:
    """One row per day, dollars: net P&L of the policy, of each baseline and of perfect foresight, and what it paid."""
    run = result.policy
    trades = run.trades.group_by("lane").agg(pl.len().alias("n"), (pl.col("pnl") > 0).sum().alias("wins"))
    counted = {row["lane"]: row for row in trades.iter_rows(named=True)}
    start = [day.start + 4 * 3600 for day in result.days]
    return pl.DataFrame(
        {
            "date": [day.date for day in result.days],
            "symbol": [day.symbol for day in result.days],
            "from_et": [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in start],
            "agent": run.pnl,
            **result.baseline_pnl,
            "oracle": result.oracle_pnl,
            "capture": result.capture,
            "trades": [counted[i]["n"] if i in counted else 0 for i in range(len(result.days))],
            "wins": [counted[i]["wins"] if i in counted else 0 for i in range(len(result.days))],
            "gross": run.gross,
            **{name: getattr(run, name) for name in COST_PARTS},
            "max_drawdown": run.max_drawdown,
            "exposure": run.held_s / np.maximum(run.seconds, 1),
        }
    )
