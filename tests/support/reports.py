"""Reports of real backtests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agent.backtest import Backtest, Comparison
from agent.backtest_days import BacktestDay, Found, select_days
from agent.explaining import ENTRY, EXIT, telling_trades
from agent.ledger import Run
from agent.policy import BUY_ALL, HOLD, SELL_ALL, Judgement
from agent.report import judged, write_report
from agent.statistics.evaluation import Evaluation, evaluate
from agent.statistics.sessions import sessions_of
from agent.statistics.verdict import Verdict
from config.schema import Config
from data.market_day import MarketDay
from metrics.explanation import Explanation, Stratum
from scripts.pipeline import open_market
from simulators.day_bank import DayBank, session_seconds
from tests.support.configs import load_config
from tests.support.explanations import made_decision, made_explanation
from tests.support.small_market import small


class Swings:
    """Buys early in every stretch of `period` seconds and sells in the middle of it, with opinions to show."""

    name = "agent"

    def __init__(self, period: int = 600) -> None:
        self._period = period

    def judge(self, index: np.ndarray, portfolio: np.ndarray, mask: np.ndarray) -> Judgement:
        phase = index[:, 1] % self._period / self._period
        probabilities = np.zeros(mask.shape, np.float32)
        probabilities[:, BUY_ALL] = np.where(phase < 0.1, 0.8, 0.1)
        probabilities[:, SELL_ALL] = np.where(phase > 0.5, 0.7, 0.05)
        probabilities *= mask
        probabilities[:, HOLD] += 1 - probabilities.sum(axis=1)
        return Judgement(probabilities.argmax(axis=1).astype(np.int64), probabilities, (0.5 - phase).astype(np.float32))

    def act(self, index: np.ndarray, portfolio: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return self.judge(index, portfolio, mask).actions


class Told(NamedTuple):
    """A report and what it tells of."""

    path: Path
    result: Comparison
    evaluation: Evaluation
    verdict: Verdict
    days: list[MarketDay]


def told(
    test: Backtest, policy, folder: Path, *, title: str = "test", in_sample: bool = False, explained: int = 0
) -> Told:
    """Backtest and report; explained: so many round trips are given made-up causes."""
    days = list(test.bank.days)
    result = test.compare(policy)
    capital = test.simulation.account.capital
    dates = [day.date for day in days]
    sessions = sessions_of(dates, result.policy.pnl, capital)
    theirs = {name: sessions_of(dates, pnl, capital).pnl for name, pnl in result.baseline_pnl.items()}
    evaluation = evaluate(result.policy, sessions, theirs, draws=100, seed=0)
    verdict = judged(result, evaluation, days, in_sample)
    facts = {"policy": policy.name, "seed": str(test.seed)}
    explanation = explained_trades(result.policy, explained) if explained else None
    path = write_report(
        result,
        evaluation,
        verdict,
        days,
        folder,
        title=title,
        facts=facts,
        in_sample=in_sample,
        explanation=explanation,
    )
    return Told(path, result, evaluation, verdict, days)


def explained_trades(run: Run, most: int) -> Explanation:
    """A made explanation of the round trips that won or lost most."""
    decisions = [
        made_decision(row["symbol"], row["date"], row[column], stratum, lane=row["lane"])
        for row in telling_trades(run, most).iter_rows(named=True)
        for stratum, column in ((Stratum.ENTRY, ENTRY), (Stratum.EXIT, EXIT))
        if row[column] is not None
    ]
    return made_explanation(decisions=decisions)


def made_test(made: Sequence[MarketDay], config: Config, start: int, found: Found = Found.EX_ANTE) -> Backtest:
    """A backtest over made days, all from `start` on."""
    days = [BacktestDay(day.symbol, day.date, start, found, 0.6, ((start + 60, "flush"),)) for day in made]
    bank = DayBank(list(made), config.simulation)
    return Backtest(bank, days, config.env, config.simulation, config.reward, config.backtest, seed=0)


def sample_report(folder: Path) -> Told:
    """Of the days that the scanner finds on a sample market of seconds, below `folder`."""
    words = ["env.decision_interval_s=5", "backtest.random_draws=2"]
    config = load_config("demo", [*small(folder), *words])
    market = open_market(config)
    dates = set(market.index.days["date"].to_list())
    days = select_days(market.index, dates, config.backtest, session_seconds(config.simulation.session))
    bank = DayBank([market.simulator.day(day.symbol, day.date) for day in days], config.simulation)
    test = Backtest(bank, days, config.env, config.simulation, config.reward, config.backtest, seed=0)
    title = "Backtest of a timetable on the sample market"
    return told(test, Swings(), folder / "report", title=title, explained=20)
