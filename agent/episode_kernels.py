"""What episodes come to: sums over a lane's steps, and whole episodes of random trading in one call.

Both stand in one file, because numba's cache does not notice an edited callee in another one.
"""

from __future__ import annotations

import numpy as np

from envs.step_kernels import mask_nb, step_lane_nb
from simulators.execution_kernels import market_nb
from simulators.layout import SIZES, STEP, ActionType, PositionSize
from utils.jit import njit
from utils.seeding import substream_nb, uniform_nb

TOTAL = np.dtype(
    [
        ("pnl", "f8"),  # dollars net
        ("gross", "f8"),  # had every order traded at the mid of its decision, free of charge
        ("half_spread", "f8"),
        ("impact", "f8"),
        ("latency", "f8"),
        ("fees", "f8"),
        ("max_drawdown", "f8"),  # share of peak equity
        ("filled", "i8"),  # fills
        ("trips", "i8"),  # round trips that were closed
        ("held_s", "i8"),  # seconds with a position
        ("seconds", "i8"),
    ]
)
"""Of one lane's episode."""
EVENT = np.dtype([("lane", "i8"), ("order", "i8"), ("step", STEP)])
"""A step in which something became of an order; `order`: the number of the last one sent on the lane."""
EVENTS, FILLS = 0, 1
"""Columns of what `record_nb` counts."""

HOLD = int(ActionType.HOLD)
BUY = int(ActionType.BUY)
SELL_ALL = SIZES * int(ActionType.SELL) + int(PositionSize.PCT_100)


@njit
def tally_nb(total, step, fills, count):
    """Add a step and its `count` fills."""
    total["pnl"] += step["equity_after"] - step["equity_before"]
    total["half_spread"] += step["half_spread"]
    total["impact"] += step["impact"]
    total["latency"] += step["latency"]
    total["fees"] += step["fees"]
    total["max_drawdown"] = max(total["max_drawdown"], step["drawdown"])
    total["filled"] += count
    total["trips"] += step["closed"]
    total["seconds"] += step["seconds"]
    if step["position_after"] != 0.0:
        total["held_s"] += step["seconds"]
    for i in range(count):
        total["gross"] -= fills[i]["shares"] * fills[i]["decision_mid"]


@njit
def trace_nb(row, lane, step, reward, equity, position, rewards, action):
    """Write a lane's step into row `row` of a trace."""
    equity[row, lane] = step["equity_after"]
    position[row, lane] = step["position_after"]
    rewards[row, lane] = reward
    action[row, lane] = step["action"]


@njit
def record_nb(row, alive, lanes, steps, rewards, fills, counts, totals, events, filled, written, traced):
    """Take down the last step of the lanes in `alive`, and take those out whose episode ended; number of those left.

    events (EVENT), filled (FILL): with room for this step; written [2]: rows of both so far; traced: arrays of a trace
    (equity, position, reward, action), without rows if there is none.
    """
    left = 0
    for i in range(len(alive)):
        if not alive[i]:
            continue
        step = steps[i]
        tally_nb(totals[i], step, fills[i], counts[i])
        if step["reason"] != 0 or step["closed"] != 0:
            event = events[written[EVENTS]]
            event["lane"], event["order"], event["step"] = i, lanes[i]["orders"], step
            written[EVENTS] += 1
        for k in range(counts[i]):
            filled[written[FILLS]] = fills[i, k]
            written[FILLS] += 1
        if row < len(traced[0]):
            trace_nb(row, i, step, rewards[i], *traced)
        alive[i] = step["ending"] == 0
        left += alive[i]
    return left


@njit
def wait_nb(chance, rate):
    """Decisions that pass before something happens that has probability `rate` at each; chance: uniform in (0, 1)."""
    if rate <= 0.0:
        return np.inf
    return np.floor(np.log(chance) / np.log1p(-rate)) if rate < 1.0 else 0.0


@njit
def random_action_nb(lane, leaving, chance, mask, day, rules, terms):
    """An order of random size if flat, to sell everything if `leaving`; HOLD if that is not possible."""
    if lane["order"] != 0 or (lane["position"] != 0.0 and not leaving):
        return HOLD
    mask_nb(lane, market_nb(day)[lane["second"]], day, rules, terms, mask)
    action = SELL_ALL if leaving else SIZES * BUY + int(chance * SIZES)
    return action if mask[action] else HOLD


@njit
def wander_nb(lane, total, step, fills, ticket, mask, day, rules, terms, entry, leave, stream):
    """Trade the lane's episode at random; see `wander_all_nb`. Seconds without a position are passed over."""
    draw, leaving = np.uint64(0), False
    last = min(lane["end"], day["last_s"])
    while True:
        chance = uniform_nb(stream, draw)
        draw += np.uint64(1)
        flat = lane["position"] == 0.0 and lane["order"] == 0
        if flat:
            wait = wait_nb(chance, entry) * terms["interval_s"]
            if lane["second"] + wait >= last:
                total["seconds"] += last - lane["second"]
                return
            lane["second"] += int(wait)
            total["seconds"] += int(wait)
            chance = uniform_nb(stream, draw)
            draw += np.uint64(1)
        leaving = lane["position"] != 0.0 and (leaving or chance < leave)
        action = random_action_nb(lane, leaving, chance, mask, day, rules, terms)
        count = step_lane_nb(action, lane, step, fills, ticket, day, rules, terms)
        tally_nb(total, step, fills, count)
        if step["ending"] != 0:
            return


@njit
def wander_all_nb(lanes, totals, steps, fills, tickets, mask, days, rules, terms, entry, leave, key, first):
    """Trade one episode on every lane, each from its own stream.

    entry: probability of an order at a decision while flat; leave: of beginning to sell everything while invested;
    key: uint64; first: number of the first of these lanes, so that parts can be traded apart.
    """
    for i in range(len(lanes)):
        stream, day = substream_nb(key, first + i), days[lanes[i]["day"]]
        wander_nb(lanes[i], totals[i], steps[0], fills, tickets[0], mask, day, rules[0], terms[0], entry, leave, stream)
