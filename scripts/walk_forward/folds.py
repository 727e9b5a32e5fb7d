"""The folds of a walk-forward: each is the market with a split of its own, and a place for its models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from agent.backtest_days import BacktestDay, select_days
from config.schema import Config
from data.scanner.index import Key
from data.scanner.judge import Status
from data.split import Split, near_held_out, rolling_folds
from scripts.pipeline import Market, all_sessions
from simulators.day_bank import session_seconds
from utils.errors import ConfigError, DataError
from utils.logger import get_logger

log = get_logger(__name__)

MODELS, RUNS = "models", "runs"


class Fold(NamedTuple):
    """One of them."""

    number: int
    """From 1, by date."""
    config: Config
    """With its models and runs in a folder of its own."""
    market: Market
    """With its split, and without the days that are left out."""
    left_out: int
    """Days of training and validation too close to a held-out one of the same symbol."""

    @property
    def split(self) -> Split:
        """Its sessions."""
        return self.market.split


def open_folds(config: Config, market: Market) -> list[Fold]:
    """All folds, checked before anything is trained. config.models: the folder for the models of all folds.

    Raises ConfigError if there are too few sessions, DataError if a fold has no day to train on or to test.
    """
    if config.backtest.date:
        fix = f"take backtest.date={config.backtest.date} out; walk_forward.folds=1 tests the latest fold only"
        raise ConfigError("a walk-forward tests the sessions of its folds", where="backtest.date", fix=fix)
    sessions = all_sessions(market.index, market.data)
    splits = rolling_folds(sessions, config.walk_forward)
    folds = [_fold(number, split, config, market, sessions) for number, split in enumerate(splits, 1)]
    for fold in folds:
        _check(fold, len(folds))
    return folds


def _fold(number: int, split: Split, config: Config, market: Market, sessions: Sequence[dt.date]) -> Fold:
    within = config.walk_forward.same_symbol_sessions
    held = {(day.symbol, day.date) for part in (split.validation, split.test) for day in traded(config, market, part)}
    left_out = near_held_out(_days(market), held, split, sessions, within)
    place = Path(config.models) / f"{split.test[0]}-{split.hash[:8]}"
    return Fold(
        number,
        replace(config, models=str(place / MODELS), runs=str(place / RUNS)),
        replace(market, index=market.index.fold(split, left_out)),
        len(left_out),
    )


def _days(market: Market) -> list[Key]:
    """Days of the index that could train or be traded."""
    usable = pl.col("triggered") | (pl.col("status") == str(Status.TAKEN))
    return list(market.index.days.filter(usable).select("symbol", "date").iter_rows())


def traded(config: Config, market: Market, dates: Sequence[dt.date]) -> list[BacktestDay]:
    """The days of `dates` that a backtest would trade; empty if there are none."""
    try:
        return select_days(market.index, dates, config.backtest, session_seconds(config.simulation.session))
    except DataError:
        return []


def _check(fold: Fold, folds: int) -> None:
    split, config = fold.split, fold.config
    if not fold.market.entries(split.train):
        raise DataError(
            f"fold {fold.number} of {folds} has no momentum day to train on",
            where=f"{split.train[0]} to {split.train[-1]}, {fold.left_out} days left out",
            fix=("a smaller walk_forward.same_symbol_sessions, " if fold.left_out else "")
            + "a larger walk_forward.train_sessions, walk_forward.expanding=true, or ./fx scan-all tells why",
        )
    if not traded(config, fold.market, split.test):
        raise DataError(
            f"fold {fold.number} of {folds} has no day to test",
            where=f"{split.test[0]} to {split.test[-1]}, backtest.days={config.backtest.days}",
            fix="a larger walk_forward.test_sessions, backtest.days=all, or lower scanner.trigger.*",
        )
    if split.validation and not traded(config, fold.market, split.validation):
        log.warning("fold %d has no day to validate on: the last weights of its trainings are tested", fold.number)


def told(fold: Fold) -> str:
    """Its sessions and days in a line."""
    parts = (f"{name} {dates[0]} to {dates[-1]}" for name, dates in fold.split._asdict().items() if dates)
    days = len(fold.market.entries(fold.split.train))
    return f"fold {fold.number}: {', '.join(parts)}; {days} training days, {fold.left_out} left out"
