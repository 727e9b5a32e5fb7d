"""What episodes come to: sums over a lane's steps, and whole episodes of random trading in one call.

Both stand in one file, because numba's cache does not notice an edited callee in another one.
"""

from __future__ import annotations

import numpy as np

from envs.step_kernels import mask_nb, step_lane_nb
from rewards.kernels import reward_nb
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
def record_nb(i, row, lane, step, reward, fills, count, book, traced):
    """Take down a step of lane i and its `count` fills.

    book: (totals, events (EVENT), filled (FILL), written), the last [2] being the rows of both so far, with room for
    the step; traced: arrays of a trace (equity, position, reward, action), without rows if there is none.
    """
    totals, events, filled, written = book
    tally_nb(totals[i], step, fills, count)
    if step["reason"] != 0 or step["closed"] != 0:
        event = events[written[EVENTS]]
        event["lane"], event["order"], event["step"] = i, lane["orders"], step
        written[EVENTS] += 1
    for k in range(count):
        filled[written[FILLS]] = fills[k]
        written[FILLS] += 1
    if row < len(traced[0]):
        trace_nb(row, i, step, reward, *traced)


@njit
def record_all_nb(rows, alive, lanes, steps, rewards, fills, counts, book, traced):
    """`record_nb` of the last step of the lanes in `alive`; rows [N]: decisions of each so far. How many go on."""
    left = 0
    for i in range(len(alive)):
        if alive[i]:
            record_nb(i, rows[i], lanes[i], steps[i], rewards[i], fills[i], counts[i], book, traced)
            rows[i] += 1
            alive[i] = steps[i]["ending"] == 0
            left += alive[i]
    return left


@njit
def play_nb(which, actions, planned, rows, alive, core, book, traced):
    """Step each of the lanes `which` through its next `planned` actions, lane after lane, and take them down.

    actions: of all, in a row; planned [n]: becomes how many were taken, fewer where an episode ended or the book is
    full; core: `envs.vector_environment.Core`.
    """
    days, rules, terms, lanes, tickets, steps, fills, reward, rewards = core
    _, events, filled, written = book
    first = 0
    for j in range(len(which)):
        i, taken = which[j], 0
        lane, day = lanes[i], days[lanes[i]["day"]]
        while taken < planned[j] and alive[i]:
            if written[EVENTS] >= len(events) or written[FILLS] + fills.shape[1] > len(filled):
                break
            action = actions[first + taken]
            count = step_lane_nb(action, lane, steps[i], fills[i], tickets[i], day, rules[0], terms[0])
            reward_nb(reward, i, i + 1)
            record_nb(i, rows[i], lane, steps[i], rewards[i], fills[i], count, book, traced)
            rows[i] += 1
            taken += 1
            alive[i] = steps[i]["ending"] == 0
        first += planned[j]
        planned[j] = taken


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
