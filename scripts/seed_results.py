"""What trainings that differ in their seed earned on the same held-out days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.backtest import Comparison
from agent.baselines.registry import Parameters
from agent.policy_runner import PolicyRunner
from agent.statistics.intervals import Interval, mean_interval
from agent.statistics.seeds import iqm_interval
from agent.statistics.sessions import Sessions
from config.schema import Config
from scripts.backtesting import Test, compared, held_out, note_backtest, open_test
from scripts.pipeline import Market, metadata_of
from scripts.seed_runs import SeedRun
from scripts.tuning import tuned_baselines
from utils.paths import anchored

Dollars = npt.NDArray[np.float64]


class SeedResult(NamedTuple):
    """Net dollars on the held-out days."""

    seed: int
    days: int
    """Symbol-days."""
    agent: Dollars
    """Per session [S]."""
    baselines: dict[str, Dollars]

    @property
    def beats_all(self) -> bool:
        """Whether the agent's mean is above that of every baseline."""
        return bool(self.agent.mean() > max(pnl.mean() for pnl in self.baselines.values()))


class HeldOut:
    """The held-out days of a market, loaded once for all the models that trade them, under the same conditions."""

    def __init__(self, config: Config, market: Market) -> None:
        """config: of the backtest, its seed included; that of the trainings does not matter here."""
        self._config, self._market = config, market
        self._test: Test | None = None
        self._parameters: Mapping[str, Parameters] | None = None

    def test(self, model: Path) -> Test:
        """A saved model on those days."""
        config, market = self._config, self._market
        if self._test is None:
            self._test = open_test(config, market, model, held_out(config, market, metadata_of(model)))
            return self._test
        store, schema = self._test.arrays.store, market.extractor.schema
        policy = PolicyRunner.load(model, store, schema, device=config.training.device)
        return self._test._replace(path=model, about=metadata_of(model), policy=policy)

    def judged(self, run: SeedRun) -> SeedResult:
        """Trade the days with the model of a training and with its baselines; noted as a try."""
        test, result, sessions = self.compared(run)
        baselines = {name: test.sessions(pnl).pnl for name, pnl in result.baseline_pnl.items()}
        return SeedResult(run.config.seed, len(result.days), sessions.pnl, baselines)

    def compared(self, run: SeedRun) -> tuple[Test, Comparison, Sessions]:
        """The same with all that came of it; the sessions are the agent's."""
        test = self.test(anchored(run.config.models) / run.version)
        if self._parameters is None:
            self._parameters = tuned_baselines(self._config, self._market, test.backtest.env)
        result, _ = compared(self._config, self._market, test, self._parameters)
        return test, result, note_backtest(self._config, self._market, test, result.policy)


class Pooled(NamedTuple):
    """One figure over all seeds and sessions."""

    mean: Interval
    """Per session, each session by its mean over the seeds: what is uncertain is the sessions."""
    iqm: Interval
    """Of seeds x sessions: what is uncertain is the seeds."""

    @classmethod
    def of(cls, pnl: Dollars, draws: int, seed: int) -> Pooled:
        """pnl: dollars [seeds, sessions]."""
        return cls(mean_interval(pnl.mean(axis=0), draws, seed), iqm_interval(pnl, draws, seed))


def pooled(results: Sequence[SeedResult], draws: int, seed: int) -> dict[str, Pooled]:
    """The agent, and its lead over each baseline."""
    agent = np.array([one.agent for one in results])
    leads = {f"lead over {n}": agent - np.array([one.baselines[n] for one in results]) for n in results[0].baselines}
    return {name.replace("_", " "): Pooled.of(pnl, draws, seed) for name, pnl in {"agent": agent, **leads}.items()}
