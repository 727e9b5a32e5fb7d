"""The Gymnasium view: checkers, windows, seeds, information."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from envs.actions import encode
from envs.episodes import Episode, FixedEpisodes, SeededSource, UniformEpisodes
from envs.trading_environment import TradingEnvironment
from feature.feature_day import HF_WINDOW, LF_WINDOW, MF_WINDOW, FeatureDay
from rewards.composite import CompositeReward
from simulators.layout import ActionType, PositionSize
from tests.support.made_features import SIZES, made_features
from tests.support.simulation import EXACT, NINE_THIRTY, bank_of, settings, steady_day, walk_day
from utils.errors import ConfigError

S = NINE_THIRTY + 100
BUY = encode(ActionType.BUY, PositionSize.PCT_25)


def features_of(seed: int) -> FeatureDay:
    day = walk_day(seed)
    return dataclasses.replace(made_features(seed, symbol=day.symbol), date=day.date.isoformat())


def made(source: SeededSource | None = None, *, flatten: bool = False, overrides: tuple[str, ...] = ()) -> Any:
    config = settings(*overrides)
    return TradingEnvironment(
        bank_of([walk_day(1), walk_day(2)], config),
        [features_of(1), features_of(2)],
        config.env,
        config.simulation,
        CompositeReward(config.reward, 1),
        source or UniformEpisodes(0, 2, first=100, last=50_000, length=(20, 90)),
        seed=0,
        flatten=flatten,
    )


@pytest.mark.parametrize("flatten", [False, True])
def test_gymnasium_has_no_complaints(flatten: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made(flatten=flatten), skip_render_check=True)  # nothing is rendered


def test_stable_baselines_has_no_complaints() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check_env(made(flatten=True))


def test_stable_baselines_only_remarks_on_the_shape_of_windows() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sb3_check_env(made())
    told = [str(w.message) for w in caught]
    assert len(told) == 3
    assert all("unconventional shape" in text and "use a custom policy" in text for text in told)


def test_windows_are_those_of_the_features() -> None:
    env = made(FixedEpisodes([[Episode(1, S, 50)]]), overrides=EXACT)
    observation, info = env.reset()
    h, m, lf, s = SIZES
    assert {k: v.shape for k, v in observation.items()} == {
        "hf": (HF_WINDOW, h),
        "mf": (MF_WINDOW, m),
        "lf": (LF_WINDOW, lf),
        "static": (s,),
        "portfolio": (10,),
    }
    assert info == {"symbol": "WALK2", "date": "2025-04-15", "second": S}
    observation, reward, terminated, truncated, info = env.step(BUY)
    known = features_of(2)
    assert np.array_equal(observation["hf"], known.hf[S + 1 - 59 : S + 2])
    assert np.array_equal(observation["mf"], known.mf[(S + 1) // 60 - 30 : (S + 1) // 60])
    assert np.array_equal(observation["static"], known.static[S + 1])
    assert (terminated, truncated) == (False, False)
    assert info["action"] == "BUY 25 %"
    assert info["reason"] in ("FILLED", "PARTIAL")
    assert info["fills"][0]["shares"] == info["position"] > 0
    assert info["fills"][0]["kind"] == "IOC"
    assert info["cost"] == pytest.approx(info["half_spread"] + info["impact"] + info["fees"])
    assert reward == pytest.approx(sum(info["reward"].values()))
    flat, _ = made(FixedEpisodes([[Episode(1, S, 50)]]), flatten=True).reset()
    assert np.array_equal(flat["hf"], known.hf[S - 59 : S + 1].reshape(-1))


def test_an_episode_ends_on_its_own_last_observation() -> None:
    env = made(FixedEpisodes([[Episode(0, S, 3), Episode(1, S + 500, 3)]]))
    env.reset()
    env.step(0)
    env.step(0)
    observation, _, terminated, truncated, info = env.step(0)
    assert (terminated, truncated, info["ending"], info["second"]) == (False, True, "LENGTH", S + 3)
    assert np.array_equal(observation["static"], features_of(1).static[S + 3])
    assert env.action_masks().tolist() == [True] + [False] * 11
    _, info = env.reset()
    assert (info["symbol"], info["second"]) == ("WALK2", S + 500)
    assert env.action_masks().sum() == 5


def test_a_seed_begins_again() -> None:
    env = made()

    def play(seed: int) -> list[Any]:
        _, info = env.reset(seed=seed)
        rng = np.random.default_rng(0)
        told = [info]
        for _ in range(200):
            _, reward, terminated, truncated, info = env.step(rng.choice(np.flatnonzero(env.action_masks())))
            told.append((reward, info))
            if terminated or truncated:
                told.append(env.reset()[1])
        return told

    first = play(3)
    assert play(4) != first
    assert play(3) == first


def test_features_of_other_days_are_refused() -> None:
    config = settings()
    with pytest.raises(ConfigError, match="not the same"):
        TradingEnvironment(
            bank_of([steady_day()], config),
            [features_of(1)],
            config.env,
            config.simulation,
            CompositeReward(config.reward, 1),
            FixedEpisodes([[Episode(0, S, 3)]]),
            seed=0,
        )
