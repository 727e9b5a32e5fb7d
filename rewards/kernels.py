"""One step's reward of N lanes: every component's part, the guard over bonuses, the sums for the metrics.

Two properties hold by construction. An episode's reward is at most (1 + share) * G, potentials aside, where G is what
the telescoping parts (with rebates) have paid: penalties only take, and bonuses add at most share * G, losses
included. The bound is linear in G, so that no gamble between episodes beats it either. And an episode that the agent
ends is charged every penalty up to its cap, so that no penalty can be fled from.
"""

from __future__ import annotations

import numpy as np

from rewards.account import SMALLEST_EQUITY
from rewards.registry import Effect, Safety
from simulators.layout import STEP, Ending
from utils.jit import call_reward, njit, view1_nb, view2_nb

TERM = np.dtype(
    [
        ("function", "i8"),  # addresses
        ("params", "i8"),
        ("memory", "i8"),  # first number of the component in a lane's memory
        ("on_fills", "i8"),
        ("safety", "i8"),
        ("effect", "i8"),
        ("weight", "f8"),  # as of now
        ("clip", "f8"),  # in the component's units, inf for none
        ("cap", "f8"),  # of the sum over an episode, likewise
        ("smoothing", "f8"),  # weight of the past
    ]
)
"""A component as the kernel sees it."""

BOOK = np.dtype(
    [
        ("held", "f8"),  # Phi(s) of a potential, the moving average of others
        ("spent", "f8"),  # of the cap, in the component's units
        ("total", "f8"),  # paid so far
    ]
)
"""What is kept for each lane and component over an episode."""

PURSE = np.dtype(
    [
        ("gain", "f8"),  # telescoping parts and rebates so far
        ("asked", "f8"),  # bonuses before the guard, so far
        ("paid", "f8"),  # bonuses after it
    ]
)
"""What is kept for each lane over an episode."""

PLAN = np.dtype(
    [
        ("steps", "i8"),  # address of STEP [N]
        ("lanes", "i8"),  # N
        ("terms", "i8"),  # address of TERM [K]
        ("count", "i8"),  # K
        ("memory", "i8"),  # address of f64 [N, width]
        ("width", "i8"),
        ("books", "i8"),  # address of BOOK [N, K + 1]: the guard's comes last
        ("purses", "i8"),  # address of PURSE [N]
        ("parts", "i8"),  # address of f64 [N, K + 1], result
        ("total", "i8"),  # address of f32 [N], result
        ("sums", "i8"),  # address of f64 [2, K + 1]: parts and |parts| since they were cleared
        ("recent", "i8"),  # address of f64 [rows, K + 2]: totals and log returns of the last episodes
        ("rows", "i8"),
        ("ended", "i8"),  # episodes so far
        ("gamma", "f8"),
        ("bonus_share", "f8"),
    ]
)
"""Where everything is: one address crosses from Python faster than ten arrays."""

TELESCOPING, POTENTIAL = int(Safety.TELESCOPING), int(Safety.POTENTIAL)
NONE, PENALTY, BONUS, REBATE = int(Effect.NONE), int(Effect.PENALTY), int(Effect.BONUS), int(Effect.REBATE)
LENGTH = int(Ending.LENGTH)
FLOAT, SINGLE = np.float64, np.float32


@njit
def smoothed_nb(value, past, book, over):
    """Exponential moving average; what an ended episode has not been paid yet comes at once, so that no sum changes."""
    held = past * book["held"] + (1.0 - past) * value
    book["held"] = held
    return held / (1.0 - past) if over else held


@njit
def capped_nb(value, term, book, terminated):
    """`value` held to the component's effect and to what is left of its cap."""
    left = term["cap"] - book["spent"]
    effect = term["effect"]
    if effect == PENALTY:
        value = -left if terminated else min(max(value, -left), 0.0)
    elif effect == BONUS:
        value = max(min(value, left), 0.0)
    elif effect == REBATE:
        value = max(value, 0.0)
    book["spent"] += abs(value)
    return value


@njit
def part_nb(term, value, book, gamma, ending):
    """Weighted part of a component whose function gave `value`."""
    value = min(max(value, -term["clip"]), term["clip"])
    terminated = 0 < ending < LENGTH
    if term["safety"] == POTENTIAL:
        phi = 0.0 if terminated else value
        value = gamma * phi - book["held"]
        book["held"] = phi
    else:
        if term["smoothing"] > 0.0:
            value = smoothed_nb(value, term["smoothing"], book, ending != 0)
        if term["effect"] != NONE:
            value = capped_nb(value, term, book, terminated)
    part = term["weight"] * value
    book["total"] += part
    return part


@njit
def withheld_nb(purse, gain, bonus, share):
    """What the guard adds to a step's bonuses, mostly <= 0: in all they are min(asked for, share * net gain).

    With the gain below 0 that is a charge. Were it 0, bonuses would be worth more the wilder the bets.
    """
    purse["gain"] += gain
    purse["asked"] += bonus
    paid = min(purse["asked"], share * purse["gain"])
    withheld = paid - purse["paid"] - bonus
    purse["paid"] = paid
    return withheld


@njit
def lane_reward_nb(step, terms, plan, memory, books, purse, parts, sums):
    """Reward of one lane; its parts go to `parts` [K + 1], the guard's last, and are added to `sums` [2, K + 1]."""
    gain, bonus, reward = 0.0, 0.0, 0.0
    count, ending = len(terms), step["ending"]
    quiet = ending == 0 and step["notional"] == 0.0
    for k in range(count):
        term = terms[k]
        if quiet and term["on_fills"] != 0 and books[k]["held"] == 0.0:
            parts[k] = 0.0
            continue
        value = call_reward(term["function"], step, term["params"], memory + 8 * term["memory"])
        if value == 0.0 and ending == 0 and books[k]["held"] == 0.0:  # most of them, most of the time
            parts[k] = 0.0
            continue
        part = part_nb(term, value, books[k], plan["gamma"], ending)
        parts[k] = part
        reward += part
        sums[0, k] += part
        sums[1, k] += abs(part)
        if term["effect"] == BONUS:
            bonus += part
        elif term["effect"] == REBATE or term["safety"] == TELESCOPING:
            gain += part
    withheld = withheld_nb(purse, gain, bonus, plan["bonus_share"]) if gain != 0.0 or bonus != 0.0 else 0.0
    parts[count] = withheld
    sums[0, count] += withheld
    sums[1, count] += abs(withheld)
    books[count]["total"] += withheld
    return reward + withheld


@njit
def keep_episode_nb(step, books, row):
    """Totals of an ended episode and its log return into `row` [K + 2]."""
    count = len(books)
    for k in range(count):
        row[k] = books[k]["total"]
    row[count] = np.log(max(step["equity_after"], SMALLEST_EQUITY) / step["start_equity"])


@njit
def finish_nb(step, plan, memory, books, purse):
    """Keep the totals of an ended episode, and begin the next."""
    row = view2_nb(plan["recent"], plan["rows"], plan["count"] + 2, FLOAT)[plan["ended"] % plan["rows"]]
    keep_episode_nb(step, books, row)
    plan["ended"] += 1
    forget_nb(view1_nb(memory, plan["width"], FLOAT), books, purse)


@njit
def reward_nb(address, first, stop):
    """Write reward and parts of the lanes [first, stop) as the PLAN at `address` says."""
    plan = view1_nb(address, 1, PLAN)[0]
    count, lanes = plan["count"] + 1, plan["lanes"]
    steps = view1_nb(plan["steps"], lanes, STEP)
    terms = view1_nb(plan["terms"], plan["count"], TERM)
    books, purses = view2_nb(plan["books"], lanes, count, BOOK), view1_nb(plan["purses"], lanes, PURSE)
    parts, sums = view2_nb(plan["parts"], lanes, count, FLOAT), view2_nb(plan["sums"], 2, count, FLOAT)
    total = view1_nb(plan["total"], lanes, SINGLE)
    for i in range(first, stop):
        memory = plan["memory"] + 8 * plan["width"] * i
        total[i] = lane_reward_nb(steps[i], terms, plan, memory, books[i], purses[i], parts[i], sums)
        if steps[i]["ending"] != 0:
            finish_nb(steps[i], plan, memory, books[i], purses[i])


@njit
def forget_nb(memory, books, purse):
    """A new episode begins on the lane."""
    memory[:] = 0.0
    for k in range(len(books)):
        books[k]["held"] = 0.0
        books[k]["spent"] = 0.0
        books[k]["total"] = 0.0
    purse["gain"] = 0.0
    purse["asked"] = 0.0
    purse["paid"] = 0.0
