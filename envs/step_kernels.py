"""One step of N lanes: decide -> seconds pass -> end -> observe, lane after lane, in one call.

Row `second` of `MarketDay.market` is what a lane has observed; rows after it are read only as time gets there.
"""

from __future__ import annotations

import numpy as np

from data.layout import SECOND_NS, Market
from simulators.execution_kernels import market_nb
from simulators.lane_kernels import second_nb
from simulators.layout import ACTIONS, SIZES, ActionType, Ending, OrderKind, Portfolio, Reason
from simulators.order_kernels import flatten_nb, send_nb
from simulators.portfolio_kernels import (
    affordable_nb,
    buying_power_nb,
    mark_nb,
    mark_price_nb,
    opening_nb,
    order_shares_nb,
    unrealised_nb,
)
from utils.jit import njit

BID = int(Market.BID)
ASK = int(Market.ASK)
TRADABLE = int(Market.TRADABLE)
REGULAR = int(Market.REGULAR)
SIGMA_DAILY = int(Market.SIGMA_DAILY)
HOLD = int(ActionType.HOLD)
BUY = int(ActionType.BUY)
SELL = int(ActionType.SELL)
NONE = int(Reason.NONE)
INVALID = int(Reason.INVALID)
IOC = int(OrderKind.IOC)
RUNNING = int(Ending.RUNNING)
BANKRUPT = int(Ending.BANKRUPT)
MAX_LOSS = int(Ending.MAX_LOSS)
INVALID_LIMIT = int(Ending.INVALID_LIMIT)
LENGTH = int(Ending.LENGTH)
DATA_END = int(Ending.DATA_END)

SIDE = int(Portfolio.SIDE)
EXPOSURE = int(Portfolio.EXPOSURE)
UNREALISED = int(Portfolio.UNREALISED)
TRADE_TIME = int(Portfolio.TRADE_TIME)
MAE = int(Portfolio.MAE)
MFE = int(Portfolio.MFE)
CASH_SHARE = int(Portfolio.CASH_SHARE)
DRAWDOWN = int(Portfolio.DRAWDOWN)
EPISODE_RETURN = int(Portfolio.EPISODE_RETURN)
PENDING = int(Portfolio.PENDING)
PORTFOLIO_BOUND = 5.0
SMALLEST_EQUITY = 1.0
"""Dollars: keeps ratios to equity finite when an account is wiped out."""


@njit
def can_order_nb(lane, row, day):
    """Whether an order may be sent at all: no other is alive, trading is on, a two-sided book is known."""
    if lane["order"] != 0 or row[TRADABLE] == 0.0 or row[BID] <= 0.0 or row[ASK] <= 0.0:
        return False
    return day["first_s"] <= lane["second"] < day["end_s"]


@njit
def kind_nb(row, rules):
    """OrderKind of the agent's orders now: outside regular hours marketable ones only."""
    return rules["order_kind"] if row[REGULAR] != 0.0 else IOC


@njit
def side_reason_nb(side, lane, row, day, rules):
    """Why no order of that side may be sent, or NONE. An order against the position is always allowed."""
    if side * lane["position"] < 0.0:
        return NONE
    return opening_nb(side, kind_nb(row, rules), lane, row, day, rules)


@njit
def decide_nb(action, lane, step, row, day, rules):
    """Send the action's order, or count it as invalid and hold."""
    if 0 <= action < SIZES * BUY:
        return
    shares = 0.0
    reason = INVALID
    if SIZES * BUY <= action < ACTIONS and can_order_nb(lane, row, day):
        side = 1.0 if action // SIZES == BUY else -1.0
        reason = side_reason_nb(side, lane, row, day, rules)
        if reason == NONE:
            shares = order_shares_nb(side, (action % SIZES + 1) / SIZES, lane, row, day, rules)
            reason = INVALID
    if shares == 0.0:
        step["invalid"] = 1
        step["reason"] = reason
        lane["invalid"] += 1
    else:
        sent_ns = day["start_ns"] + (lane["second"] + 1) * SECOND_NS
        send_nb(lane, kind_nb(row, rules), shares, sent_ns, row, rules, step)
        step["order"] = lane["orders"]
        step["wanted"] = shares


@njit
def ending_nb(lane, day, terms):
    """Whether and why the episode is over."""
    if lane["equity"] <= terms["bankrupt_equity"] * lane["start_equity"]:
        return BANKRUPT
    if lane["equity"] <= (1.0 - terms["max_loss"]) * lane["start_equity"]:
        return MAX_LOSS
    if 0 < terms["invalid_limit"] <= lane["invalid"]:
        return INVALID_LIMIT
    if lane["second"] >= day["last_s"]:
        return DATA_END
    if lane["second"] >= lane["end"]:
        return LENGTH
    return RUNNING


@njit
def begin_step_nb(lane, step, action):
    """Clear the lane's STEP and note where it starts from."""
    step["action"] = action
    step["day"] = lane["day"]
    step["invalid"] = 0
    step["reason"] = 0
    step["kind"] = 0
    step["order"] = 0
    step["wanted"] = 0.0
    step["closed"] = 0
    step["held_s"] = 0
    step["seconds"] = lane["second"]
    step["equity_before"] = lane["equity"]
    step["start_equity"] = lane["start_equity"]
    step["position_before"] = lane["position"]
    step["filled"] = 0.0
    step["price"] = 0.0
    step["notional"] = 0.0
    step["fees"] = 0.0
    step["cost"] = 0.0
    step["half_spread"] = 0.0
    step["impact"] = 0.0
    step["latency"] = 0.0
    step["realised"] = 0.0
    step["closed_value"] = 0.0


@njit
def end_step_nb(lane, step, row, ending):
    """Note where the lane has got to."""
    lane["ending"] = ending
    position = lane["position"]
    step["second"] = lane["second"]
    step["seconds"] = lane["second"] - step["seconds"]
    step["ending"] = ending
    step["equity_after"] = lane["equity"]
    step["position_after"] = position
    mid = 0.5 * (row[BID] + row[ASK])
    step["exposure"] = abs(position) * mid / max(lane["equity"], SMALLEST_EQUITY)
    step["sigma"] = row[SIGMA_DAILY]
    step["entry_value"] = abs(position) * lane["entry_price"]
    step["unrealised"] = unrealised_nb(lane, row)
    step["drawdown"] = 1.0 - lane["equity"] / lane["peak_equity"]
    if step["closed"] == 0:
        open_ = position != 0.0
        step["held_s"] = lane["second"] - lane["entry_second"] if open_ else 0
        step["trade_realised"] = lane["trade_realised"] if open_ else 0.0
        step["mae"] = lane["mae"] if open_ else 0.0
        step["mfe"] = lane["mfe"] if open_ else 0.0


@njit
def step_lane_nb(action, lane, step, fills, ticket, day, rules, terms):
    """One decision of one lane; number of fills."""
    market = market_nb(day)
    begin_step_nb(lane, step, action)
    decide_nb(action, lane, step, market[lane["second"]], day, rules)
    count = 0
    ending = RUNNING
    for _ in range(terms["interval_s"]):
        count = second_nb(lane, step, fills, count, ticket, market, day, rules)
        ending = ending_nb(lane, day, terms)
        if ending != RUNNING:
            break
    row = market[lane["second"]]
    if ending != RUNNING:
        count += flatten_nb(lane, step, fills[count], ticket, row, day, rules)
        mark_nb(lane, row)
    end_step_nb(lane, step, row, ending)
    return count


@njit
def bounded_nb(x):
    """`x` within the bounds of the portfolio observation."""
    return min(max(x, -PORTFOLIO_BOUND), PORTFOLIO_BOUND)


@njit
def observe_portfolio_nb(lane, row, out):
    """The portfolio observation; columns are those of `Portfolio`."""
    position, price = lane["position"], mark_price_nb(lane, row)
    equity = max(lane["equity"], SMALLEST_EQUITY)
    out[SIDE] = np.sign(position)
    out[EXPOSURE] = bounded_nb(position * price / equity)
    out[UNREALISED] = 0.0
    out[TRADE_TIME] = 0.0
    out[MAE] = 0.0
    out[MFE] = 0.0
    if position != 0.0:
        move = (price / lane["entry_price"] - 1.0) * np.sign(position)
        out[UNREALISED] = bounded_nb(20.0 * move)
        out[TRADE_TIME] = np.log1p(float(lane["second"] - lane["entry_second"])) / 8.0
        out[MAE] = bounded_nb(20.0 * lane["mae"])
        out[MFE] = bounded_nb(20.0 * lane["mfe"])
    out[CASH_SHARE] = bounded_nb(lane["cash"] / equity)
    out[DRAWDOWN] = bounded_nb(10.0 * (1.0 - equity / lane["peak_equity"]))
    out[EPISODE_RETURN] = 0.0
    if equity != lane["start_equity"]:
        out[EPISODE_RETURN] = bounded_nb(10.0 * np.log(equity / lane["start_equity"]))
    out[PENDING] = 1.0 if lane["order"] != 0 else 0.0


@njit
def mask_side_nb(side, lane, row, day, rules, out):
    """Write the validity of the four sizes of one side."""
    first = SIZES * (BUY if side > 0.0 else SELL)
    if side * lane["position"] < 0.0:
        for size in range(SIZES):
            out[first + size] = True
    elif side_reason_nb(side, lane, row, day, rules) == NONE:
        power = buying_power_nb(lane, mark_price_nb(lane, row), day)
        touch = row[ASK] if side > 0.0 else row[BID]
        possible = False
        for size in range(SIZES):
            # a larger budget never buys less
            possible = possible or affordable_nb(power * (size + 1) / SIZES, touch, side, rules) >= 1.0
            out[first + size] = possible


@njit
def mask_nb(lane, row, day, rules, terms, out):
    """Which actions are possible. HOLD is action 0 alone: 1-3 mean the same."""
    everything = terms["show_mask"] == 0
    for action in range(ACTIONS):
        out[action] = everything
    out[HOLD] = True
    if not everything and can_order_nb(lane, row, day):
        mask_side_nb(1.0, lane, row, day, rules, out)
        mask_side_nb(-1.0, lane, row, day, rules, out)


@njit
def observe_nb(lane, day, rules, terms, index, portfolio, mask):
    """Write the lane's observation and mask."""
    row = market_nb(day)[lane["second"]]
    index[0] = lane["day"]
    index[1] = lane["second"]
    observe_portfolio_nb(lane, row, portfolio)
    mask_nb(lane, row, day, rules, terms, mask)


@njit
def observe_all_nb(days, rules, terms, lanes, index, portfolio, mask):
    """Observations of all lanes as they stand."""
    for i in range(len(lanes)):
        day = days[lanes[i]["day"]]
        observe_nb(lanes[i], day, rules[0], terms[0], index[i], portfolio[i], mask[i])


@njit
def foresee_nb(which, ahead, days, rules, terms, lanes, scratch, index, portfolio, mask, found):
    """What the lanes in `which` will observe as long as they hold, for up to `ahead` decisions each, one after another.

    scratch: (LANE, STEP, FILL and TICKET arrays of one lane); found: rows by lane, fewer where an episode ends.
    """
    copy, step, fills, ticket = scratch
    row = 0
    for j in range(len(which)):
        copy[0] = lanes[which[j]]
        lane, found[j] = copy[0], 0
        day = days[lane["day"]]
        while found[j] < ahead[j]:
            observe_nb(lane, day, rules[0], terms[0], index[row], portfolio[row], mask[row])
            row += 1
            found[j] += 1
            if found[j] < ahead[j]:
                step_lane_nb(HOLD, lane, step[0], fills, ticket[0], day, rules[0], terms[0])
                if lane["ending"] != RUNNING:
                    break


@njit
def step_nb(
    actions, days, rules, terms, lanes, tickets, steps, fills, counts, index, portfolio, mask, terminated, truncated
):
    """One decision of every lane; number of episodes that ended."""
    done = 0
    for i in range(len(lanes)):
        lane = lanes[i]
        day = days[lane["day"]]
        counts[i] = step_lane_nb(actions[i], lane, steps[i], fills[i], tickets[i], day, rules[0], terms[0])
        observe_nb(lane, day, rules[0], terms[0], index[i], portfolio[i], mask[i])
        ending = lane["ending"]
        terminated[i] = RUNNING < ending < LENGTH
        truncated[i] = ending >= LENGTH
        done += ending != RUNNING
    return done
