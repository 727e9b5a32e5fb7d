"""Cash, position and marks of one lane. Signs are general: a position may be long or short.

`lane` is a LANE record and changes in place; `row` is one row of `MarketDay.market`; `day` and `rules` are DAY and
RULES records.
"""

from __future__ import annotations

import numpy as np

from data.layout import Market
from simulators.fees import commission_nb, locate_rate_nb
from simulators.layout import OrderKind, Reason
from utils.jit import njit

BID = int(Market.BID)
ASK = int(Market.ASK)
SSR_ON = int(Market.SSR)
NONE = int(Reason.NONE)
INVALID = int(Reason.INVALID)
SSR = int(Reason.SSR)
NO_LOCATE = int(Reason.NO_LOCATE)
DAY_TRADES = int(Reason.DAY_TRADES)
IOC = int(OrderKind.IOC)


@njit
def mark_price_nb(lane, row):
    """Dollars a share of the position is worth now: bid if long, ask if short; 0 if flat.

    The raw touch, never the lane's own fill: otherwise it could earn by pushing its own mark.
    """
    position = lane["position"]
    if position == 0.0:
        return 0.0
    price = row[BID] if position > 0.0 else row[ASK]
    return price if price > 0.0 else lane["entry_price"]


@njit
def excursion_nb(lane, price):
    """Widen the open trade's MAE and MFE (shares of its cost) to `price`."""
    if lane["position"] == 0.0:
        return
    move = (price / lane["entry_price"] - 1.0) * np.sign(lane["position"])
    lane["mae"] = min(lane["mae"], move)
    lane["mfe"] = max(lane["mfe"], move)


@njit
def mark_nb(lane, row):
    """Value the account at liquidation prices."""
    price = mark_price_nb(lane, row)
    lane["equity"] = lane["cash"] + lane["position"] * price
    lane["peak_equity"] = max(lane["peak_equity"], lane["equity"])
    excursion_nb(lane, price)


@njit
def unrealised_nb(lane, row):
    """Dollars: open profit at liquidation prices."""
    return (mark_price_nb(lane, row) - lane["entry_price"]) * lane["position"]


@njit
def buying_power_nb(lane, price, day):
    """Dollars that new exposure may cost: equity * leverage less the position, at `price` a share.

    Where sales settle later, no more than the cash that is settled.
    """
    held = lane["position"] * price
    power = (lane["cash"] + held) * day["leverage"] - abs(held)
    if day["settle"] != 0:
        power = min(power, lane["cash"] - lane["unsettled"])
    return max(power, 0.0)


@njit
def margin_call_nb(lane, row, day):
    """Whether equity has fallen below the maintenance margin, so that the broker closes the position."""
    exposure = abs(lane["position"]) * mark_price_nb(lane, row)
    return lane["equity"] < day["maintenance"] * exposure


@njit
def affordable_nb(budget, price, side, rules):
    """Most whole shares that `budget` dollars buy (or sell short) at `price`, commission and locate included."""
    each = price + (locate_rate_nb(price, rules) if side < 0.0 else 0.0)
    shares = np.floor(budget / each)
    fee = commission_nb(shares, shares * price, rules)
    return max(np.floor((budget - fee) / each), 0.0)


@njit
def opening_nb(side, kind, lane, row, day, rules):
    """Why the lane may not open or add to a position on that side now, or NONE.

    Rule 201 allows short sales above the national bid only: one that is marketable is not.
    """
    if lane["position"] == 0.0 and 0 <= day["day_trades_left"] <= lane["trades"]:
        return DAY_TRADES
    if side > 0.0:
        return NONE
    if rules["allow_short"] == 0 or day["settle"] != 0:
        return INVALID
    if day["locate"] == 0:
        return NO_LOCATE
    return SSR if kind == IOC and row[SSR_ON] != 0.0 else NONE


@njit
def order_shares_nb(side, fraction, lane, row, day, rules):
    """Signed whole shares of an order of that side and fraction of what is possible.

    Against a position: that share of it, rounded up. Otherwise: that share of the buying power, fees reserved.
    """
    position = lane["position"]
    if side * position < 0.0:
        return side * np.ceil(fraction * abs(position) - 1e-9)
    touch = row[ASK] if side > 0.0 else row[BID]
    power = buying_power_nb(lane, mark_price_nb(lane, row), day)
    return side * affordable_nb(fraction * power, touch, side, rules)


@njit
def locate_nb(lane, shares, price, rules):
    """Borrow what a fill of `shares` (signed) will be short beyond what was located today; dollars it costs."""
    needed = -(lane["position"] + shares) - lane["located"]
    if needed <= 0.0:
        return 0.0
    lane["located"] += needed
    fee = needed * locate_rate_nb(price, rules)
    lane["locate_fees"] += fee
    return fee


@njit
def _open_nb(lane, shares, price, second):
    """Book a fill that starts or adds to a position."""
    position = lane["position"]
    if position == 0.0:
        lane["entry_second"] = second
        lane["trade_realised"] = 0.0
        lane["mae"] = 0.0
        lane["mfe"] = 0.0
    total = position + shares
    lane["entry_price"] = (lane["entry_price"] * position + price * shares) / total
    lane["position"] = total


@njit
def _close_nb(lane, shares, price):
    """Book a fill against the position; dollars it realised before fees."""
    excursion_nb(lane, price)
    gain = (lane["entry_price"] - price) * shares
    lane["position"] += shares
    if lane["position"] == 0.0:
        lane["trades"] += 1
        lane["entry_price"] = 0.0
        lane["entry_second"] = -1
    return gain


@njit
def apply_fill_nb(lane, shares, price, fees, second):
    """Book a fill of `shares` (signed, never across zero) at `price`; dollars realised net of fees.

    `mae`, `mfe` and `trade_realised` keep a closed trade's values until the next one opens.
    Invariant: equity - start_equity = realised + unrealised.
    """
    gain = 0.0
    if lane["position"] * shares < 0.0:
        gain = _close_nb(lane, shares, price)
    else:
        _open_nb(lane, shares, price, second)
    realised = gain - fees
    lane["cash"] -= shares * price + fees
    if shares < 0.0:
        lane["unsettled"] -= shares * price + fees
    lane["realised"] += realised
    lane["trade_realised"] += realised
    lane["fees"] += fees
    lane["traded"] += abs(shares) * price
    return realised


@njit
def open_account_nb(lane, rules, day, start, end):
    """Start an episode: fresh cash, flat, no memory of the last one. The random streams go on."""
    lane["day"] = day
    lane["second"] = start
    lane["start"] = start
    lane["end"] = end
    lane["ending"] = 0
    lane["invalid"] = 0
    lane["trades"] = 0
    lane["entry_second"] = -1
    lane["start_equity"] = rules["capital"]
    lane["cash"] = rules["capital"]
    lane["equity"] = rules["capital"]
    lane["peak_equity"] = rules["capital"]
    lane["unsettled"] = 0.0
    lane["located"] = 0.0
    lane["locate_fees"] = 0.0
    lane["position"] = 0.0
    lane["entry_price"] = 0.0
    lane["realised"] = 0.0
    lane["fees"] = 0.0
    lane["traded"] = 0.0
    lane["trade_realised"] = 0.0
    lane["mae"] = 0.0
    lane["mfe"] = 0.0
    lane["stop"] = 0
    forget_order_nb(lane)
    forget_market_nb(lane)


@njit
def forget_order_nb(lane):
    """No order under way or resting."""
    lane["order"] = 0
    lane["resting"] = 0
    lane["order_shares"] = 0.0


@njit
def forget_market_nb(lane):
    """No own consumption and no own flow."""
    lane["used_bid"] = 0.0
    lane["used_ask"] = 0.0
    lane["used_ns"] = 0
    lane["flow_buy"] = 0.0
    lane["flow_sell"] = 0.0
    lane["flow_ns"] = 0
