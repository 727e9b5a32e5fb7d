"""The quick way to a configuration that tests take leads to the same one."""

from __future__ import annotations

import pytest

from config import compose
from tests.support.configs import load_config


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("seed=3", "training.learning_rate=1e-4", "symbols=[MLGO,KZIA]", "model.hidden=[16]"),
        ("simulation/fill=touch", "simulation.fill.params={}", "simulation.account.capital=1e9", "env.invalid_limit=2"),
    ],
)
def test_it_is_the_same_configuration(words: tuple[str, ...]) -> None:
    made = load_config("quick", words)
    assert made == compose.load_config("quick", words)
    made.seed += 1
    assert load_config("quick", words) != made, "it is the caller's own"
