from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from agent.backtest import Backtest, Comparison, day_table
from agent.backtest_days import BacktestDay
from agent.baselines.cash import Cash
from agent.baselines.registry import BASELINES, Contest, baseline, tuned
from agent.ledger import Run
from agent.policy import BUY_ALL, HOLD, SELL_ALL
from agent.report import terminal_table
from agent.tables import COST_PARTS
from config.schema import Config
from data.layout import Market
from simulators.day_bank import DayBank
from tests.support.configs import load_config
from tests.support.made_day import random_day

START, LAST = 20_000, 22_000
CENT = 0.005


class EveryMinute:
    """Buys at the start of a minute, sells half a minute later."""

    name = "every minute"

    def act(self, index, portfolio, mask):
        second = index[:, 1] % 60
        action = np.where(second == 0, BUY_ALL, np.where(second >= 30, SELL_ALL, 0))
        return np.where(mask[np.arange(len(action)), action], action, HOLD)


class AllIn:
    """Buys whenever it can, never sells."""

    name = "all in"

    def act(self, index, portfolio, mask):
        return np.where(mask[:, BUY_ALL], BUY_ALL, 0)


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("momentum_training", [f"backtest.last_second={LAST}", "backtest.random_draws=3"])


@pytest.fixture(scope="module")
def backtest(config: Config) -> Backtest:
    made = [random_day(seed, symbol=symbol) for seed, symbol in enumerate(("AAA", "BBB"))]
    days = [BacktestDay(day.symbol, day.date, START) for day in made]
    bank = DayBank(made, config.simulation)
    return Backtest(bank, days, config.env, config.simulation, config.reward, config.backtest, seed=0)


@pytest.fixture(scope="module")
def comparison(backtest: Backtest) -> Comparison:
    return backtest.compare(EveryMinute())


def test_cash_does_nothing(backtest: Backtest) -> None:
    run = backtest.run(Cash())
    assert not run.pnl.any()
    assert not run.filled.any()
    assert run.trades.is_empty()
    np.testing.assert_array_equal(run.seconds, LAST - 1 - START)


def test_profit_is_the_cash_that_fills_moved(comparison: Comparison) -> None:
    run = comparison.policy
    assert len(run.fills) > 20
    flows = run.fills.group_by("lane").agg(
        (-(pl.col("shares") * pl.col("price")) - pl.col("fees")).sum().alias("cash"), pl.col("shares").sum()
    )
    flows = flows.sort("lane")
    np.testing.assert_allclose(flows["shares"].to_numpy(), 0)  # flat at the end
    np.testing.assert_allclose(flows["cash"].to_numpy(), run.pnl, atol=0.005)
    by_trade = run.trades.group_by("lane").agg(pl.col("pnl").sum()).sort("lane")
    np.testing.assert_allclose(by_trade["pnl"].to_numpy(), run.pnl, atol=0.005)
    np.testing.assert_allclose(run.fills.group_by("lane").agg(pl.col("fees").sum()).sort("lane")["fees"], run.fees)


@pytest.mark.parametrize("name", ["policy", "cash", "buy_and_hold", "random", "rule"])
def test_gross_less_the_four_costs_is_net_to_the_cent(comparison: Comparison, name: str) -> None:
    run = comparison.policy if name == "policy" else comparison.baselines[name]
    parts = sum(getattr(run, part) for part in COST_PARTS)
    np.testing.assert_allclose(run.gross - parts, run.pnl, rtol=0, atol=CENT)
    totals = run.totals
    assert list(totals) == ["gross", *COST_PARTS, "net"]
    assert totals["gross"] - sum(totals[part] for part in COST_PARTS) == pytest.approx(totals["net"], abs=CENT)
    assert totals["net"] == pytest.approx(run.pnl.sum())


def test_steps_fills_and_round_trips_tell_the_same_costs(comparison: Comparison) -> None:
    run = comparison.policy
    of_fills = run.fills.group_by("lane").agg(pl.col(*COST_PARTS).sum()).sort("lane")
    of_trips = run.trades.group_by("lane").agg(pl.col("gross", *COST_PARTS).sum()).sort("lane")
    for part in COST_PARTS:
        np.testing.assert_allclose(of_fills[part], getattr(run, part), rtol=0, atol=CENT)
        np.testing.assert_allclose(of_trips[part], getattr(run, part), rtol=0, atol=CENT)
    np.testing.assert_allclose(of_trips["gross"], run.gross, rtol=0, atol=CENT)
    net = run.trades["gross"] - sum(run.trades[part] for part in COST_PARTS)
    np.testing.assert_allclose(net, run.trades["pnl"], rtol=0, atol=CENT)
    away = run.fills["shares"] * (run.fills["price"] - run.fills["decision_mid"]) + run.fills["fees"]
    np.testing.assert_allclose(run.fills["cost"], away, rtol=0, atol=1e-6)
    assert (run.fills["half_spread"] > 0).all()
    assert (run.fills["impact"] >= -1e-9).all()


def test_round_trips_are_the_fills_from_flat_to_flat(comparison: Comparison, backtest: Backtest) -> None:
    run, trips = comparison.policy, comparison.policy.trades
    assert len(trips) > 20
    row = 0
    for (lane,), fills in run.fills.group_by("lane", maintain_order=True):
        market = backtest.bank.days[lane].market
        trip: list[dict[str, Any]] = []
        for fill in fills.iter_rows(named=True):
            trip.append(fill)
            if fill["position"] == 0:
                _check_trip(trips.row(row, named=True), trip, market)
                trip, row = [], row + 1
        assert not trip
    assert row == len(trips)


def _check_trip(told: dict[str, Any], fills: list[dict[str, Any]], market: np.ndarray) -> None:
    bought = [f for f in fills if f["shares"] > 0]
    sold = [f for f in fills if f["shares"] < 0]
    size = sum(f["shares"] for f in bought)
    assert told["side"] == "long"
    assert (told["lane"], told["entry"], told["exit"]) == (fills[0]["lane"], fills[0]["time"], fills[-1]["time"])
    assert told["held_s"] == fills[-1]["second"] - fills[0]["second"]
    assert told["shares"] == size == -sum(f["shares"] for f in sold)
    assert told["entry_price"] == pytest.approx(sum(f["shares"] * f["price"] for f in bought) / size)
    assert told["exit_price"] == pytest.approx(sum(-f["shares"] * f["price"] for f in sold) / size)
    assert told["pnl"] == pytest.approx(size * (told["exit_price"] - told["entry_price"]) - told["fees"], abs=CENT)
    assert told["closed_by"] == {"ioc": "agent"}.get(fills[-1]["kind"], fills[-1]["kind"])
    if len(bought) == 1:
        seen = [*market[fills[0]["second"] : fills[-1]["second"], Market.BID], *(f["price"] for f in sold)]
        moves = np.array(seen) / told["entry_price"] - 1
        assert told["mae"] == pytest.approx(min(moves.min(), 0))
        assert told["mfe"] == pytest.approx(max(moves.max(), 0))
        assert told["mae_dollars"] == pytest.approx(size * min(min(seen) - told["entry_price"], 0), abs=CENT)


@pytest.mark.parametrize(
    ("override", "by"),
    [
        ("simulation.orders.stop_distance=0.004", "stop"),
        ("simulation.account.leverage=4", "margin"),
        ("env.max_loss=0.002", "flatten"),
    ],
)
def test_fills_and_trades_tell_who_sold(backtest: Backtest, override: str, by: str) -> None:
    config = load_config("momentum_training", [f"backtest.last_second={LAST}", override])
    bank = DayBank(list(backtest.bank.days), config.simulation)
    run = replace(backtest, bank=bank, env=config.env, simulation=config.simulation).run(AllIn())
    sales = run.fills.filter(pl.col("shares") < 0)
    assert by in sales["by"].to_list()
    assert "agent" not in sales["by"].to_list()
    closing = sales.filter(pl.col("position") == 0).sort("lane", "time")
    assert run.trades["closed_by"].to_list() == closing["by"].to_list()
    np.testing.assert_allclose(run.gross - run.costs, run.pnl, rtol=0, atol=CENT)


def test_equity_curve_ends_at_the_profit(comparison: Comparison, config: Config) -> None:
    capital = config.simulation.account.capital
    assert comparison.policy.trace is not None
    last = [curve[~np.isnan(curve)][-1] for curve in comparison.policy.trace.equity.T]
    np.testing.assert_allclose(np.array(last) - capital, comparison.policy.pnl, atol=0.005)


def test_same_seed_same_result(backtest: Backtest, comparison: Comparison) -> None:
    again = backtest.run(EveryMinute(), traced=True)
    assert again.trace is not None
    assert comparison.policy.trace is not None
    np.testing.assert_array_equal(again.trace.equity, comparison.policy.trace.equity)
    assert again.fills.equals(comparison.policy.fills)


def test_round_trips_are_counted(comparison: Comparison) -> None:
    for run in (comparison.policy, comparison.baselines["buy_and_hold"], comparison.baselines["rule"]):
        counts = np.bincount(run.trades["lane"].to_numpy(), minlength=len(run.pnl))
        np.testing.assert_array_equal(run.trips, counts)


def test_nobody_is_above_the_oracle(comparison: Comparison) -> None:
    assert (comparison.oracle_pnl > 0).all()
    for run in (comparison.policy, *(comparison.baselines[name] for name in ("cash", "buy_and_hold", "rule"))):
        assert (run.pnl <= comparison.oracle_pnl).all()
    np.testing.assert_allclose(comparison.capture * comparison.oracle_pnl, comparison.policy.pnl)


def test_a_baseline_from_outside_is_one_declaration(backtest: Backtest, tmp_path: Path) -> None:
    with BASELINES.temporary():

        @baseline("contrarian", about="never agrees", tune=lambda training: {"days": len(training.days)})
        def contrarian(contest: Contest) -> Run:
            return contest.run(Cash(), copies=int(contest.parameters["days"]))

        parameters = {"contrarian": tuned(backtest)["contrarian"]}
        result = backtest.compare(EveryMinute(), parameters)
        assert len(result.baselines["contrarian"].pnl) == 2 * len(result.days)
        assert "contrarian" in day_table(result).columns
        assert "contrarian" in [str(column.header) for column in terminal_table(result, "t").columns]
        assert result.parameters == {"contrarian": {"days": 2}}
