"""A fill and a latency model in files of their own, outside the tree, stepped by the environment without an edit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from config.plugins import import_plugins
from envs.episodes import Episode
from simulators.layout import Reason
from simulators.models import FILL_MODELS
from tests.support.own_folder import MY_FX, own_parts
from tests.support.simulation import NINE_THIRTY, act, at, lanes_of, steady_day
from utils.errors import ConfigError

S = NINE_THIRTY + 100
MODULES = ("one_tick_worse", "two_speeds")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("outside")
    for name in MODULES:
        shutil.copy(MY_FX / f"{name}.py", folder)
    with own_parts(folder):
        import_plugins(MODULES)
        yield


@pytest.mark.usefixtures("outside")
def test_models_from_outside() -> None:
    words = (
        "simulation/fill=touch",  # an option without parameters
        "simulation.fill.model=one_tick_worse",
        "+simulation.fill.params.ticks=2",
        "simulation/latency=fixed",
        "simulation.latency.model=two_speeds",
        "~simulation.latency.params.ms",
        "+simulation.latency.params.fast_ms=100",
        "+simulation.latency.params.slow_ms=700",
        "simulation/fees=zero",
    )
    env = lanes_of([steady_day()], [[Episode(0, S, 600)]], *words)
    arrivals: set[int] = set()
    for _ in range(40):
        step = act(env, 4)
        if step["filled"]:
            fill = env.fills[0, 0]
            assert fill["price"] == 5.05
            assert Reason(fill["reason"]) is Reason.PARTIAL
            arrivals.add(int(fill["ts_ns"] - at(env.bank.days[0], float(fill["second"]))))
    assert arrivals == {100_000_000, 700_000_000}


@pytest.mark.usefixtures("outside")
def test_names_are_taken_once() -> None:
    with pytest.raises(ConfigError, match="declared twice"):
        FILL_MODELS.add("one_tick_worse", FILL_MODELS.get("touch"), "somewhere.else")
