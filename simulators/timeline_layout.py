"""Records of the passes that make a day, declared once.

Money in dollars, quantities in shares, times in ns or seconds.
"""

from __future__ import annotations

import numpy as np

TIMELINE_STATE = np.dtype(
    [
        ("start_ns", "i8"),  # start of second 0
        ("second", "i8"),  # the second that is being filled
        ("last_ns", "i8"),  # newest ts_recv so far: time never runs backwards
        ("quote_count", "i8"),  # rows written to the event arrays
        ("trade_count", "i8"),
        ("late", "i8"),  # records that arrived with a ts_recv before their predecessor's
        ("refused", "i8"),  # records outside the day, trades without price or size
        # the standing book: 1e-9 dollars (UNDEF_PRICE on an empty side), shares
        ("bid", "i8"),
        ("ask", "i8"),
        ("bid_size", "i8"),
        ("ask_size", "i8"),
        # the last book with two sides, uncrossed
        ("seen", "i8"),  # 1 once there was one
        ("good_bid", "i8"),
        ("good_ask", "i8"),
        ("good_bid_size", "i8"),
        ("good_ask_size", "i8"),
        ("spread_ns", "i8"),  # up to when its spread is accounted for
        ("covered_ns", "i8"),  # how much of this second that covers
        ("spread", "f8"),  # sum of spread * time in this second, 1e-9 dollars * ns
        ("last_price", "i8"),  # of the last trade, 0 before the first
        ("tick", "i8"),  # direction of the last change of the trade price
        # this second
        ("open", "i8"),
        ("high", "i8"),
        ("low", "i8"),
        ("volume", "i8"),
        ("trades", "i8"),
        ("buy", "i8"),
        ("sell", "i8"),
        ("largest", "i8"),
        ("notional", "f8"),  # sum of price * size, 1e-9 dollars
        ("changes", "i8"),  # of the book
        ("ofi", "i8"),
    ]
)
"""What the pass over a day's records carries from record to record and from chunk to chunk."""

MARKET_RULES = np.dtype(
    [
        ("start_ns", "i8"),
        ("open_s", "i8"),
        ("close_s", "i8"),
        ("end_s", "i8"),
        ("previous_close", "f8"),  # dollars, 0 if unknown
        ("average_volume", "f8"),  # shares a day
        ("infer", "i8"),  # 1: find halts in silence
        ("halt_gap_s", "i8"),
        ("luld", "i8"),
        ("tolerance", "f8"),
        ("touch_s", "i8"),
        ("reference_window_s", "i8"),
        ("reference_change", "f8"),
        ("reference_hold_s", "i8"),
        ("double_open_s", "i8"),
        ("double_close_s", "i8"),
        ("double_up_to", "f8"),
        ("sigma_decay", "f8"),  # per minute
        ("sigma_prior", "f8"),  # daily, from previous sessions; 0 if unknown
        ("sigma_floor", "f8"),
        ("sigma_cap", "f8"),
        ("sigma_max_spread", "f8"),
        ("short_trigger", "f8"),  # dollars; a regular-hours trade at or below it restricts short sales; 0 if unknown
        ("restricted", "i8"),  # 1 if they are restricted since the previous session
    ]
)
"""What the pass over a day's seconds needs to know."""

MARKET_STATE = np.dtype(
    [
        ("halted", "i8"),  # as known at the end of the second
        ("halt_ns", "i8"),  # start of the running or last halt, 0 if none
        ("halt_kind", "i8"),  # its HaltKind, -1 if none
        ("resume_ns", "i8"),  # end of the last halt, 0 if none
        ("next_halt", "i8"),  # row of the reported halts that is running or comes next
        ("next_kind", "i8"),  # rows of their kinds that are known
        ("limit", "i8"),  # limit state: 1 up, -1 down, 0 none
        ("halt_count", "i8"),  # inferred so far
        ("event_ns", "i8"),  # newest quote or trade, 0 before the first
        ("touch_s", "i8"),  # second of the last touch of a band, -1 if none
        ("reference", "f8"),  # LULD reference price, 0 if none stands
        ("reference_s", "i8"),  # since when
        ("window_s", "i8"),  # first second whose trades may count towards it
        ("doubled", "i8"),  # 1 if the band is a doubled one
        ("low", "f8"),
        ("high", "f8"),
        ("volume", "f8"),  # shares so far
        ("volume_30s", "f8"),
        ("price", "f8"),  # at the last completed minute, 0 if unknown
        ("squares", "f8"),  # decayed sum of squared 1-minute returns
        ("weight", "f8"),  # decayed count of them
        ("sigma", "f8"),
    ]
)
"""What that pass carries from second to second."""
