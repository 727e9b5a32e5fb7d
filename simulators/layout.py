"""Codes and record layouts of the simulation, declared once.

Money in dollars, quantities in shares, times in ns or seconds.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class ActionType(IntEnum):
    """What an action does; an action is `4 * type + size`."""

    HOLD = 0
    BUY = 1
    SELL = 2


class PositionSize(IntEnum):
    """How much of the buying power (or of the position) an action moves."""

    PCT_25 = 0
    PCT_50 = 1
    PCT_75 = 2
    PCT_100 = 3


DOLLAR = 1_000_000_000
"""In units of event prices. Dividing by it gives the double nearest to the decimal price; a product would not."""
SIZES = len(PositionSize)
ACTIONS = len(ActionType) * SIZES
"""12"""


class Reason(IntEnum):
    """What became of an order."""

    NONE = 0  # no order
    FILLED = 1
    PARTIAL = 2  # cut by displayed size, participation cap or price protection; the remainder is cancelled (IOC)
    INVALID = 3  # not possible from this position
    CLOSED = 4  # session closed
    HALTED = 5
    NO_QUOTE = 6  # one-sided or undefined book
    CROSSED = 7
    WIDE = 8  # spread above the limit
    STALE = 9  # quote too old
    LULD = 10  # limit outside the band
    NO_CASH = 11  # buys less than one share
    NO_LIQUIDITY = 12  # nothing left after own consumption, or not one share within the limit price
    FLATTENED = 13  # forced liquidation at the end of an episode
    WAITING = 14  # on its way to the market, or resting there
    RESTED = 15  # not marketable at its arrival: it rests in the book
    EXPIRED = 16  # what rested was cancelled: its time was up, or the session over
    REPLACED = 17  # what rested was cancelled for a stop or a margin call
    SSR = 18  # a short sale at the bid while the short-sale restriction holds (Rule 201)
    NO_LOCATE = 19  # no shares to borrow
    DAY_TRADES = 20  # no day trade left (pattern-day-trader rule)


class OrderKind(IntEnum):
    """How an order behaves, and who sent it."""

    IOC = 0  # marketable limit, immediate or cancel
    LIMIT = 1  # limit at the near touch of the decision; what does not trade at once rests
    STOP = 2  # protective stop that was triggered: marketable, whole position
    MARGIN = 3  # the broker closes the position
    FLATTEN = 4  # forced valuation at the end of an episode


class Ending(IntEnum):
    """Why an episode ended; 0 while it runs."""

    RUNNING = 0
    BANKRUPT = 1  # terminated
    MAX_LOSS = 2  # terminated
    INVALID_LIMIT = 3  # terminated
    LENGTH = 4  # truncated
    DATA_END = 5  # truncated


LANE = np.dtype(
    [
        ("day", "i4"),  # row of the day bank
        ("second", "i4"),  # last second that was observed
        ("start", "i4"),  # second of the first observation
        ("end", "i4"),  # second at which the episode is truncated
        ("ending", "i4"),  # Ending
        ("invalid", "i4"),  # invalid actions so far
        ("trades", "i4"),  # closed round trips so far
        ("entry_second", "i4"),  # when the position was opened, -1 if flat
        # the one order that may be under way or resting
        ("order", "i4"),  # 1 while there is one
        ("resting", "i4"),  # 1 once it rests in the book
        ("kind", "i4"),  # OrderKind
        ("_pad", "i4"),
        ("arrival_ns", "i8"),  # when it reaches the market
        ("order_shares", "f8"),  # what is still wanted, signed
        ("limit", "i8"),  # 1e-9 dollars, of a LIMIT order; else 0
        ("ahead", "f8"),  # shares before it in the queue; -1 while its price is not the best and nobody can tell
        ("rest_until_ns", "i8"),
        ("decision_mid", "f8"),  # when it was sent
        ("order_filled", "f8"),  # shares so far, for the commission, which is by order
        ("order_value", "f8"),
        ("order_commission", "f8"),
        ("stop", "i8"),  # trigger of the protective stop, 1e-9 dollars; 0 if none
        ("stop_from_ns", "i8"),  # trades before this do not trigger it
        ("key", "u8"),  # random stream of the lane
        ("orders", "u8"),  # sent so far; each has a stream of its own
        ("start_equity", "f8"),
        ("cash", "f8"),
        ("unsettled", "f8"),  # of it, proceeds of today's sales
        ("located", "f8"),  # shares borrowed today: paid for once
        ("position", "f8"),  # shares, negative if short
        ("entry_price", "f8"),  # average, 0 if flat
        ("equity", "f8"),  # liquidation value: cash + shares at bid (long) or ask (short)
        ("peak_equity", "f8"),
        ("realised", "f8"),  # net of fees, this episode
        ("fees", "f8"),  # this episode
        ("trade_realised", "f8"),  # of the open round trip, net
        ("mae", "f8"),  # worst open P&L of the open round trip as a share of its cost, <= 0
        ("mfe", "f8"),  # best, >= 0
        ("traded", "f8"),  # notional traded this episode
        ("locate_fees", "f8"),  # dollars, part of `fees`
        ("used_bid", "f8"),  # own consumption of the bid's displayed size, decaying
        ("used_ask", "f8"),
        ("used_ns", "i8"),  # time of those two
        ("flow_buy", "f8"),  # own flow for the impact formula, decaying
        ("flow_sell", "f8"),
        ("flow_ns", "i8"),
    ]
)
"""State of one lane. One record per lane makes a snapshot of the environment one array."""

STEP = np.dtype(
    [
        ("day", "i4"),
        ("second", "i4"),  # after the step
        ("action", "i4"),
        ("invalid", "i4"),  # 1 if the action was not possible (before masking or mapping to HOLD)
        ("reason", "i4"),  # Reason of the last order event in the step
        ("ending", "i4"),  # Ending; != 0 means the episode is over
        ("closed", "i4"),  # 1 if a round trip was closed in the step
        ("held_s", "i4"),  # seconds the position has been (or had been) open
        ("seconds", "i4"),  # seconds the step took
        ("kind", "i4"),  # OrderKind of that event
        ("order", "i4"),  # number of the order that the action sent, from 1 on each lane; 0 if it sent none
        ("_pad", "i4"),
        ("wanted", "f8"),  # shares of that order, signed
        ("equity_before", "f8"),
        ("equity_after", "f8"),  # forced flatten included
        ("start_equity", "f8"),
        ("position_before", "f8"),
        ("position_after", "f8"),
        ("exposure", "f8"),  # |position| * mid / equity after the step
        ("sigma", "f8"),  # daily volatility as known after the step
        ("entry_value", "f8"),  # what the open position cost, dollars
        ("closed_value", "f8"),  # what the shares that were closed in the step had cost, dollars
        ("filled", "f8"),  # shares, signed
        ("price", "f8"),  # average fill price, 0 if none
        ("notional", "f8"),  # |filled| * price
        ("fees", "f8"),
        ("cost", "f8"),  # fees + half spread + impact, dollars
        ("half_spread", "f8"),  # touch against mid at arrival, dollars; negative where a resting order earned it
        ("impact", "f8"),  # fill against touch: walk, own pressure
        ("latency", "f8"),  # mid at arrival against mid at the decision
        ("realised", "f8"),  # net of fees, in the step
        ("trade_realised", "f8"),  # of the round trip that was closed, else of the open one
        ("unrealised", "f8"),
        ("mae", "f8"),
        ("mfe", "f8"),
        ("drawdown", "f8"),  # 1 - equity / peak equity of the episode
    ]
)
"""What one decision step did to one lane: input of the rewards, of `info` and of the ledgers."""

FILL = np.dtype(
    [
        ("lane", "i4"),
        ("day", "i4"),
        ("second", "i4"),  # in which the order arrived
        ("reason", "i4"),
        ("kind", "i4"),  # OrderKind
        ("order", "i4"),  # number of the order on its lane, from 1; that of the last one sent for a FLATTEN
        ("ts_ns", "i8"),  # arrival, UTC
        ("shares", "f8"),  # signed
        ("price", "f8"),
        ("fees", "f8"),
        ("mid", "f8"),  # at arrival
        ("decision_mid", "f8"),  # when the order was sent
        ("half_spread", "f8"),  # dollars; with impact, latency and fees: what the fill cost against the decision's mid
        ("impact", "f8"),
        ("latency", "f8"),
        ("position", "f8"),  # after the fill
        ("cash", "f8"),  # after the fill
        ("realised", "f8"),  # net, by this fill
    ]
)
FILLS_PER_SECOND = 2
"""An order may trade, and the stop of what it bought may follow at once."""


class Portfolio(IntEnum):
    """Columns of the portfolio observation, float32, all within [-5, 5]."""

    SIDE = 0  # -1, 0, 1
    EXPOSURE = 1  # position value / equity
    UNREALISED = 2  # unrealised P&L / position cost, x 20
    TRADE_TIME = 3  # log1p(seconds in trade) / 8
    MAE = 4  # x 20
    MFE = 5  # x 20
    CASH_SHARE = 6  # cash / equity
    DRAWDOWN = 7  # x 10
    EPISODE_RETURN = 8  # ln(equity / start equity) x 10
    PENDING = 9  # 1 while an order is on its way


DAY = np.dtype(
    [
        ("market", "i8"),  # addresses of the day's arrays, see simulators/day_bank.py
        ("quotes", "i8"),
        ("quote_rows", "i8"),
        ("halts", "i8"),
        ("quote_count", "i8"),
        ("halt_count", "i8"),
        ("trades", "i8"),
        ("trade_rows", "i8"),
        ("trade_count", "i8"),
        ("start_ns", "i8"),  # 04:00:00 New York, UTC
        ("open_s", "i4"),
        ("close_s", "i4"),
        ("first_s", "i4"),  # orders may arrive from this second on
        ("end_s", "i4"),  # and before this one
        ("last_s", "i4"),  # last second that can be observed
        ("settle", "i4"),  # 1: proceeds of sales cannot be spent today (cash account)
        ("day_trades_left", "i4"),  # -1: no limit
        ("locate", "i4"),  # 1: shares can be borrowed today
        ("leverage", "f8"),  # most exposure / equity
        ("maintenance", "f8"),  # least equity / exposure before the broker closes the position
        ("sec_rate", "f8"),  # dollars per dollar sold
        ("taf_per_share", "f8"),  # dollars per share sold
        ("taf_cap", "f8"),  # dollars per fill
    ]
)
"""One day of a `DayBank` as kernels see it."""

RULES = np.dtype(
    [
        ("latency_model", "i8"),  # addresses, see simulators/models.py
        ("latency_params", "i8"),
        ("latency_table", "i8"),
        ("latency_rows", "i8"),
        ("fill_model", "i8"),
        ("fill_params", "i8"),
        ("max_spread", "f8"),  # share of mid
        ("stale_regular_ns", "f8"),
        ("stale_extended_ns", "f8"),
        ("limit_offset", "f8"),
        ("consumption_halflife_ns", "f8"),
        ("flow_halflife_ns", "f8"),
        ("order_kind", "i8"),  # OrderKind of the agent's orders in regular hours: IOC or LIMIT
        ("rest_ns", "i8"),
        ("stop_distance", "f8"),  # of the entry price; 0: no stops
        ("fee_per_share", "f8"),
        ("fee_minimum", "f8"),  # per order
        ("fee_max_share", "f8"),  # of the order's value
        ("capital", "f8"),
        ("allow_short", "i8"),
        ("locate_minimum", "f8"),  # dollars per share
        ("locate_share", "f8"),  # of the price
    ]
)
"""`SimulationConfig` as kernels see it."""

TICKET = np.dtype(
    [
        # the order
        ("side", "i8"),  # +1 buy, -1 sell
        ("wanted", "f8"),  # shares
        ("limit", "i8"),  # 1e-9 dollars: worst price that may be paid
        # the book it meets
        ("touch", "i8"),  # 1e-9 dollars: ask for buys, bid for sells
        ("spread", "i8"),
        ("tick", "i8"),
        ("displayed", "f8"),  # shares at the touch
        ("mid", "f8"),  # dollars
        ("since_resume_ns", "f8"),  # since the last halt ended
        # the market around it
        ("volume_30s", "f8"),  # shares traded in the last 30 s
        ("volume", "f8"),  # V of the impact, shares
        ("sigma", "f8"),  # daily volatility
        # own recent trading on this side
        ("used", "f8"),  # shares that still count as taken from the book
        ("flow", "f8"),  # shares that still press on the price
        # the model's answer
        ("shares", "f8"),  # filled, whole, >= 0
        ("price", "f8"),  # average, dollars
    ]
)
"""An order at the market: what a fill model is asked, and where it answers."""

TERMS = np.dtype(
    [
        ("interval_s", "i4"),  # seconds from one decision to the next
        ("invalid_limit", "i4"),  # invalid actions that end an episode; 0: never
        ("show_mask", "i4"),  # 0: the published mask allows everything
        ("_pad", "i4"),
        ("max_loss", "f8"),
        ("bankrupt_equity", "f8"),
    ]
)
"""`EnvConfig` as kernels see it."""
