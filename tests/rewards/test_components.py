"""Each component against figures by hand, and the promises of the safety classes on a real environment."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from config.search import group_options
from envs.episodes import Episode
from rewards.registry import COMPONENTS, Safety
from simulators.layout import STEP, Ending
from simulators.models import record_layout
from tests.support.configs import load_config
from tests.support.simulation import NINE_THIRTY, halted_day, lanes_of, walk_day

ACCOUNT = {"equity_before": 10_000.0, "equity_after": 10_000.0, "start_equity": 8_000.0, "seconds": 10}
CASES: dict[str, list[tuple[dict[str, Any], dict[str, float], float]]] = {
    "log_equity": [({"equity_after": 10_100.0}, {}, math.log(1.01)), ({"equity_after": -5.0}, {}, math.log(1e-4))],
    "realised_pnl": [({"realised": -40.0}, {}, -0.005)],
    "cost_rebate": [({"cost": 25.0}, {}, 0.0025)],
    "drawdown": [({"drawdown": 0.07}, {}, -0.07)],
    "holding_time": [({"position_after": -100.0}, {}, -10 / 3600), ({}, {}, 0.0)],
    "overtime": [
        ({"position_after": 1.0, "held_s": 605}, {"limit_s": 600}, -5 / 3600),
        ({"position_after": 1.0, "held_s": 700}, {"limit_s": 600}, -10 / 3600),
        ({"position_after": 1.0, "held_s": 600}, {"limit_s": 600}, 0.0),
        ({"held_s": 700}, {"limit_s": 600}, 0.0),
    ],
    "inventory_risk": [({"exposure": 0.5, "sigma": 0.8, "seconds": 234}, {}, -0.0016)],
    "mae": [
        ({"mae": -0.02, "entry_value": 5_000.0, "position_after": 1.0}, {}, -0.01),
        ({"mae": -0.02, "closed_value": 5_000.0, "closed": 1}, {}, -0.01),
    ],
    "mfe_giveback": [
        ({"mfe": 0.03, "closed_value": 5_000.0, "realised": 50.0}, {}, -0.01),
        ({"mfe": 0.03, "closed_value": 5_000.0, "realised": 200.0}, {}, 0.0),
        ({"mfe": 0.03, "entry_value": 5_000.0}, {}, 0.0),
        ({"mfe": 0.0, "closed_value": 5_000.0, "realised": -50.0}, {}, 0.0),
    ],
    "profit_closing": [
        ({"closed": 1, "trade_realised": 150.0}, {}, 0.015),
        ({"closed": 1, "trade_realised": -150.0}, {}, 0.0),
        ({"trade_realised": 150.0}, {}, 0.0),
    ],
    "clean_trade": [
        ({"closed": 1, "trade_realised": 100.0, "mae": -0.0025}, {"tolerance": 0.01}, 0.0075),
        ({"closed": 1, "trade_realised": 100.0, "mae": -0.02}, {"tolerance": 0.01}, 0.0),
        ({"closed": 1, "trade_realised": -100.0}, {"tolerance": 0.01}, 0.0),
    ],
    "quick_exit": [
        ({"closed": 1, "trade_realised": -100.0, "held_s": 15}, {"limit_s": 60}, 0.0075),
        ({"closed": 1, "trade_realised": -100.0, "held_s": 90}, {"limit_s": 60}, 0.0),
        ({"closed": 1, "trade_realised": 100.0, "held_s": 15}, {"limit_s": 60}, 0.0),
    ],
    "activity": [({"notional": 2_500.0}, {}, 0.25), ({"notional": 25_000.0}, {}, 1.0)],
    "over_trading": [
        ({"notional": 100.0}, {"per_hour": 60, "burst": 0}, -1.0),
        ({"notional": 100.0}, {"per_hour": 60, "burst": 2}, 0.0),
        ({}, {"per_hour": 60, "burst": 0}, 0.0),
    ],
    "invalid_action": [({"invalid": 1}, {}, -1.0)],
    "terminal": [
        ({"ending": int(Ending.MAX_LOSS)}, {}, -1.0),
        ({"ending": int(Ending.LENGTH)}, {}, 0.0),
        ({}, {}, 0.0),
    ],
}


def value(name: str, step: dict[str, Any], params: dict[str, float], memory: npt.NDArray[np.void]) -> float:
    """What the component makes of one step."""
    record = np.zeros(1, STEP)
    for field, given in {**ACCOUNT, **step}.items():
        record[field] = given
    declared = COMPONENTS.get(name)
    values = np.zeros(1, record_layout(declared.params))
    for field, given in params.items():
        values[field] = given
    return declared.function.__wrapped__(record[0], values[0], memory[0])


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in CASES.items() for case in cases])
def test_figures_by_hand(name: str, case: tuple[dict[str, Any], dict[str, float], float]) -> None:
    step, params, expected = case
    memory = np.zeros(1, record_layout(COMPONENTS.get(name).memory))
    assert value(name, step, params, memory) == pytest.approx(expected, abs=1e-12)


def test_every_component_has_a_figure() -> None:
    assert sorted(CASES) == sorted(COMPONENTS.all())
    assert len(CASES) >= 12


def test_an_excursion_is_charged_once() -> None:
    """Down 2 %, back, down 3 %, sold: 2 + 0 + 1 + 0 % of half the account; the next position starts anew."""
    memory = np.zeros(1, record_layout(("worst",)))
    open_ = {"position_after": 1.0, "entry_value": 5_000.0}
    seen = [
        value("mae", {**open_, "mae": -0.02}, {}, memory),
        value("mae", {**open_, "mae": -0.02}, {}, memory),
        value("mae", {**open_, "mae": -0.03}, {}, memory),
        value("mae", {"mae": -0.03, "closed": 1, "closed_value": 5_000.0}, {}, memory),
        value("mae", {**open_, "mae": -0.01}, {}, memory),
    ]
    np.testing.assert_allclose(seen, [-0.01, 0, -0.005, 0, -0.005], atol=1e-12)


def test_trades_leak_away() -> None:
    """One fill every 30 s with 60 an hour free: after the first two, half a fill more each time."""
    memory = np.zeros(1, record_layout(COMPONENTS.get("over_trading").memory))
    params = {"per_hour": 60.0, "burst": 1.0}
    seen = [value("over_trading", {"notional": 1.0, "second": 30 * i}, params, memory) for i in range(1, 5)]
    np.testing.assert_allclose(seen, [0.0, -0.5, -1.0, -1.5])


# ---------------------------------------------------------------- on the market
DAYS = [walk_day(1), halted_day()]
GAMMA = 0.97
LANES = 24


def random_episodes() -> list[list[Episode]]:
    rng = np.random.default_rng(11)
    return [
        [Episode(int(rng.integers(2)), NINE_THIRTY + int(rng.integers(900)), int(rng.integers(30, 400)))]
        for _ in range(LANES)
    ]


class Played(NamedTuple):
    """Random trading of one episode a lane."""

    names: list[str]
    parts: npt.NDArray[np.float64]  # [steps, lanes, K + 1], 0 after the episode's end
    discounts: npt.NDArray[np.float64]  # [steps, lanes], 0 after it
    last: npt.NDArray[np.void]  # STEP [lanes]


def played(*words: str) -> Played:
    env = lanes_of(DAYS, random_episodes(), f"reward.gamma={GAMMA}", *words)
    rng = np.random.default_rng(3)
    alive, last = np.ones(LANES, np.bool_), np.zeros(LANES, STEP)
    parts: list[npt.NDArray[np.float64]] = []
    discounts: list[npt.NDArray[np.float64]] = []
    while alive.any():
        chosen = (rng.random(env.action_mask.shape) * env.action_mask).argmax(1)
        env.step(np.where(rng.random(LANES) < 0.3, chosen, 0))
        parts.append(np.where(alive[:, None], env.reward.parts, 0.0))
        discounts.append(np.where(alive, GAMMA ** len(discounts), 0.0))
        ended = alive & (env.steps["ending"] != 0)
        last[ended] = env.steps[ended]
        alive &= env.steps["ending"] == 0
    return Played(list(env.reward.names), np.array(parts), np.array(discounts), last)


@pytest.mark.parametrize("words", [(), ("env.max_loss=0.004",), ("simulation/shorts=on",)])
def test_promises_hold_on_random_episodes(words: tuple[str, ...]) -> None:
    """Telescoping parts add up to the account, potentials to their end; every ending is charged for the flatten."""
    names, parts, discounts, last = played("reward=v2", *words)
    start, end = last["start_equity"], last["equity_after"]
    total = parts.sum(axis=0)
    np.testing.assert_allclose(total[:, names.index("log_equity")], 100 * np.log(end / start), atol=1e-9)
    np.testing.assert_allclose(total[:, names.index("realised_pnl")], 20 * (end - start) / start, atol=1e-9)
    terminated = (last["ending"] > 0) & (last["ending"] < int(Ending.LENGTH))
    assert terminated.any() == (words == ("env.max_loss=0.004",))
    steps = (discounts > 0).sum(axis=0)
    left = np.where(terminated, 0.0, GAMMA**steps * -last["drawdown"])
    potential = (discounts * parts[:, :, names.index("drawdown")]).sum(axis=0)
    np.testing.assert_allclose(potential, left, atol=1e-9)
    assert (last["position_after"] == 0).all()


def test_presets_compose_and_name_known_components() -> None:
    presets = group_options()["reward"]
    assert {"pnl_only", "balanced", "conservative", "v2"} <= set(presets)
    for name in presets:
        reward = load_config("momentum_training", [f"reward={name}"]).reward
        assert sorted(reward.components) == sorted(COMPONENTS.all()), name
        assert reward.gamma == load_config("momentum_training", []).training.gamma
        assert reward.components["log_equity"].enabled
    v2 = load_config("momentum_training", ["reward=v2"]).reward
    assert all(given.enabled for given in v2.components.values())


def test_only_the_base_moves_what_is_optimal_in_pnl_only() -> None:
    reward = load_config("momentum_training", ["reward=pnl_only"]).reward
    on = [name for name, given in reward.components.items() if given.enabled]
    assert [COMPONENTS.get(name).safety for name in on] == [Safety.TELESCOPING]
