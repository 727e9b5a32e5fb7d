"""What every lane did in every step of a rollout, kept as arrays: one copy and one kernel call a step."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metrics.layout import TRADE_ROW
from simulators.layout import FILL, STEP, Ending
from utils.jit import njit

RUNNING = int(Ending.RUNNING)


class RecordedLanes(Protocol):
    """What is read of `envs.vector_environment.VectorTradingEnvironment`; its arrays stay the same objects."""

    steps: npt.NDArray[np.void]  # STEP [N]
    rewards: npt.NDArray[np.float32]  # [N]
    fills: npt.NDArray[np.void]  # FILL [N, most in a step]
    fill_counts: npt.NDArray[np.int32]  # [N]


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
        self._fills = np.zeros(2 * lanes.fills.size, FILL)
        self._fill_rows = np.zeros(2 * lanes.fills.size, np.int32)
        self._fill_count = 0
        self._open = np.zeros(count, OPEN_TRIP)
        self._rows = 0

    def note(self) -> None:
        """A step has been taken. One beyond `n_steps` is left out: nobody has read the rollout before."""
        row = self._rows
        if row == len(self._steps):
            return
        np.copyto(self._bytes[row], self._from)
        np.copyto(self._rewards[row], self._lanes.rewards)
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
        """TRADE_ROW [n], closed since the last call; to be called once a rollout."""
        rows = np.zeros(int(self.steps["closed"].sum()), TRADE_ROW)
        trips_nb(self.steps, self.rewards, self._open, rows)
        return rows

    def rewind(self) -> None:
        """The next step is the first of a rollout."""
        self._rows, self._fill_count = 0, 0


OPEN_TRIP = np.dtype([("shares", "f8"), ("value", "f8"), ("side", "i8"), ("costs", "f8"), ("reward", "f8")])
"""What is kept of a lane's open round trip: most shares and what they cost, direction, sums so far."""


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
def clear_nb(trip: Any) -> None:
    """No round trip is open."""
    trip["shares"], trip["value"], trip["side"], trip["costs"], trip["reward"] = 0.0, 0.0, 0, 0.0, 0.0


@njit
def trips_nb(steps: Any, rewards: Any, open_trips: Any, rows: Any) -> None:
    """Round trips closed in STEP `steps` [T, N], by lane; `open_trips` [N] goes on from one rollout to the next."""
    found = 0
    for lane in range(steps.shape[1]):
        trip = open_trips[lane]
        for t in range(steps.shape[0]):
            step = steps[t, lane]
            if step["position_before"] != 0.0 or step["filled"] != 0.0 or step["closed"] != 0:
                trip["costs"] += step["cost"]
                trip["reward"] += rewards[t, lane]
            if step["closed"] != 0:
                close_nb(trip, lane, step, rows[found])
                found += 1
                clear_nb(trip)
            if step["ending"] != RUNNING:
                clear_nb(trip)
            elif step["position_after"] != 0.0:
                hold_nb(trip, step)
