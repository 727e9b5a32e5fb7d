"""A fill and a latency model in files of their own, outside the tree, stepped by the environment without an edit."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envs.episodes import Episode
from simulators.layout import Reason
from simulators.models import FILL_MODELS, LATENCY_MODELS
from tests.support.simulation import NINE_THIRTY, act, at, lanes_of, steady_day
from utils.errors import ConfigError

S = NINE_THIRTY + 100
FILL = """
from simulators.layout import DOLLAR
from simulators.models import fill_model
from utils.jit import njit


@njit
def half_nb(shares):
    return float(int(shares / 2))


@fill_model("one_tick_worse", formula="half of it, some ticks behind the touch", params={"ticks": (1.0, 5.0)})
def one_tick_worse(ticket, params):
    ticket["shares"] = half_nb(ticket["wanted"])
    ticket["price"] = (ticket["touch"] + ticket["side"] * ticket["tick"] * params["ticks"]) / DOLLAR
"""
LATENCY = """
from simulators.models import latency_model
from utils.seeding import uniform_nb


@latency_model("two_speeds", formula="fast or slow", params={"fast_ms": (0.0, 1e3), "slow_ms": (0.0, 1e4)})
def two_speeds(stream, params, table, rows):
    return (params["fast_ms"] if uniform_nb(stream, 0) < 0.5 else params["slow_ms"]) * 1e6
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("plugin")
    with FILL_MODELS.temporary(), LATENCY_MODELS.temporary():
        for name, text in (("outside_fill", FILL), ("outside_latency", LATENCY)):
            (folder / f"{name}.py").write_text(text)
            spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        yield folder


def test_models_from_outside(outside: Path) -> None:
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


def test_names_are_taken_once(outside: Path) -> None:
    with pytest.raises(ConfigError, match="declared twice"):
        FILL_MODELS.add("one_tick_worse", FILL_MODELS.get("touch"), "somewhere.else")
