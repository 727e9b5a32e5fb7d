from __future__ import annotations

import numpy as np
import pytest

from config.schema import RewardComponentConfig, RewardConfig
from rewards.composite import CompositeReward
from rewards.registry import COMPONENTS, Safety, reward_component
from simulators.layout import STEP, Ending
from utils.errors import ConfigError
from utils.jit import njit

LANES = 5


def _config(until: float = 0.0, **components_: tuple[float, float, dict[str, float]]) -> RewardConfig:
    return RewardConfig(
        components={
            name: RewardComponentConfig(weight=weight, clip=clip, until=until, params=params)
            for name, (weight, clip, params) in components_.items()
        }
    )


def _walk(steps: int, seed: int) -> list[np.ndarray]:
    """Records of `steps` steps of random accounts that never end."""
    rng = np.random.default_rng(seed)
    equity = 25_000 * np.exp(np.cumsum(rng.normal(0, 0.01, (steps + 1, LANES)), axis=0))
    peak = np.maximum.accumulate(equity, axis=0)
    records = []
    for before, after, top in zip(equity, equity[1:], peak[1:], strict=False):
        step = np.zeros(LANES, STEP)
        step["equity_before"], step["equity_after"], step["drawdown"] = before, after, 1 - after / top
        records.append(step)
    return records


def test_log_equity_telescopes() -> None:
    reward = CompositeReward(_config(log_equity=(100.0, 0.0, {})), LANES)
    records = _walk(300, seed=0)
    total = np.sum([reward.compute(step).astype(np.float64) for step in records], axis=0)
    expected = 100 * np.log(records[-1]["equity_after"] / records[0]["equity_before"])
    np.testing.assert_allclose(total, expected, rtol=1e-4)


def test_drawdown_potential_sums_to_the_final_potential() -> None:
    reward = CompositeReward(_config(drawdown=(1.0, 0.0, {"gamma": 1.0})), LANES)
    records = _walk(300, seed=1)
    total = np.sum([reward.compute(step).astype(np.float64) for step in records], axis=0)
    np.testing.assert_allclose(total, -records[-1]["drawdown"], atol=1e-5)


def test_drawdown_potential_is_zero_after_termination_but_not_after_truncation() -> None:
    reward = CompositeReward(_config(drawdown=(1.0, 0.0, {"gamma": 1.0})), LANES)
    records = _walk(50, seed=2)
    records[-1]["ending"][0] = Ending.MAX_LOSS
    records[-1]["ending"][1] = Ending.LENGTH
    total = np.sum([reward.compute(step).copy() for step in records], axis=0)
    assert total[0] == pytest.approx(0, abs=1e-6)
    assert total[1] == pytest.approx(-records[-1]["drawdown"][1], abs=1e-5)


def test_memory_starts_anew_with_every_episode() -> None:
    reward = CompositeReward(_config(drawdown=(1.0, 0.0, {"gamma": 1.0})), LANES)
    step = np.zeros(LANES, STEP)
    step["drawdown"], step["ending"] = 0.3, Ending.LENGTH
    first = reward.compute(step).copy()
    np.testing.assert_array_equal(reward.compute(step), first)


def test_weights_and_clips_apply_per_component() -> None:
    reward = CompositeReward(_config(log_equity=(100.0, 0.01, {}), invalid_action=(0.5, 0.0, {})), LANES)
    step = np.zeros(LANES, STEP)
    step["equity_before"], step["equity_after"], step["invalid"] = 1000, 1100, 1
    np.testing.assert_allclose(reward.compute(step), 100 * 0.01 - 0.5, rtol=1e-6)
    np.testing.assert_allclose(reward.parts[0], [1.0, -0.5], rtol=1e-6)
    assert reward.names == ("log_equity", "invalid_action")


def test_compiled_and_python_kernels_agree() -> None:
    step = _walk(1, seed=3)[0]
    for declared in COMPONENTS.all().values():
        params = np.full(len(declared.params), 0.9)
        outs = []
        for kernel in (declared.kernel, declared.kernel.py_func):  # pyright: ignore[reportFunctionMemberAccess]
            memory, out = np.full(LANES, -0.1), np.zeros(LANES)
            kernel(step, params, memory, out)
            outs.append((memory, out))
        np.testing.assert_array_equal(outs[0], outs[1])


def test_a_component_from_outside_needs_no_edit() -> None:
    @reward_component(name="only_here", formula="1", units="count", safety=Safety.SHAPING)
    @njit
    def one_nb(steps, params, memory, out):
        out[:] = 1.0

    reward = CompositeReward(_config(only_here=(2.0, 0.0, {})), LANES)
    np.testing.assert_array_equal(reward.compute(np.zeros(LANES, STEP)), 2.0)


def test_wrong_names_are_told() -> None:
    with pytest.raises(ConfigError, match="log_equity"):
        CompositeReward(_config(log_equty=(1.0, 0.0, {})), LANES)
    with pytest.raises(ConfigError, match="gamma"):
        CompositeReward(_config(drawdown=(1.0, 0.0, {"gama": 1.0})), LANES)


def test_drain_gives_the_mean_parts_since_the_last_call() -> None:
    reward = CompositeReward(_config(log_equity=(100.0, 0.0, {}), drawdown=(1.0, 0.0, {"gamma": 1.0})), LANES)
    parts: list[np.ndarray] = []
    for step in _walk(20, seed=3):
        reward.compute(step)
        parts.append(reward.parts.astype(np.float64))
    mean = np.concatenate(parts).mean(axis=0)
    drained = reward.drain()
    assert list(drained) == ["log_equity", "drawdown"]
    np.testing.assert_allclose(list(drained.values()), mean, rtol=1e-5)
    assert set(reward.drain().values()) == {0.0}


def test_a_fading_weight_is_gone_when_it_should_be() -> None:
    reward = CompositeReward(_config(until=0.5, invalid_action=(2.0, 0.0, {})), LANES)
    step = np.zeros(LANES, STEP)
    step["invalid"] = 1
    for share, weight in ((0.0, 2.0), (0.25, 1.0), (0.5, 0.0), (0.9, 0.0), (0.0, 2.0)):
        reward.progress(share)
        np.testing.assert_allclose(reward.compute(step), -weight)


def test_rebate_makes_a_round_trip_at_one_mid_free() -> None:
    """Buy 100 at 5.02, sell at 4.98 around a mid of 5.00, fees 1 each way: 6 dollars lost, 6 handed back."""
    reward = CompositeReward(_config(cost_rebate=(1.0, 0.0, {})), LANES)
    step = np.zeros(LANES, STEP)
    step["equity_before"], step["cost"] = 1000.0, 3.0
    np.testing.assert_allclose(2 * reward.compute(step), 6 / 1000)
