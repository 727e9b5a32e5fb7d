from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from agent.backtest import Backtest, BacktestDay, Comparison, bootstrap_mean, by_session, day_table, select_days
from agent.baselines import BUY_ALL, SELL_ALL, BuyAndHold, Cash, MatchedRandom
from agent.report import terminal_table, verdict, write_report
from config.compose import load_config
from config.schema import Config
from data.layout import SECONDS
from simulators.day_bank import DayBank
from tests.support.made_day import random_day
from utils.errors import DataError

START, LAST = 20_000, 22_000


class EveryMinute:
    """Buys at the start of a minute, sells half a minute later."""

    name = "every minute"

    def act(self, index, portfolio, mask):
        second = index[:, 1] % 60
        action = np.where(second == 0, BUY_ALL, np.where(second >= 30, SELL_ALL, 0))
        return np.where(mask[np.arange(len(action)), action], action, 0)


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
    assert not run.orders.any()
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


def test_equity_curve_ends_at_the_profit(comparison: Comparison, config: Config) -> None:
    capital = config.simulation.account.capital
    last = [curve[~np.isnan(curve)][-1] for curve in comparison.policy.equity.T]
    np.testing.assert_allclose(np.array(last) - capital, comparison.policy.pnl, atol=0.005)


def test_same_seed_same_result(backtest: Backtest, comparison: Comparison) -> None:
    again = backtest.run(EveryMinute(), keep_equity=True)
    np.testing.assert_array_equal(again.equity, comparison.policy.equity)
    assert again.fills.equals(comparison.policy.fills)


def test_buy_and_hold_is_one_round_trip(comparison: Comparison) -> None:
    assert len(comparison.hold.trades) == len(comparison.days)
    assert (comparison.hold.held_s > 0.9 * comparison.hold.seconds).all()


def test_random_turns_over_as_often(backtest: Backtest, comparison: Comparison) -> None:
    ours = comparison.policy
    rate = len(ours.trades) / ours.seconds.sum()
    theirs = len(comparison.random.trades) / comparison.random.seconds.sum()
    assert 0.5 * rate < theirs < 1.5 * rate
    never = backtest.run(MatchedRandom(len(backtest.days), 0.0, 0.0, seed=0))
    assert not never.orders.any()


def _index(rows: Sequence[tuple[str, int, str, bool, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": [r[0] for r in rows],
            "date": [dt.date(2025, 4, r[1]) for r in rows],
            "status": [r[2] for r in rows],
            "triggered": [r[3] for r in rows],
            "trigger_s": [r[4] for r in rows],
        }
    )


def test_days_are_chosen_by_what_was_known(config: Config) -> None:
    index = _index(
        [
            ("B", 2, "rejected", True, 9000),  # a fader: low quality afterwards, but it did trigger
            ("A", 2, "taken", True, 8000),
            ("C", 2, "taken", False, -1),
            ("D", 3, "quarantined", True, 5),
            ("E", 9, "taken", True, 7),
        ]
    )
    days = select_days(index, {dt.date(2025, 4, 2), dt.date(2025, 4, 3)}, config.backtest, (0, SECONDS))
    assert days == [BacktestDay("A", dt.date(2025, 4, 2), 8000), BacktestDay("B", dt.date(2025, 4, 2), 9000)]
    dates = {dt.date(2025, 4, 2)}
    assert [day.start for day in select_days(index, dates, config.backtest, (8_500, 8_800))] == [8_500]
    with pytest.raises(DataError, match="no day to backtest"):
        select_days(index, {dt.date(2025, 4, 4)}, config.backtest, (0, SECONDS))


def test_bootstrap_covers_the_mean() -> None:
    values = np.random.default_rng(0).normal(3, 1, 400)
    interval = bootstrap_mean(values, 2000, seed=0)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.mean == pytest.approx(half, rel=0.15)
    days = [BacktestDay(s, dt.date(2025, 4, d), 0) for s, d in (("A", 1), ("B", 1), ("A", 2))]
    np.testing.assert_array_equal(by_session(days, np.array([1.0, 2.0, 4.0])), [3, 4])


def test_report_says_synthetic_and_asks_no_other_host(
    comparison: Comparison, backtest: Backtest, config: Config, tmp_path: Path
) -> None:
    page = write_report(
        comparison,
        list(backtest.bank.days),
        tmp_path,
        title="test <model>",
        facts={"seed": "0"},
        config=config.backtest,
        seed=0,
    )
    text = page.read_text()
    assert "synthetic market" in text
    assert "test &lt;model&gt;" in text
    assert not re.search(r"""<(script|link|img)[^>]+(src|href)=["']https?:""", text)
    trades = pl.read_parquet(tmp_path / "trades.parquet")
    assert len(trades) == len(comparison.policy.trades)
    assert pl.read_csv(tmp_path / "days.csv")["agent"].to_list() == pytest.approx(comparison.policy.pnl.tolist())
    assert set(verdict(comparison, config.backtest, 0)) >= {"agent", "agent - cash"}
    assert terminal_table(comparison, "t").row_count == len(day_table(comparison))
    assert BuyAndHold.name == "buy and hold"
