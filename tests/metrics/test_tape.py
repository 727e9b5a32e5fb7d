"""The tape and what collectors make of it, against plain Python over the same steps of the real lanes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from agent.vec_env import LaneVecEnv
from envs.episodes import Episode
from metrics import registry as names
from metrics.collecting import COLLECTORS
from metrics.collectors.execution import latencies_ms
from metrics.layout import EPISODE_ROW
from metrics.registry import Group, checked
from metrics.rollout import NetworkNumbers, RewardNumbers, Rollout
from metrics.tape import RolloutTape
from simulators.layout import FILL, STEP, Ending, OrderKind, Reason
from tests.support.simulation import NINE_THIRTY, lanes_of, steady_day

STEPS, LANES = 200, 4


class Seen:
    """Copies of what the lanes did, taken step by step."""

    def __init__(self) -> None:
        self.steps: list[npt.NDArray[np.void]] = []
        self.rewards: list[npt.NDArray[np.float32]] = []
        self.fills: list[tuple[Any, ...]] = []


def rollout_of(tape: RolloutTape, start_ns: npt.NDArray[np.int64]) -> Rollout:
    return Rollout(
        step=1,
        stats={names.LOSS.name: 0.5, names.REWARD.name: 0.25, names.ETA_S.name: 9.0},
        steps=tape.steps,
        fills=tape.fills,
        trades=tape.trades(),
        episodes=np.zeros(0, EPISODE_ROW),
        start_ns=start_ns,
        reward=RewardNumbers({"log_equity": 0.1}, {"log_equity": 1.0}, {}, {"shaping": 0.2}),
        curriculum={},
        network=lambda: NetworkNumbers({"hf": 0.9}, {"policy": 2.0}, {"policy": 0.1}),
    )


@pytest.fixture(scope="module")
def played() -> tuple[RolloutTape, Seen, npt.NDArray[np.int64]]:
    """Random actions on lanes whose episodes end now and then."""
    episodes = [[Episode(0, NINE_THIRTY + 500 * lane + 7 * n, 30 + lane) for n in range(9)] for lane in range(LANES)]
    lanes = lanes_of([steady_day()], episodes)
    env = LaneVecEnv(lanes)
    tape = RolloutTape(lanes, STEPS)
    env.tape = tape
    env.reset()
    rng, seen = np.random.default_rng(3), Seen()
    for _ in range(STEPS):
        allowed = lanes.action_mask
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in allowed])
        env.step(actions)
        seen.steps.append(lanes.steps.copy())
        seen.rewards.append(lanes.rewards.copy())
        for lane, count in enumerate(lanes.fill_counts.tolist()):
            seen.fills += [row.item() for row in lanes.fills[lane, :count]]
    return tape, seen, lanes.bank.table["start_ns"].astype(np.int64)


def test_every_step_and_fill_is_on_the_tape(played: tuple[RolloutTape, Seen, npt.NDArray[np.int64]]) -> None:
    tape, seen, _ = played
    assert tape.steps.shape == (STEPS, LANES)
    assert tape.steps.tobytes() == np.array(seen.steps).tobytes()
    assert np.array_equal(tape.rewards, np.array(seen.rewards))
    assert [row.item() for row in tape.fills] == seen.fills
    assert len(seen.fills) > 2 * STEPS  # more than the tape had room for at first
    assert (np.diff(tape.fill_rows) >= 0).all()


def test_round_trips_are_what_plain_python_makes_of_the_steps() -> None:
    """Two rollouts, so that trips are open in between."""
    lanes = lanes_of([steady_day()], [[Episode(0, NINE_THIRTY, 400)], [Episode(0, NINE_THIRTY + 50, 70)] * 6])
    env, rng = LaneVecEnv(lanes), np.random.default_rng(1)
    tape = RolloutTape(lanes, 120)
    env.tape = tape
    env.reset()
    found: list[dict[str, Any]] = []
    expected: list[dict[str, Any]] = []
    open_trips: list[dict[str, Any]] = [{}, {}]
    for _ in range(2):
        of_lane: list[list[dict[str, Any]]] = [[], []]
        for _ in range(120):
            env.step(np.array([rng.choice(np.flatnonzero(mask)) for mask in lanes.action_mask]))
            for lane in range(2):
                paid = lanes.reward.parts[lane].astype(np.float32)
                _follow(lanes.steps[lane], float(lanes.rewards[lane]), paid, open_trips[lane], of_lane[lane])
        expected += of_lane[0] + of_lane[1]
        found += [dict(zip(row.dtype.names, row.item(), strict=True)) for row in tape.trades()]
        tape.rewind()
    assert len(found) == len(expected) > 8
    for ours, theirs in zip(found, expected, strict=True):
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, rel=1e-9), name
        assert ours["exit_price"] > 0
        assert (ours["side"], ours["day"]) == (1, 0)
        assert sum(ours["parts"]) == pytest.approx(ours["reward"], rel=1e-5)


def _follow(
    step: np.void,
    reward: float,
    parts: npt.NDArray[np.float32],
    trip: dict[str, Any],
    closed: list[dict[str, Any]],
) -> None:
    """One step of one lane, by the definitions in metrics/layout.py."""
    if step["position_before"] or step["filled"] or step["closed"]:
        trip["costs"] = trip.get("costs", 0.0) + step["cost"]
        trip["reward"] = trip.get("reward", 0.0) + reward
        trip["parts"] = trip.get("parts", 0.0) + parts.astype(np.float64)
    if step["closed"]:
        told = {name: trip[name] for name in ("costs", "reward", "parts")}
        told |= {"pnl": step["trade_realised"], "held_s": step["held_s"], "mae": step["mae"], "mfe": step["mfe"]}
        if "shares" in trip:
            told |= {"shares": trip["shares"], "entry_price": trip["value"] / trip["shares"]}
        closed.append(told)
        trip.clear()
    if step["ending"] != Ending.RUNNING:
        trip.clear()
    elif abs(step["position_after"]) >= trip.get("shares", 1e-9):
        trip["shares"], trip["value"] = abs(step["position_after"]), step["entry_value"]


def test_collectors_against_plain_python(played: tuple[RolloutTape, Seen, npt.NDArray[np.int64]]) -> None:
    tape, seen, start_ns = played
    rollout = rollout_of(tape, start_ns)
    got = {name: COLLECTORS.get(name)(rollout) for name in ("training", "trading", "model", "execution", "reward")}
    rows = [step for steps in seen.steps for step in steps]
    trading = got["trading"]
    assert trading[names.REWARD.name] == 0.25
    assert trading[names.PNL.name] == pytest.approx(sum(r["equity_after"] - r["equity_before"] for r in rows))
    closed = [r for r in rows if r["closed"]]
    assert trading[names.CLOSED.name] == len(closed)
    assert trading[names.TRADE_WINS.name] == pytest.approx(np.mean([r["trade_realised"] > 0 for r in closed]))
    assert trading[names.MAE.name] == pytest.approx(np.mean([r["mae"] for r in closed]))
    assert trading[names.INVESTED.name] == pytest.approx(np.mean([r["position_after"] != 0 for r in rows]))
    assert trading[names.MAX_DRAWDOWN.name] == max(r["drawdown"] for r in rows)
    execution = got["execution"]
    reasons = Counter(Reason(int(r["reason"])).name.lower() for r in rows if r["reason"])
    for reason, count in reasons.items():
        assert execution[names.REASON_SHARE.of(reason)] == pytest.approx(count / reasons.total())
    columns = FILL.names or ()
    fills = [dict(zip(columns, fill, strict=True)) for fill in seen.fills]
    notional = sum(abs(f["shares"]) * f["price"] for f in fills)
    for part in ("fees", "half_spread", "impact", "latency"):
        expected = 1e4 * sum(f[part] for f in fills) / notional
        assert execution[names.COST_PART.of(part)] == pytest.approx(expected), part
    assert got["training"] == {names.LOSS.name: 0.5, names.ETA_S.name: 9.0}
    assert got["model"][names.WEIGHT_NORM.of("policy")] == 2.0
    assert got["reward"][names.REWARD_SHARE.of("shaping")] == 0.2
    checked({name: value for values in got.values() for name, value in values.items()})


def test_each_collector_gives_its_own_metrics_only(played: tuple[RolloutTape, Seen, npt.NDArray[np.int64]]) -> None:
    rollout = rollout_of(played[0], played[2])
    for group in (Group.TRAINING, Group.TRADING, Group.MODEL, Group.EXECUTION, Group.REWARD):
        given = COLLECTORS.get(group.value)(rollout)
        assert given
        assert {names.find(name).collector for name in given} == {group.value}


def test_latencies_are_those_of_orders_that_met_in_their_step(
    played: tuple[RolloutTape, Seen, npt.NDArray[np.int64]],
) -> None:
    tape, _, start_ns = played
    rollout = rollout_of(tape, start_ns)
    sent = {(lane, int(s["order"])): s for row in tape.steps for lane, s in enumerate(row) if s["order"]}
    expected = [
        (int(f["ts_ns"]) - int(start_ns[0]) - (int(s["second"]) - int(s["seconds"]) + 1) * 10**9) / 1e6
        for f in tape.fills
        if f["kind"] == OrderKind.IOC and (s := sent.get((int(f["lane"]), int(f["order"])))) is not None
    ]
    assert latencies_ms(rollout).tolist() == pytest.approx(expected)
    assert len(expected) > 100
    assert 0 < min(expected) < max(expected) < 5_000


def test_an_empty_rollout_has_no_nan(played: tuple[RolloutTape, Seen, npt.NDArray[np.int64]]) -> None:
    """Nothing traded, nothing ended: figures that cannot be told are left out."""
    rollout = rollout_of(played[0], played[2])
    quiet = replace(rollout, steps=np.zeros((3, 2), STEP), fills=np.zeros(0, FILL), trades=rollout.trades[:0])
    for name in ("trading", "execution"):
        given = COLLECTORS.get(name)(quiet)
        assert all(math.isfinite(value) for value in given.values())
        assert names.TRADE_PNL.name not in given


def test_a_tape_that_nobody_reads_keeps_one_rollout(played: tuple[RolloutTape, Seen, npt.NDArray[np.int64]]) -> None:
    tape = played[0]
    before = tape.steps.tobytes()
    tape.note()
    assert tape.steps.tobytes() == before
