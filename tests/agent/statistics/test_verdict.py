"""The word follows from the reasons, and hindsight never gets a good one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest

from agent.backtest import Backtest, BacktestDay
from agent.baselines.cash import Cash
from agent.ledger import Run
from agent.statistics.evaluation import Evaluation, evaluate
from agent.statistics.luck import Tried
from agent.statistics.sessions import Sessions
from agent.statistics.verdict import HOLDS_UP, LOSES, NO_EVIDENCE, PROMISING, TOO_FEW, Verdict, judge
from simulators.day_bank import DayBank
from tests.support.configs import load_config
from tests.support.made_day import random_day

TRIPS = 20
"""Round trips a session."""


@pytest.fixture(scope="module")
def idle() -> Run:
    config = load_config("momentum_training", ["backtest.last_second=20100"])
    day = random_day(0, quote_every_s=20)
    bank = DayBank([day], config.simulation)
    days = [BacktestDay(day.symbol, day.date, 20_000)]
    return Backtest(bank, days, config.env, config.simulation, config.reward, config.backtest, seed=0).run(Cash())


def evaluation(
    idle: Run,
    pnl: np.ndarray,
    baselines: Mapping[str, np.ndarray] | None = None,
    *,
    tried: Tried | None = None,
    policies: np.ndarray | None = None,
    trips: int = TRIPS,
) -> Evaluation:
    """Of sessions with that P&L, in `trips` equal round trips each."""
    each = np.repeat(pnl / max(trips, 1), trips)
    columns = {"pnl": each, "mae_dollars": -abs(each), "mfe_dollars": abs(each), "held_s": np.full(len(each), 60)}
    dates = tuple(dt.date(2025, 1, 1) + dt.timedelta(days=i) for i in range(len(pnl)))
    return evaluate(
        idle._replace(trades=pl.DataFrame(columns)),
        Sessions(dates, pnl, 25_000.0),
        {"cash": np.zeros(len(pnl)), "rule": pnl / 4} if baselines is None else baselines,
        draws=300,
        seed=0,
        tried=tried,
        policies=policies,
    )


def steady(sessions: int, mean: float = 100.0, spread: float = 100.0) -> np.ndarray:
    """Sessions around a mean, without luck in them."""
    noise = np.random.default_rng(1).normal(0, spread, sessions)
    return mean + noise - noise.mean()


def texts(verdict: Verdict, good: bool | None) -> str:
    return "\n".join(reason.text for reason in verdict.reasons if reason.good is good)


def test_a_long_steady_gain_holds_up(idle: Run) -> None:
    verdict = judge(evaluation(idle, steady(120)))
    assert verdict.word == HOLDS_UP
    assert all(reason.good for reason in verdict.reasons)
    told = texts(verdict, True)
    for word in ("interval", "cash", "rule", "PSR", "DSR", "sessions", "session brought", "round trip brought"):
        assert word in told


def test_a_synthetic_market_may_hold_up_but_says_so(idle: Run) -> None:
    verdict = judge(evaluation(idle, steady(120)), synthetic=True)
    assert verdict.word == HOLDS_UP
    assert "Synthetic" in texts(verdict, None)


def test_a_short_steady_gain_is_promising(idle: Run) -> None:
    verdict = judge(evaluation(idle, steady(25)))
    assert verdict.word == PROMISING
    assert "60 are needed" in texts(verdict, None)


def test_a_handful_of_sessions_is_too_few_whatever_they_brought(idle: Run) -> None:
    assert judge(evaluation(idle, steady(9))).word == TOO_FEW


@pytest.mark.parametrize("label", ["in_sample", "oracle_selected"])
def test_hindsight_is_no_evidence(idle: Run, label: str) -> None:
    verdict = judge(evaluation(idle, steady(120)), **{label: True})
    assert verdict.word == NO_EVIDENCE
    assert len(verdict.against) == 1


def test_luck_is_no_evidence(idle: Run) -> None:
    verdict = judge(evaluation(idle, steady(40, mean=5)))
    assert verdict.word == NO_EVIDENCE
    assert "cannot be told from luck" in texts(verdict, None)


def test_a_loss_beyond_its_interval_loses(idle: Run) -> None:
    verdict = judge(evaluation(idle, steady(40, mean=-100)))
    assert verdict.word == LOSES
    assert "no number of them would do" in texts(verdict, False)
    assert "Not ahead of cash" in texts(verdict, False)


def test_a_baseline_that_earns_more_speaks_against(idle: Run) -> None:
    pnl = steady(120)
    verdict = judge(evaluation(idle, pnl, {"cash": np.zeros(120), "rule": pnl + 50}))
    assert verdict.word == NO_EVIDENCE
    against = texts(verdict, False)
    assert "Not ahead of rule" in against
    assert "A baseline is better" in against


def test_many_tries_deflate(idle: Run) -> None:
    pnl = steady(120, spread=500)
    verdict = judge(evaluation(idle, pnl, tried=Tried(500, 0.2)))
    assert verdict.word != HOLDS_UP
    assert "all 500 tries" in texts(verdict, False)


def test_overfitting_speaks_against(idle: Run) -> None:
    pnl = steady(120)
    lots = np.random.default_rng(2).normal(0, 100, (120, 12))
    verdict = judge(evaluation(idle, pnl, tried=Tried(13, 0.01), policies=lots))
    assert "PBO" in "\n".join(reason.text for reason in verdict.reasons if reason.good is not True)
    unknown = judge(evaluation(idle, pnl, tried=Tried(13, 0.01)))
    assert "PBO unknown" in texts(unknown, None)


def test_one_great_session_is_told(idle: Run) -> None:
    pnl = np.full(40, 1.0)
    pnl[7] = 1000.0
    assert "best session" in texts(judge(evaluation(idle, pnl)), False)


def test_one_great_round_trip_is_told(idle: Run) -> None:
    verdict = judge(evaluation(idle, np.array([900.0, *[1.0] * 20]), trips=1))
    assert "best round trip brought +$900.00" in texts(verdict, False)


def test_nothing_traded_is_nothing_to_judge(idle: Run) -> None:
    verdict = judge(evaluation(idle, np.zeros(5), trips=0))
    assert verdict.word == NO_EVIDENCE
    assert "never traded" in texts(verdict, None)


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_very_few_sessions_are_judged_without_nan(idle: Run, sessions: int) -> None:
    verdict = judge(evaluation(idle, np.arange(1.0, sessions + 1)))
    assert verdict.word in (NO_EVIDENCE, TOO_FEW)
    assert not any("nan" in reason.text for reason in verdict.reasons)
