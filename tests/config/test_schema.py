"""Ranges of values: refused with the full key and what to use."""

from __future__ import annotations

import pytest

from config.compose import load_config
from config.schema.checks import is_date
from utils.errors import ConfigError

REFUSED = {
    "simulation.fees.per_share=-1": "simulation.fees.per_share is -1.0; use 0 or more",
    "simulation.account.day_trades_used=-1": "simulation.account.day_trades_used is -1; use 0 or more",
    "curriculum.hold=0": "curriculum.hold is 0; use 1 or more",
    "simulation.orders.kind=market": "simulation.orders.kind is 'market'; use ioc or limit",
    "explain.nice=20": "explain.nice is 20; use 0 to 19",
    "wandb.mode=on": "wandb.mode is 'on'; use offline, online or disabled",
    "data.splits=[{symbol: A, date: April, factor: 10}]": "data.splits: date of A is April; use YYYY-MM-DD",
}


@pytest.mark.parametrize("word", REFUSED)
def test_a_value_out_of_range_is_refused(word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("quick", [word])
    assert REFUSED[word] in caught.value.text()


def test_dates() -> None:
    assert is_date("2025-04-15")
    assert not is_date("2025-02-30")
