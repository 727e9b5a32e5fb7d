from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from config.schema import TriggerConfig
from data.layout import DAILY_ROWS, MINUTES, SECONDS, Bar, Daily
from data.market_day import MarketDay
from data.scanner.trigger import find_trigger
from tests.support.configs import load_config
from tests.support.made_momentum import day_of, momentum_day


@pytest.fixture(scope="module")
def config() -> TriggerConfig:
    return load_config("scan", []).scanner.trigger


USUAL = np.linspace(100, 96_000, MINUTES)
"""100 shares a minute."""


def stepped(at: int = 7_230, price: float = 5.0, per_second: float = 2_000.0) -> MarketDay:
    """4.00 with a few shares until second `at`, then `price` with many."""
    seconds = np.arange(SECONDS)
    prices = np.where(seconds < at, 4.0, price)
    return day_of(prices, np.where(seconds < at, 1.0, per_second), clock_volume=USUAL)


def test_known_at_the_end_of_the_minute_in_which_all_conditions_first_hold(config: TriggerConfig) -> None:
    """From second 7,230 on 2,000 shares a second at $5: $1M takes 100 s, so minute 122 (to 7,379) is the first."""
    found = find_trigger(stepped(), config)
    assert found.second == 7_379
    assert found.price == 5.0
    assert found.gain == pytest.approx(0.25)
    assert found.dollar_volume == pytest.approx(7_230 * 4.0 + 150 * 10_000.0)
    assert found.rvol == pytest.approx((7_230 + 150 * 2_000) / USUAL[122])


@pytest.mark.parametrize(
    "day",
    [
        stepped(price=4.39),  # gain
        stepped(price=20.01),  # too dear
        stepped(per_second=3.0),  # dollars
        dataclasses.replace(stepped(), clock_volume=USUAL * 1e4),  # relative volume
        dataclasses.replace(stepped(), previous_close=0.0),  # unknown, so not verified
        dataclasses.replace(stepped(), clock_volume=np.zeros(MINUTES), daily=np.zeros((DAILY_ROWS, len(Daily)))),
        dataclasses.replace(stepped(), end_s=7_300),  # the session is over
        dataclasses.replace(stepped(), float_shares=2.1e7),
    ],
)
def test_each_condition_is_needed(config: TriggerConfig, day: MarketDay) -> None:
    found = find_trigger(day, config)
    assert found.second == -1
    assert math.isnan(found.price)


def test_float_is_a_condition_where_it_is_known(config: TriggerConfig) -> None:
    small, large = (dataclasses.replace(stepped(), float_shares=x) for x in (2e7, 2.1e7))
    assert find_trigger(small, config).float_shares == 2e7
    assert find_trigger(large, dataclasses.replace(config, max_float=0.0)).float_shares == 2.1e7
    unknown = find_trigger(stepped(), config)
    assert unknown.second == 7_379
    assert math.isnan(unknown.float_shares)


def test_volume_where_there_is_usually_none(config: TriggerConfig) -> None:
    usual = np.where(np.arange(MINUTES) < 300, 0.0, USUAL)
    assert find_trigger(dataclasses.replace(stepped(), clock_volume=usual), config).rvol == np.inf


def test_daily_bars_alone_never_overstate_the_volume(config: TriggerConfig) -> None:
    """Against the usual volume of a whole day: later than by the clock, and never more than it really was."""
    day = stepped()
    daily = np.zeros((DAILY_ROWS, len(Daily)))
    daily[-20:, Daily.VOLUME] = USUAL[-1]
    known, bare = find_trigger(day, config), dataclasses.replace(day, clock_volume=np.zeros(MINUTES), daily=daily)
    found = find_trigger(bare, config)
    assert found.second >= known.second
    shares = day.bars[: found.second + 1, Bar.VOLUME].sum()
    assert found.rvol == pytest.approx(shares / USUAL[-1])
    assert found.rvol <= shares / USUAL[found.second // 60]


def test_causal(config: TriggerConfig) -> None:
    """What comes after the trigger does not matter; the row before it does not hold it yet."""
    day = momentum_day()
    found = find_trigger(day, config)
    assert 0 < found.second < SECONDS - 1
    later = day.bars.copy()
    later[found.second + 1 :] = 1e3
    assert find_trigger(dataclasses.replace(day, bars=later), config) == found
    cut = day.bars.copy()
    cut[found.second + 1 - 60 :, [Bar.VOLUME, Bar.NOTIONAL]] = 0
    cut[found.second + 1 - 60 :, Bar.CLOSE] = 0
    assert find_trigger(dataclasses.replace(day, bars=cut), config).second == -1


def test_against_a_plain_loop(config: TriggerConfig) -> None:
    for seed in range(3):
        day = momentum_day(seed, rise=0.5)
        shares = dollars = 0.0
        expected = -1
        for m in range(MINUTES):
            rows = day.bars[60 * m : 60 * m + 60]
            shares += rows[:, Bar.VOLUME].sum()
            dollars += rows[:, Bar.NOTIONAL].sum()
            price = rows[-1, Bar.CLOSE]
            hot = price / day.previous_close - 1 >= 0.10 and 1 <= price <= 20
            if hot and dollars >= 1e6 and shares / day.clock_volume[m] >= 5:
                expected = 60 * m + 59
                break
        assert find_trigger(day, config).second == expected
