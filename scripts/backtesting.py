"""Backtest of a registered model: which days, which model, table and report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.backtest import Backtest, Comparison
from agent.backtest_days import Found, select_days
from agent.baselines.registry import Parameters
from agent.explaining import OrdersNoted
from agent.ledger import Run
from agent.policy_runner import PolicyRunner
from agent.report import cost_line, judged, labels, terminal_table, verdict_lines, write_report
from agent.statistics.evaluation import Evaluation, evaluate
from agent.statistics.sessions import Sessions, sessions_of
from agent.statistics.verdict import Verdict
from agent.trials import BACKTEST, side_by_side, tried
from config.schema import Config, EnvConfig, FillConfig, LatencyConfig, SimulationConfig
from metrics.explanation import FOLDER, TRADES
from scripts.arrays import Arrays, load_days
from scripts.backtest_parts import play
from scripts.dates import sessions_within
from scripts.explain.trades import Traded, explain_trades
from scripts.output import out
from scripts.pipeline import Market, metadata_of, model_registry
from scripts.progress import DayProgress
from scripts.split_guard import in_sample, seen
from scripts.trials import conditions, note_trial, trial_ledger
from scripts.tuning import tuned_baselines
from simulators.day_bank import session_seconds
from utils.errors import DataError
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)

DAYS_TOLD = {
    Found.EX_ANTE: "triggered days from their trigger on, faders included",
    Found.ALL: "every day that was looked at, from its first second",
    Found.ORACLE: "momentum days chosen after the fact, from their first second: nobody could have known them",
}


class Test(NamedTuple):
    """A model and the held-out days that it is about to trade."""

    path: Path
    about: dict[str, Any]
    dates: list[dt.date]
    """Sessions; not all of them need have a day to trade."""
    arrays: Arrays
    backtest: Backtest
    policy: PolicyRunner

    def sessions(self, pnl: npt.NDArray[np.float64]) -> Sessions:
        """P&L by session of what each of the days brought, dollars."""
        capital = self.backtest.simulation.account.capital
        return sessions_of([day.date for day in self.backtest.days], pnl, capital, self.dates)

    def traded(self, policy: OrdersNoted, run: Run) -> Traded:
        """What the model did in `run`. policy: its own, with what it saw."""
        return Traded(self.path, self.about, self.arrays, self.backtest, policy, run)


class Tested(NamedTuple):
    """A model on the held-out days."""

    test: Test
    result: Comparison
    evaluation: Evaluation
    traded: Traded


def open_test(config: Config, market: Market, model: Path, dates: list[dt.date]) -> Test:
    """Load the saved `model` and the days of `dates`."""
    about = metadata_of(model)
    if label := in_sample(about, dates):
        log.warning("in sample: %s; what it earns there says nothing about other days", label)
    days = select_days(market.index, dates, config.backtest, session_seconds(config.simulation.session))
    arrays = load_days(config, market, [(day.symbol, day.date) for day in days])
    _warn_of_another_market(about, any(day.synthetic for day in arrays.days))
    policy = PolicyRunner.load(model, arrays.store, market.extractor.schema, device=config.training.device)
    backtest = Backtest.of(config, arrays.bank, days, _model_env(config, about))
    return Test(model, about, dates, arrays, backtest, policy)


def note_backtest(config: Config, market: Market, test: Test, run: Run) -> Sessions:
    """Note the policy's run in the ledger of the split; returns its P&L."""
    sessions = test.sessions(run.pnl)
    ledger = trial_ledger(config, market.split.hash)
    note_trial(ledger, BACKTEST, test.path, conditions(config, test.backtest.env), sessions)
    return sessions


def compared(
    config: Config, market: Market, test: Test, parameters: Mapping[str, Parameters]
) -> tuple[Comparison, OrdersNoted]:
    """The model, its baselines and perfect foresight on the days; and what it saw when it sent its orders."""
    progress = DayProgress(config.training.log_every_s)
    played = play(config, market, test.path, test.backtest.env, test.backtest.days, progress)
    result = test.backtest.compare_run(played.run, played.oracle_pnl, parameters, progress)
    policy = OrdersNoted(test.policy)
    policy.seen.update(played.seen)
    return result, policy


def compare_model(config: Config, market: Market, model: str) -> Tested:
    """Trade the held-out days with `model` (a version, "best" or a folder) and with its baselines."""
    path = model_registry(config).resolve(model, market.synthetic)
    test = open_test(config, market, path, held_out(config, market, metadata_of(path)))
    parameters = tuned_baselines(config, market, test.backtest.env)
    result, policy = compared(config, market, test, parameters)
    sessions = note_backtest(config, market, test, result.policy)
    trials = trial_ledger(config, market.split.hash).read()
    evaluation = evaluate(
        result.policy,
        sessions,
        {name: test.sessions(pnl).pnl for name, pnl in result.baseline_pnl.items()},
        draws=config.backtest.bootstrap_draws,
        seed=config.seed,
        tried=tried(trials),
        policies=side_by_side(trials, sessions.dates),
    )
    return Tested(test, result, evaluation, test.traded(policy, result.policy))


def backtest_model(config: Config, market: Market, folder: Path, model: str) -> Path:
    """`compare_model`, told: prints the table, returns the report."""
    tested = compare_model(config, market, model)
    test, result = tested.test, tested.result
    dates, days = test.dates, test.arrays.days
    title = f"Backtest of {test.path.name}: {len(result.days)} days, {min(dates)} to {max(dates)}"
    known = in_sample(test.about, dates)
    verdict = judged(result, tested.evaluation, days, bool(known))
    tags = labels(result, days, bool(known))
    _print(result, verdict, f"{title} ({', '.join(tags)})" if tags else title)
    why = explain_trades(config, market, tested.traded, config.explain.trades) if config.explain.trades else None
    if why is not None:
        why.explanation.write(folder / FOLDER, TRADES)
    report = write_report(
        result,
        tested.evaluation,
        verdict,
        days,
        folder,
        title=title,
        facts={
            **_facts(config, test.path, test.about),
            **({"in sample": known} if known else {}),
            **_baseline_facts(result),
        },
        in_sample=bool(known),
        explanation=why.explanation if why else None,
    )
    out.print(f"report: {shown(report)}")
    return report


def _warn_of_another_market(about: dict[str, Any], synthetic: bool) -> None:
    """Scores of synthetic and real days do not compare, so "best" may be a model of the other market."""
    kinds = {True: "the synthetic sample market", False: "real days"}
    trained = about.get("synthetic")
    if trained is not None and trained != synthetic:
        log.warning(
            "the model was trained on %s and is tried on %s; backtest.model=VERSION names another",
            kinds[bool(trained)],
            kinds[synthetic],
        )


def _model_env(config: Config, about: dict[str, Any]) -> EnvConfig:
    """The environment of the backtest: a policy decides as often as it was trained to."""
    interval = about.get("config", {}).get("env", {}).get("decision_interval_s", config.env.decision_interval_s)
    if interval != config.env.decision_interval_s:
        log.info("the model was trained to decide every %d s, and does so here", interval)
    return replace(config.env, decision_interval_s=int(interval))


def _print(result: Comparison, verdict: Verdict, title: str) -> None:
    out.print(terminal_table(result, title))
    out.print(cost_line(result.policy))
    out.print(verdict_lines(verdict))


def _facts(config: Config, model: Path, about: dict[str, Any]) -> dict[str, str]:
    """What was run, for the report."""
    commit = about.get("git", {}).get("commit")
    return {
        "model": shown(model),
        "trained": f"{about.get('steps', 0):,} steps, seed {about.get('seed')}, commit {commit}",
        "days": DAYS_TOLD[Found(config.backtest.days)],
        **_market_facts(config.simulation),
        "seed": str(config.seed),
    }


def _baseline_facts(result: Comparison) -> dict[str, str]:
    """What baselines with parameters were tuned to."""
    return {
        f"baseline {name}": ", ".join(f"{key} {value}" for key, value in parameters.items())
        for name, parameters in result.parameters.items()
    }


def _market_facts(simulation: SimulationConfig) -> dict[str, str]:
    """The account and what its orders met."""
    account, orders, shorts = simulation.account, simulation.orders, simulation.shorts
    stops = f", protective stop at {orders.stop_distance:.1%}" if orders.stop_distance else ""
    rest = f" resting {orders.rest_s:g} s" if orders.kind == "limit" else ""
    return {
        "capital": f"{account.capital:,.0f} $ per day, {account.leverage:g}x buying power",
        "session": f"{simulation.session.first} to {simulation.session.last} New York",
        "orders": f"{orders.kind}{rest}{stops}; shorts {'allowed' if shorts.allow else 'off'}",
        "fills": _model(simulation.fill),
        "latency": _model(simulation.latency),
        "fees": simulation.fees.plan,
    }


def _model(chosen: FillConfig | LatencyConfig) -> str:
    """A model and its parameters."""
    return ", ".join([chosen.model, *(f"{name} {value:g}" for name, value in chosen.params.items())])


def held_out(config: Config, market: Market, about: dict[str, Any]) -> list[dt.date]:
    """The dates to trade: those asked for, else the test sessions that the model (with that metadata) has not seen."""
    if not config.backtest.date:
        known = seen(about)
        left = [date for date in market.split.test if date not in known]
        if not left:
            raise DataError(
                "every test session was seen by the model in training or validation",
                where=f"{len(market.split.test)} test sessions",
                fix="train again on the present data, or name the dates: backtest.date=FIRST:LAST",
            )
        if len(left) < len(market.split.test):
            log.warning("%d test sessions are left out: the model has seen them", len(market.split.test) - len(left))
        return left
    return sessions_within(config.backtest.date, sorted(set(market.index.days["date"].to_list())))
