"""Backtest: one policy and its baselines over the same days, in the environment that training uses.

One lane per day. Deterministic for a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.backtest_days import BacktestDay
from agent.baselines.registry import BASELINES, Contest, Parameters
from agent.labels import labelled
from agent.ledger import Ledger, Run
from agent.oracle import Oracle, capture_ratio
from agent.policy import Judging, Policy
from agent.tables import COST_PARTS
from agent.trace import empty_trace
from agent.walks import RunAhead, SideBySide
from config.schema import BacktestConfig, Config, EnvConfig, RewardConfig, SimulationConfig
from data.day_clock import whole_clock
from data.layout import SECONDS
from envs.episodes import Episode, FixedEpisodes
from envs.vector_environment import VectorTradingEnvironment
from rewards.composite import CompositeReward
from simulators.day_bank import DayBank

Progress = Callable[[str, int, int], None]
"""progress(policy, decisions done, decisions in all), often"""


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
    first: int = 0
    """Number of the first day among all of which these are a part: a part does what it does within the whole."""

    @classmethod
    def of(
        cls, config: Config, bank: DayBank, days: Sequence[BacktestDay], env: EnvConfig | None = None, first: int = 0
    ) -> Backtest:
        """As `config` says; env: another environment than its own."""
        terms = (env or config.env, config.simulation, config.reward, config.backtest, config.seed)
        return cls(bank, days, *terms, first)

    def episodes(self) -> list[Episode]:
        """One a day, from its start to the last second that is traded."""
        last = min(self.config.last_second, SECONDS) - 1
        return [Episode(row, day.start, max(1, last - day.start)) for row, day in enumerate(self.days)]

    def run(
        self,
        policy: Policy,
        *,
        copies: int = 1,
        traced: bool = False,
        progress: Progress | None = None,
    ) -> Run:
        """Trade every day once per copy; lanes are copies x days, day fastest. `traced`: keep what each step did."""
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
            self.first,
        )
        env.reset()
        interval_s = self.env.decision_interval_s
        decisions = -(-max(episode.length for episode in episodes) // interval_s)
        judging = isinstance(policy, Judging)
        trace = empty_trace(decisions, lanes, interval_s, judged=judging) if traced else None
        ledger = Ledger(lanes, trace)
        walk = RunAhead(env, policy, ledger) if isinstance(policy, Judging) else SideBySide(env, policy, ledger)
        while walk.go_on():
            if progress is not None:
                progress(policy.name, int(ledger.decisions.mean()), decisions)
        run = ledger.close(policy.name, list(self.bank.days))
        return run._replace(trades=labelled(run, self.days))

    def compare(
        self, policy: Policy, parameters: Mapping[str, Parameters] | None = None, progress: Progress | None = None
    ) -> Comparison:
        """`policy` against every registered baseline and perfect foresight.

        parameters: what baselines were tuned to (`agent.baselines.registry.tuned`); those that need some and have none
        take the first that their configuration names.
        """
        ours = self.run(policy, traced=True, progress=progress)
        return self.compare_run(ours, self.oracle_pnl(), parameters, progress)

    def compare_run(
        self,
        ours: Run,
        oracle_pnl: npt.NDArray[np.float64],
        parameters: Mapping[str, Parameters] | None = None,
        progress: Progress | None = None,
    ) -> Comparison:
        """As `compare`, with the traced run of the policy and `oracle_pnl` as they are known."""
        known = parameters or {}
        played = {
            name: each.play(Contest(self, ours, known.get(name, {}), progress))
            for name, each in BASELINES.all().items()
        }
        return Comparison(list(self.days), ours, played, known, oracle_pnl)

    def oracle_pnl(self) -> npt.NDArray[np.float64]:
        """What perfect foresight could have earned, dollars [days]."""
        return Oracle(self.bank, self.env, self.simulation, self.seed, self.first).pnl(self.episodes())


def day_table(result: Comparison) -> pl.DataFrame:
    """One row per day, dollars: net P&L of the policy, of each baseline and of perfect foresight, and what it paid."""
    run = result.policy
    trades = run.trades.group_by("lane").agg(pl.len().alias("n"), (pl.col("pnl") > 0).sum().alias("wins"))
    counted = {row["lane"]: row for row in trades.iter_rows(named=True)}
    return pl.DataFrame(
        {
            "date": [day.date for day in result.days],
            "symbol": [day.symbol for day in result.days],
            "from_et": [whole_clock(day.start) for day in result.days],
            "found": [str(day.found) for day in result.days],
            "quality": [day.quality for day in result.days],
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
