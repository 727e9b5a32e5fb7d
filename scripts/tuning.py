"""Baselines with parameters choose them on training days: never on a day that they are compared on."""

from __future__ import annotations

import numpy as np

from agent.backtest import Backtest
from agent.backtest_days import select_days
from agent.baselines.registry import Parameters, tuned
from config.schema import Config, EnvConfig
from scripts.pipeline import Market
from scripts.progress import counted
from simulators.day_bank import DayBank, session_seconds
from utils.errors import DataError
from utils.logger import get_logger

log = get_logger(__name__)


def tuned_baselines(config: Config, market: Market, env: EnvConfig) -> dict[str, Parameters]:
    """Parameters by baseline, chosen on at most `backtest.tune_days` training days, spread evenly; none without any."""
    hours = session_seconds(config.simulation.session)
    try:
        days = select_days(market.index, market.split.train, config.backtest, hours)
    except DataError as why:
        log.warning("%s; baselines are not tuned", why.what)
        return {}
    picks = np.unique(np.linspace(0, len(days) - 1, config.backtest.tune_days).round().astype(int))
    days = [days[pick] for pick in picks]
    log.info("baselines choose their parameters on %d training days", len(days))
    every_s = config.training.log_every_s
    loaded = [market.simulator.day(day.symbol, day.date) for day in counted(days, "training days", every_s)]
    return tuned(Backtest.of(config, DayBank(loaded, config.simulation), days, env))
