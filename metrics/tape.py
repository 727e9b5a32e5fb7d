"""What every lane did in every step of a rollout, kept as arrays: one copy and one kernel call a step."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metrics.layout import PARTS, TRADE_ROW, trade_layout
from simulators.layout import FILL, STEP, Ending
from utils.jit import njit

RUNNING = int(Ending.RUNNING)


class PaidParts(Protocol):
    """What is read of `rewards.composite.CompositeReward`."""

    parts: npt.NDArray[np.float64]  # [N, K]


class RecordedLanes(Protocol):
    """What is read of `envs.vector_environment.VectorTradingEnvironment`; its arrays stay the same objects."""

    lanes: npt.NDArray[np.void]  # LANE [N]
    steps: npt.NDArray[np.void]  # STEP [N]
    rewards: npt.NDArray[np.float32]  # [N]
    fills: npt.NDArray[np.void]  # FILL [N, most in a step]
    fill_counts: npt.NDArray[np.int32]  # [N]

    @property
    def reward(self) -> PaidParts:
        """What each component of the reward paid in the last step."""
        ...


class RolloutTape:
    """Filled step by step; `rewind` once the rollout has been read."""

    def __init__(self, lanes: RecordedLanes, n_steps: int) -> None:
        """n_steps: of a rollout."""
        self._lanes = lanes
        count = len(lanes.steps)
        self._steps = np.zeros((n_steps, count), STEP)
        self._bytes = self._steps.view(np.uint8).reshape(n_steps, -1)
        self._from = lanes.steps.view(np.uint8).reshape(-1)
        self._rewards = np.zeros((n_steps, count), np.float32)
        self._components = lanes.reward.parts.shape[1]
        self._parts = np.zeros((n_steps, count, self._components), np.float32)
        self._fills = np.zeros(2 * lanes.fills.size, FILL)
        self._fill_rows = np.zeros(2 * lanes.fills.size, np.int32)
        self._fill_count = 0
        self._open = _running_trips(lanes.lanes)
        self._open_parts = np.zeros((count, self._components))
        self._rows = 0
        self._compile()

    def _compile(self) -> None:
        """Call the kernels on nothing: the first rollout is not to wait for the compiler."""
        counts = np.zeros_like(self._lanes.fill_counts)
        append_fills_nb(self._lanes.fills, counts, 0, self._fills, self._fill_rows, 0)
        self.trades()

    def note(self) -> None:
        """A step has been taken. One beyond `n_steps` is left out: nobody has read the rollout before."""
        row = self._rows
        if row == len(self._steps):
            return
        np.copyto(self._bytes[row], self._from)
        np.copyto(self._rewards[row], self._lanes.rewards)
        np.copyto(self._parts[row], self._lanes.reward.parts)
        if self._fill_count + self._lanes.fills.size > len(self._fills):
            self._fills = np.concatenate([self._fills, np.zeros_like(self._fills)])
            self._fill_rows = np.concatenate([self._fill_rows, np.zeros_like(self._fill_rows)])
        self._fill_count = append_fills_nb(
            self._lanes.fills, self._lanes.fill_counts, row, self._fills, self._fill_rows, self._fill_count
        )
        self._rows = row + 1

    @property
    def steps(self) -> npt.NDArray[np.void]:
        """STEP [T, N] of the steps so far, a view."""
        return self._steps[: self._rows]

    @property
    def rewards(self) -> npt.NDArray[np.float32]:
        """[T, N], a view."""
        return self._rewards[: self._rows]

    @property
    def fills(self) -> npt.NDArray[np.void]:
        """FILL [n], step by step, a view."""
        return self._fills[: self._fill_count]

    @property
    def fill_rows(self) -> npt.NDArray[np.int32]:
        """[n] in which step each fill happened."""
        return self._fill_rows[: self._fill_count]

    def trades(self) -> npt.NDArray[np.void]:
        """Rows of `trade_layout` [n], closed since the last call; to be called once a rollout."""
        rows = np.zeros(int(self.steps["closed"].sum()), TRADE_ROW)
        parts = np.zeros((len(rows), self._components))
        trips_nb(self.steps, self.rewards, self._parts, self._open, self._open_parts, rows, parts)
        made = np.zeros(len(rows), trade_layout(self._components))
        for name in TRADE_ROW.names or ():
            made[name] = rows[name]
        made[PARTS] = parts
        return made

    def rewind(self) -> None:
        """The next step is the first of a rollout."""
        self._rows, self._fill_count = 0, 0


OPEN_TRIP = np.dtype([("shares", "f8"), ("value", "f8"), ("side", "i8"), ("costs", "f8"), ("reward", "f8")])
"""What is kept of a lane's open round trip: most shares and what they cost, direction, sums so far."""


def _running_trips(lanes: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Of a run that goes on: what is held, as the most that was held is not known any more."""
    trips = np.zeros(len(lanes), OPEN_TRIP)
    trips["shares"] = np.abs(lanes["position"])
    trips["value"] = trips["shares"] * lanes["entry_price"]
    trips["side"] = np.sign(lanes["position"])
    return trips


@njit
def append_fills_nb(fills: Any, counts: Any, row: int, out: Any, rows: Any, used: int) -> int:
    """Copy the `counts[i]` fills of each lane i behind the `used` ones in `out`; how many there are now."""
    for lane in range(len(counts)):
        for k in range(counts[lane]):
            out[used] = fills[lane, k]
            rows[used] = row
            used += 1
    return used


@njit
def hold_nb(trip: Any, step: Any) -> None:
    """Remember the greatest size of the position that is open after `step`."""
    shares = abs(step["position_after"])
    if shares >= trip["shares"]:
        trip["shares"], trip["value"] = shares, step["entry_value"]
        trip["side"] = 1 if step["position_after"] > 0.0 else -1


@njit
def close_nb(trip: Any, lane: int, step: Any, row: Any) -> None:
    """Write the round trip that `step` closed. One that it also opened has no size of its own: its exit tells it."""
    shares, value, side = trip["shares"], trip["value"], trip["side"]
    if shares == 0.0 and step["price"] > 0.0:
        shares, value = 0.5 * step["notional"] / step["price"], step["closed_value"]
        side = 1
    row["lane"], row["day"], row["second"], row["held_s"] = lane, step["day"], step["second"], step["held_s"]
    row["side"], row["ending"], row["shares"] = side, step["ending"], shares
    row["entry_price"] = value / shares if shares > 0.0 else 0.0
    row["exit_price"], row["pnl"] = step["price"], step["trade_realised"]
    row["costs"], row["reward"] = trip["costs"], trip["reward"]
    row["mae"], row["mfe"] = step["mae"], step["mfe"]


@njit
def clear_nb(trip: Any, open_parts: Any) -> None:
    """No round trip is open."""
    open_parts[:] = 0.0
    trip["shares"], trip["value"], trip["side"], trip["costs"], trip["reward"] = 0.0, 0.0, 0, 0.0, 0.0


@njit
def trips_nb(steps: Any, rewards: Any, parts: Any, open_trips: Any, open_parts: Any, rows: Any, row_parts: Any) -> None:
    """Round trips closed in STEP `steps` [T, N], by lane, into `rows` [n] and `row_parts` [n, K].

    rewards [T, N], parts [T, N, K]; `open_trips` [N] and `open_parts` [N, K] go on from one rollout to the next.
    """
    found = 0
    for lane in range(steps.shape[1]):
        trip = open_trips[lane]
        for t in range(steps.shape[0]):
            step = steps[t, lane]
            if step["position_before"] != 0.0 or step["filled"] != 0.0 or step["closed"] != 0:
                trip["costs"] += step["cost"]
                trip["reward"] += rewards[t, lane]
                open_parts[lane] += parts[t, lane]
            if step["closed"] != 0:
                close_nb(trip, lane, step, rows[found])
                row_parts[found] = open_parts[lane]
                found += 1
                clear_nb(trip, open_parts[lane])
            if step["ending"] != RUNNING:
                clear_nb(trip, open_parts[lane])
            elif step["position_after"] != 0.0:
                hold_nb(trip, step)
