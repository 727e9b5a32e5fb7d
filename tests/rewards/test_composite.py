from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

from config.schema import RewardComponentConfig, RewardConfig
from rewards.composite import GUARD, RECENT_EPISODES, CompositeReward
from rewards.registry import COMPONENTS, Effect, Safety, reward_component
from simulators.layout import STEP, Ending
from utils.errors import ConfigError

LANES = 5
Steps = npt.NDArray[np.void]


def component(weight: float, **given: float) -> RewardComponentConfig:
    """Settings with no limits but those given; other names are parameters."""
    fields = ("clip", "cap", "smoothing", "until", "halflife")
    limits = {name: given.pop(name, 0.0) for name in fields}
    return RewardComponentConfig(enabled=True, weight=weight, **limits, params=given)


def reward_of(
    components: Mapping[str, RewardComponentConfig], lanes: int = LANES, gamma: float = 1.0, bonus_share: float = 0.5
) -> CompositeReward:
    """A reward without a limit to warn about but one half."""
    return CompositeReward(RewardConfig(gamma, bonus_share, 0.5, dict(components)), lanes)


def walk(steps: int, seed: int) -> list[Steps]:
    """Records of `steps` steps of random accounts that never end."""
    rng = np.random.default_rng(seed)
    equity = 25_000 * np.exp(np.cumsum(rng.normal(0, 0.01, (steps + 1, LANES)), axis=0))
    peak = np.maximum.accumulate(equity, axis=0)
    records: list[Steps] = []
    for before, after, top in zip(equity, equity[1:], peak[1:], strict=False):
        step = np.zeros(LANES, STEP)
        step["equity_before"], step["equity_after"], step["drawdown"] = before, after, 1 - after / top
        step["start_equity"] = equity[0]
        records.append(step)
    return records


def flat(lanes: int = LANES) -> Steps:
    """A step in which nothing happens."""
    step = np.zeros(lanes, STEP)
    step["equity_before"] = step["equity_after"] = step["start_equity"] = 1000.0
    return step


def paid(reward: CompositeReward, records: list[Steps]) -> npt.NDArray[np.float64]:
    """Parts of every step [steps, lanes, K + 1]."""
    parts: list[npt.NDArray[np.float64]] = []
    for step in records:
        reward.compute(step)
        parts.append(reward.parts.copy())
    return np.array(parts)


def test_the_reward_is_the_sum_of_its_parts() -> None:
    reward = reward_of({"log_equity": component(100.0), "invalid_action": component(0.5, clip=1.0, cap=10.0)})
    step = flat()
    step["equity_after"], step["invalid"] = 1100, 1
    np.testing.assert_allclose(reward.compute(step), 100 * np.log(1.1) - 0.5, rtol=1e-6)
    np.testing.assert_allclose(reward.parts[0], [100 * np.log(1.1), -0.5, 0.0], rtol=1e-12)
    assert reward.names == ("log_equity", "invalid_action", GUARD)


def test_what_is_not_enabled_is_not_there() -> None:
    off = dataclasses.replace(component(1.0), enabled=False)
    assert reward_of({"log_equity": component(1.0), "drawdown": off}).names == ("log_equity", GUARD)
    with pytest.raises(ConfigError, match="enable"):
        reward_of({"log_equity": off})


# ---------------------------------------------------------------- safety classes
def test_a_telescoping_part_adds_up_even_if_smoothed() -> None:
    records = walk(300, seed=0)
    records[-1]["ending"] = Ending.LENGTH
    expected = 100 * np.log(records[-1]["equity_after"] / records[0]["equity_before"])
    for smoothing in (0.0, 0.9):
        parts = paid(reward_of({"log_equity": component(100.0, smoothing=smoothing)}), records)
        np.testing.assert_allclose(parts[:, :, 0].sum(axis=0), expected, atol=1e-9)


@pytest.mark.parametrize("gamma", [1.0, 0.96])
def test_a_potential_leaves_only_its_end(gamma: float) -> None:
    """Sum of gamma^t F is 0 after termination, gamma^T Phi(s_T) after truncation, which the value there stands for."""
    records = walk(200, seed=1)
    records[-1]["ending"] = [Ending.MAX_LOSS, Ending.LENGTH, Ending.DATA_END, Ending.BANKRUPT, Ending.INVALID_LIMIT]
    parts = paid(reward_of({"drawdown": component(1.0)}, gamma=gamma), records)[:, :, 0]
    discount = gamma ** np.arange(len(records))
    last = np.where([False, True, True, False, False], -records[-1]["drawdown"], 0.0)
    np.testing.assert_allclose((discount[:, None] * parts).sum(axis=0), gamma ** len(records) * last, atol=1e-9)


def test_clip_bounds_the_potential_and_not_its_difference() -> None:
    reward = reward_of({"drawdown": component(2.0, clip=0.1)})
    step = flat()
    step["drawdown"] = 0.4
    assert paid(reward, [step, step, flat()])[:, 0, 0].tolist() == pytest.approx([-0.2, 0.0, 0.2])


# ---------------------------------------------------------------- limits and guards
def test_penalties_stop_at_their_caps() -> None:
    reward = reward_of({"invalid_action": component(0.5, clip=1.0, cap=3.0)})
    step = flat()
    step["invalid"] = 1
    assert paid(reward, [step] * 5)[:, 0, 0].tolist() == [-0.5, -0.5, -0.5, 0.0, 0.0]


def test_an_ending_of_the_agents_own_saves_no_penalty() -> None:
    reward = reward_of({"invalid_action": component(0.5, clip=1.0, cap=3.0)})
    step, last = flat(), flat()
    step["invalid"] = 1
    last["ending"] = [Ending.MAX_LOSS, Ending.LENGTH, Ending.DATA_END, Ending.BANKRUPT, Ending.INVALID_LIMIT]
    totals = paid(reward, [step, last])[:, :, 0].sum(axis=0)
    assert totals.tolist() == [-1.5, -0.5, -0.5, -1.5, -1.5]


def test_bonuses_stay_within_a_share_of_the_gain_and_go_with_it() -> None:
    reward = reward_of(
        {"log_equity": component(1.0), "profit_closing": component(10.0, clip=1.0, cap=10.0)}, bonus_share=0.25
    )
    win, loss = flat(), flat()
    win["equity_after"] = 1000 * np.exp(0.08)
    win["closed"], win["notional"], win["trade_realised"] = 1, 1.0, 80.0
    loss["equity_after"] = 1000 * np.exp(-0.06)
    parts = paid(reward, [win, loss, loss])
    bonus = parts[:, 0, 1] + parts[:, 0, 2]
    np.testing.assert_allclose(np.cumsum(bonus), [0.25 * 0.08, 0.25 * 0.02, -0.25 * 0.04], atol=1e-12)


def test_no_episode_without_net_profit_is_paid(random_steps: list[Steps]) -> None:
    """With every component on, whatever the account does: at most (1 + share) times the gain, be it a loss."""
    reward = reward_of(everything(), lanes=len(random_steps[0]))
    gain = np.log(random_steps[-1]["equity_after"] / random_steps[0]["equity_before"])
    parts = paid(reward, random_steps)
    assert (parts.sum(axis=(0, 2)) <= 1.5 * gain + 1e-9).all()
    assert (parts[:, :, list(reward.names).index("activity")] > 0).any()


def everything() -> dict[str, RewardComponentConfig]:
    """All components but potentials and rebates."""
    return {
        name: component(0.0 if name == "realised_pnl" else 1.0, **_limits(c.safety), **dict.fromkeys(c.params, 5.0))
        for name, c in COMPONENTS.all().items()
        if c.safety != Safety.POTENTIAL and c.effect != Effect.REBATE
    }


def _limits(safety: Safety) -> dict[str, float]:
    return {"clip": 1.0, "cap": 50.0} if safety == Safety.SHAPING else {}


@pytest.fixture
def random_steps() -> list[Steps]:
    """An episode of 40 lanes with everything drawn at random, cut at its end."""
    rng = np.random.default_rng(5)
    records: list[Steps] = []
    equity = np.full(40, 25_000.0)
    for _ in range(60):
        step = np.zeros(40, STEP)
        step["start_equity"], step["equity_before"] = 25_000.0, equity
        equity = equity * np.exp(rng.normal(0, 0.01, 40))
        step["equity_after"], step["seconds"] = equity, 10
        for name in ("closed", "invalid"):
            step[name] = rng.random(40) < 0.3
        for name in ("filled", "position_after", "trade_realised", "realised", "notional", "mfe", "closed_value"):
            step[name] = np.where(rng.random(40) < 0.5, rng.normal(0, 100, 40), 0)
        records.append(step)
    records[-1]["ending"] = Ending.LENGTH
    return records


def test_smoothing_spreads_a_part_and_loses_nothing() -> None:
    reward = reward_of({"cost_rebate": component(1.0, smoothing=0.5, until=0.5)})
    spent, last = flat(), flat()
    spent["cost"], spent["notional"], last["ending"] = 800.0, 1.0, Ending.LENGTH
    assert paid(reward, [spent, flat(), last])[:, 0, 0].tolist() == pytest.approx([0.4, 0.2, 0.2])


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("log_equity", {"clip": 0.1}, "telescopes"),
        ("drawdown", {"smoothing": 0.5}, "potential"),
        ("invalid_action", {"clip": 1.0}, "cap"),
        ("activity", {"cap": 1.0}, "clip"),
        ("cost_rebate", {}, "until"),
        ("log_equity", {"weight": -1.0}, "weight"),
        ("log_equity", {"smoothing": 1.0}, "smoothing"),
        ("log_equity", {"until": -0.5}, "negative"),
    ],
)
def test_what_could_be_gamed_is_refused(name: str, settings: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        reward_of({name: component(**{"weight": 1.0, **settings})})


# ---------------------------------------------------------------- schedules
def test_a_weight_fades_linearly_or_by_halves() -> None:
    reward = reward_of(
        {"log_equity": component(2.0, halflife=0.25), "invalid_action": component(2.0, clip=1.0, cap=100.0, until=0.5)}
    )
    step = flat()
    step["equity_after"], step["invalid"] = 1000 * np.e, 1
    for share, base, penalty in ((0.0, 2.0, 2.0), (0.25, 1.0, 1.0), (0.5, 0.5, 0.0), (1.0, 0.125, 0.0)):
        reward.progress(share)
        reward.compute(step)
        np.testing.assert_allclose(reward.parts[0, :2], [base, -penalty])


# ---------------------------------------------------------------- what is told
def test_drain_tells_steps_episodes_and_classes() -> None:
    reward = reward_of(
        {"log_equity": component(100.0), "drawdown": component(1.0), "holding_time": component(1.0, clip=1.0, cap=1.0)}
    )
    records = walk(20, seed=3)
    records[-1]["ending"] = Ending.LENGTH
    parts = paid(reward, records)
    told = reward.drain()
    assert list(told.per_step) == [*reward.names]
    np.testing.assert_allclose(list(told.per_step.values()), parts.mean(axis=(0, 1)), atol=1e-12)
    np.testing.assert_allclose(list(told.per_episode.values()), parts.sum(axis=0).mean(axis=0), atol=1e-12)
    assert told.correlation["log_equity"] == pytest.approx(1.0)
    assert "holding_time" not in told.correlation  # never moved
    sizes = np.abs(parts).sum(axis=(0, 1))
    assert told.shares == pytest.approx(
        {"telescoping": sizes[0] / sizes.sum(), "potential": sizes[1] / sizes.sum(), "shaping": 0.0}
    )
    assert set(reward.drain().per_step.values()) == {0.0}


def test_only_recent_episodes_are_kept() -> None:
    reward = reward_of({"log_equity": component(1.0)}, lanes=1)
    for i in range(RECENT_EPISODES + 3):
        step = flat(1)
        step["equity_after"], step["ending"] = 1000.0 * np.exp(1.0 if i < 3 else 2.0), Ending.LENGTH
        reward.compute(step)
    assert reward.drain().per_episode["log_equity"] == pytest.approx(2.0)


def test_too_much_shaping_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    reward = reward_of({"log_equity": component(1.0), "invalid_action": component(1.0, clip=1.0, cap=100.0)})
    step = flat()
    step["equity_after"], step["invalid"] = 1001.0, 1
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            reward.compute(step)
            reward.drain()
    (record,) = caplog.records
    assert "invalid_action" in record.getMessage()


# ---------------------------------------------------------------- lanes and saves
def test_lanes_begin_anew_when_their_episode_ends() -> None:
    reward = reward_of({**everything(), "drawdown": component(1.0)})
    records = walk(10, seed=4)
    records[-1]["ending"] = Ending.LENGTH
    np.testing.assert_array_equal(paid(reward, records), paid(reward, records))


def test_a_saved_state_goes_on_as_if_nothing_had_happened() -> None:
    records = walk(20, seed=6)
    first, second = (reward_of({**everything(), "drawdown": component(1.0)}) for _ in range(2))
    paid(first, records[:10])
    second.load_state(first.state())
    np.testing.assert_array_equal(paid(first, records[10:]), paid(second, records[10:]))


def test_reset_forgets_only_the_lanes_named() -> None:
    reward = reward_of({"over_trading": component(1.0, clip=9.0, cap=99.0, per_hour=0.0, burst=0.0)})
    step = flat()
    step["notional"] = 1.0
    reward.compute(step)
    reward.reset(np.arange(LANES) == 0)
    assert paid(reward, [step])[0, :2, 0].tolist() == [-1.0, -2.0]


# ---------------------------------------------------------------- declarations
def test_a_component_from_outside_needs_no_edit() -> None:
    with COMPONENTS.temporary():

        @reward_component(
            name="only_here",
            formula="steps so far",
            units="count",
            safety=Safety.SHAPING,
            effect=Effect.PENALTY,
            params=("each",),
            memory=("steps",),
        )
        def only_here(step, params, memory):
            memory["steps"] += 1.0
            return -params["each"] * memory["steps"]

        reward = reward_of({"only_here": component(2.0, clip=99.0, cap=99.0, each=0.5)})
        assert paid(reward, [flat()] * 3)[:, 0, 0].tolist() == [-1.0, -2.0, -3.0]


def test_wrong_names_are_told() -> None:
    with pytest.raises(ConfigError, match="log_equity"):
        reward_of({"log_equty": component(1.0)})
    with pytest.raises(ConfigError, match="limit_s"):
        reward_of({"overtime": component(1.0, clip=1.0, cap=1.0, limit=1.0)})


def test_shaping_must_say_what_it_does() -> None:
    with pytest.raises(ConfigError, match="penalty, a bonus or a rebate"):
        reward_component(name="vague", formula="", units="", safety=Safety.SHAPING)
