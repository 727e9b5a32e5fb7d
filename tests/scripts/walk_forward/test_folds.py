"""Folds of a real market: what they train on, what they leave out, where they keep their models."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from config.schema import Config
from scripts.pipeline import Market, all_sessions, open_market
from scripts.walk_forward.folds import open_folds, told, traded
from scripts.walk_forward.progress import WalkProgress
from tests.support.configs import load_config
from tests.support.small_market import small
from utils.errors import DataError

LENGTHS = ("train_sessions=3", "validation_sessions=1", "test_sessions=2", "step_sessions=2", "same_symbol_sessions=0")


def config_of(folder: Path, *more: str) -> Config:
    return load_config("demo", [*small(folder), *(f"walk_forward.{word}" for word in LENGTHS), *more])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folds")


@pytest.fixture(scope="module")
def market(folder: Path) -> Market:
    return open_market(config_of(folder))


def test_close_days_of_a_symbol_are_left_out_of_training_and_of_its_index(folder: Path, market: Market) -> None:
    config = config_of(folder, "walk_forward.same_symbol_sessions=2")
    sessions = all_sessions(market.index, market.data)
    folds = open_folds(config, market)
    assert sum(fold.left_out for fold in folds) > 0
    for fold in folds:
        split, index = fold.split, fold.market.index
        trained = fold.market.entries(split.train)
        assert 0 < len(trained) <= len(market.entries(split.train))
        for day in traded(config, market, (*split.validation, *split.test)):
            number = sessions.index(day.date)
            assert not {(day.symbol, date) for date in sessions[max(0, number - 2) : number]}.intersection(trained)
        assert len(market.index) - len(index) == fold.left_out
        assert traded(config, fold.market, split.test) == traded(config, market, split.test)
        assert f"{fold.left_out} left out" in told(fold)
    assert market.split != folds[0].split  # the market itself is what it was


def test_every_fold_has_its_own_place(folder: Path, market: Market) -> None:
    whole = open_folds(config_of(folder), market)
    assert len({fold.config.models for fold in whole}) == len({fold.config.runs for fold in whole}) == len(whole) == 2
    (latest,) = open_folds(config_of(folder, "walk_forward.folds=1"), market)
    assert latest.config.models == whole[1].config.models  # so that its trainings are found again
    longer = open_folds(config_of(folder, "walk_forward.expanding=true"), market)
    assert longer[0].config.models == whole[0].config.models
    assert longer[1].config.models != whole[1].config.models


def test_a_fold_with_nothing_to_train_on_is_refused(folder: Path, market: Market) -> None:
    with pytest.raises(DataError, match="fold 1 of 2 has no momentum day to train on") as caught:
        open_folds(config_of(folder, "walk_forward.same_symbol_sessions=9"), market)
    assert caught.value.fix.startswith("a smaller walk_forward.same_symbol_sessions")


def test_progress_tells_how_long_by_what_was_really_trained(
    folder: Path, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (one, two), progress = open_folds(config_of(folder), market), WalkProgress(2, 2)
    progress.begin(one)
    progress.done(one, reused=True)
    assert "fold 1 of 2, seed 2 of 2" in caplog.text
    assert "left" not in caplog.messages[-1]
    progress.done(one, reused=False)
    progress.begin(two)
    assert "about 0 s left" in caplog.messages[-1]
    assert len([line for line in caplog.messages if line.startswith("fold ")]) == 3
