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


SIZES = len(PositionSize)
ACTIONS = len(ActionType) * SIZES
"""12"""
SIZE_FRACTIONS = np.array([0.25, 0.5, 0.75, 1.0])


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
    NO_LIQUIDITY = 12  # nothing displayed after own consumption
    FLATTENED = 13  # forced liquidation at the end of an episode
    WAITING = 14  # still on its way to the market


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
        ("pending", "i4"),  # action on its way to the market, -1 if none
        ("arrival_ns", "i8"),  # when it arrives
        ("entry_second", "i4"),  # when the position was opened, -1 if flat
        ("_pad", "i4"),
        ("key", "u8"),  # random stream of the lane
        ("draw", "u8"),  # draws taken from it
        ("start_equity", "f8"),
        ("cash", "f8"),
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
        ("_pad", "i4"),
        ("equity_before", "f8"),
        ("equity_after", "f8"),  # forced flatten included
        ("start_equity", "f8"),
        ("position_before", "f8"),
        ("position_after", "f8"),
        ("exposure", "f8"),  # |position| * mid / equity after the step
        ("filled", "f8"),  # shares, signed
        ("price", "f8"),  # average fill price, 0 if none
        ("notional", "f8"),  # |filled| * price
        ("fees", "f8"),
        ("cost", "f8"),  # fees + fill against mid at arrival, dollars
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
        ("ts_ns", "i8"),  # arrival, UTC
        ("shares", "f8"),  # signed
        ("price", "f8"),
        ("fees", "f8"),
        ("mid", "f8"),  # at arrival
        ("position", "f8"),  # after the fill
        ("cash", "f8"),  # after the fill
        ("realised", "f8"),  # net, by this fill
    ]
)
FILLS_PER_STEP = 4
"""Room per lane and step: orders are one at a time, plus a forced flatten."""


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
