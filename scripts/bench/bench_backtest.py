"""How long a backtest takes: every second of whole days decided on, traded and taken down."""

from __future__ import annotations

import time
from itertools import cycle, islice

import numpy as np
import torch

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay, Found
from agent.policy_runner import PolicyRunner
from ai.feature_store import BranchSizes, open_store
from ai.policy import block_policy, window_policy
from config.compose import load_config
from data.layout import SECONDS
from envs.episodes import Episode, FixedEpisodes
from envs.trading_environment import TradingEnvironment
from rewards.composite import CompositeReward
from scripts.bench.days import BenchDays, bench_days
from scripts.bench.registry import Figure, benchmark
from simulators.day_bank import DayBank

DAYS, DISTINCT, QUICK_DAYS = 64, 8, 4
ASKED_S, ALL_ASKED_S = 2.0, 20.0
WINDOW_STEPS = 500
"""Of the usual way, which is too slow to wait for."""
SETTINGS = ("env.decision_interval_s=1", "backtest.days=all")


@benchmark("backtest.day_s", "backtest.days_s", "backtest.ratio_windows")
def backtest(quick: bool) -> list[Figure]:
    """A day of 57,600 decisions on one lane, 64 days side by side; a step against a Gymnasium loop over windows.

    Base network, decisions with their probabilities and values; the baselines are what is asked.
    """
    distinct = bench_days(QUICK_DAYS if quick else DISTINCT)
    count = QUICK_DAYS if quick else DAYS
    days = distinct._replace(days=list(islice(cycle(distinct.days), count)))
    day_s = _seconds(days._replace(days=days.days[:1]))
    all_s = _seconds(days)
    window_s = _window_step_s(days)
    return [
        Figure("backtest.day_s", day_s, "s", ASKED_S, ASKED_S / day_s),
        Figure("backtest.days_s", all_s, f"s for {count} days", ALL_ASKED_S, ALL_ASKED_S / all_s),
        Figure("backtest.ratio_windows", day_s / SECONDS * 1e6, "us", window_s * 1e6, window_s * SECONDS / day_s),
    ]


def _seconds(bench: BenchDays) -> float:
    """Wall time of a traced backtest of whole days; features are there, nothing is encoded yet."""
    config = load_config("momentum_training", list(SETTINGS))
    store = open_store(bench.features(), torch.device("cpu"), config.training.resident_mb << 20)
    weights = dict(block_policy(config.model, store, ahead=1).named_parameters())
    bank = DayBank(bench.days, config.simulation)
    days = [BacktestDay(day.symbol, day.date, 0, Found.ALL) for day in bench.days]
    test = Backtest.of(config, bank, days)
    policy = PolicyRunner(config.model, weights, store, device="cpu")
    policy.act(np.zeros((1, 2), np.int32), np.zeros((1, 10), np.float32), np.ones((1, 12), np.bool_))  # compiled
    start = time.perf_counter()
    test.run(policy, traced=True)
    return time.perf_counter() - start


def _window_step_s(bench: BenchDays) -> float:
    """A step of the usual way: one environment, windows, one observation at a time."""
    config = load_config("momentum_training", list(SETTINGS))
    features = bench.features()[:1]
    bank = DayBank(bench.days[:1], config.simulation)
    source = FixedEpisodes([[Episode(0, 20_000, WINDOW_STEPS + 1)]])
    reward = CompositeReward(config.reward, 1)
    env = TradingEnvironment(bank, features, config.env, config.simulation, reward, source, config.seed)
    policy = window_policy(config.model, BranchSizes.of(features[0]))
    observation, _ = env.reset()
    start = time.perf_counter()
    for _ in range(WINDOW_STEPS):
        batch = {name: torch.from_numpy(np.asarray(rows))[None] for name, rows in observation.items()}
        with torch.no_grad():
            action = policy.decide(batch, torch.from_numpy(env.action_masks())[None])
        observation, *_ = env.step(int(action))
    return (time.perf_counter() - start) / WINDOW_STEPS
