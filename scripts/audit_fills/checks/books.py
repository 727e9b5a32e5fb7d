"""Fills against books of every kind: what no fill model may give away."""

from __future__ import annotations

import numpy as np

from data.layout import Market
from scripts.audit.market import Audit
from scripts.audit.report import Figure, Report, at_most, none_of
from scripts.audit_fills.registry import check
from simulators.execution_kernels import DOLLAR, fill_nb, tick_nb, write_ticket_nb
from simulators.execution_simulator import Rules
from simulators.layout import TICKET
from utils.jit import njit
from utils.seeding import key, substream_nb, uniform_nb

BOOKS = 20_000
SIZES = 6
PARTS = 5
VOLUME_30S = int(Market.VOLUME_30S)
VOLUME_SCALE = int(Market.VOLUME_SCALE)
SIGMA_DAILY = int(Market.SIGMA_DAILY)
LULD_LOW = int(Market.LULD_LOW)
LULD_HIGH = int(Market.LULD_HIGH)

FOUND = np.dtype(
    [
        ("books", "i8"),
        ("refused", "i8"),  # sides on which the band leaves no price to trade at
        ("fills", "i8"),
        ("better", "i8"),  # fills better than the touch
        ("beyond", "i8"),  # fills worse than the limit price
        ("more", "i8"),  # fills of more than was asked for, or of a fraction of a share
        ("trips", "i8"),
        ("profitable", "i8"),  # round trips
        ("steps", "i8"),
        ("cheaper", "i8"),  # larger orders that cost less in all
        ("kinder", "i8"),  # larger orders that cost less a share
        ("splits", "i8"),
        ("extra", "i8"),  # splits that got more shares than the whole
        ("gain", "f8"),  # most dollars that a split saved
        ("trip", "f8"),  # best round trip, dollars a share
    ]
)
"""What was found over all books."""

ROUNDING = 1e-12
"""Relative; sums of float64 dollars differ by so much."""


@njit
def within_nb(stream, draw, low, high):
    """Log-uniform draw."""
    return low * (high / low) ** uniform_nb(stream, draw)


@njit
def make_book_nb(stream, row, ticket):
    """A random book and the market around it, on the ticket for a buy; (bid, ask)."""
    bid = np.int64(within_nb(stream, 0, 0.05, 400.0) * DOLLAR)
    bid = bid // tick_nb(bid) * tick_nb(bid)
    ticks = 1.0 if uniform_nb(stream, 1) < 0.3 else np.ceil(bid / tick_nb(bid) * within_nb(stream, 2, 1e-4, 0.1))
    ask = bid + np.int64(ticks) * tick_nb(bid)
    ask = -(-ask // tick_nb(ask)) * tick_nb(ask)
    row[VOLUME_30S] = np.floor(within_nb(stream, 3, 1.0, 1e7)) - 1.0
    row[VOLUME_SCALE] = np.floor(within_nb(stream, 4, 1.0, 1e9)) - 1.0
    row[SIGMA_DAILY] = within_nb(stream, 5, 0.05, 3.0)
    row[LULD_LOW], row[LULD_HIGH] = 0.0, np.inf
    if uniform_nb(stream, 6) < 0.3:
        room = within_nb(stream, 7, 1e-4, 0.1) - 0.002  # below 0: the touch lies outside, as in a limit state
        row[LULD_LOW] = np.floor(bid / DOLLAR * (1.0 - room) * 100.0) / 100.0
        row[LULD_HIGH] = np.ceil(ask / DOLLAR * (1.0 + room) * 100.0) / 100.0
    ticket["since_resume_ns"] = within_nb(stream, 8, 1.0, 1e14)
    return bid, ask


@njit
def face_nb(ticket, side, bid, ask, shown, row, rules):
    """Put the side's book on the ticket, nobody having traded yet; whether there is a price to trade at."""
    write_ticket_nb(ticket, side, bid, ask, shown, row, rules)
    ticket["used"] = 0.0
    ticket["flow"] = 0.0
    return side * (ticket["limit"] - ticket["touch"]) >= 0


@njit
def ask_nb(ticket, wanted, rules, found):
    """Ask for shares, judge the answer, and let it press on what follows: (shares, dollars paid or received)."""
    shares, price = fill_nb(ticket, wanted, rules)
    if shares <= 0.0:
        return 0.0, 0.0
    found["fills"] += 1
    side, touch, limit = ticket["side"], ticket["touch"] / DOLLAR, ticket["limit"] / DOLLAR
    found["better"] += side * price < side * touch
    found["beyond"] += side * (price - limit) > ROUNDING * limit
    found["more"] += shares > wanted or shares != np.floor(shares)
    ticket["used"] += shares
    ticket["flow"] += shares
    return shares, shares * price


@njit
def round_trip_nb(ticket, side, size, bid, ask, shown, row, rules, found):
    """In and out at once, in as many orders as it takes; counts what earns."""
    if not face_nb(ticket, side, bid, ask, shown, row, rules):
        return
    held, paid = ask_nb(ticket, size, rules, found)
    if held == 0.0 or not face_nb(ticket, -side, bid, ask, shown, row, rules):
        return
    out, got = 0.0, 0.0
    for _ in range(PARTS):
        shares, money = ask_nb(ticket, held - out, rules, found)
        out += shares
        got += money
        if shares == 0.0 or out == held:
            break
    if out > 0.0:
        earned = side * (got / out - paid / held)
        found["trips"] += 1
        found["profitable"] += earned > 0.0
        found["trip"] = max(found["trip"], earned)


@njit
def sizes_nb(ticket, side, stream, bid, ask, shown, row, rules, found):
    """Orders of growing size, each alone: the whole must cost more, and no share less."""
    size, before, each = within_nb(stream, 20, 1.0, 1e4), 0.0, 0.0
    for _ in range(SIZES):
        face_nb(ticket, side, bid, ask, shown, row, rules)
        size = np.ceil(size * 2.7)
        shares, money = ask_nb(ticket, size, rules, found)
        cost = side * (money - shares * ticket["mid"])
        if shares > 0.0:
            found["steps"] += 1
            found["cheaper"] += cost < before - ROUNDING * money
            found["kinder"] += cost / shares < each - ROUNDING * ticket["mid"]
            before, each = cost, cost / shares


@njit
def split_nb(ticket, side, stream, size, bid, ask, shown, row, rules, found):
    """The same order in parts, no time between them, against one of as many shares as the parts got."""
    face_nb(ticket, side, bid, ask, shown, row, rules)
    parts = 2 + int(uniform_nb(stream, 30) * (PARTS - 1))
    left, filled, money = size, 0.0, 0.0
    for part in range(parts):
        share = left if part == parts - 1 else np.floor(left * uniform_nb(stream, 31 + part))
        left -= share
        if share >= 1.0:
            shares, paid = ask_nb(ticket, share, rules, found)
            filled += shares
            money += paid
    if filled == 0.0:
        return
    face_nb(ticket, side, bid, ask, shown, row, rules)
    whole, paid = ask_nb(ticket, filled, rules, found)
    found["splits"] += 1
    found["extra"] += whole < filled
    if whole == filled:
        found["gain"] = max(found["gain"], side * (paid - money))


@njit
def books_nb(count, stream_key, row, ticket, rules, found):
    """The first `count` books of the stream, both sides of each."""
    for number in range(count):
        stream = substream_nb(stream_key, np.uint64(number))
        bid, ask = make_book_nb(stream, row, ticket)
        shown = np.floor(within_nb(stream, 9, 100.0, 50_000.0))
        size = np.ceil(within_nb(stream, 10, 1.0, 1e5))
        found["books"] += 1
        for side in (1, -1):
            if not face_nb(ticket, side, bid, ask, shown, row, rules):
                found["refused"] += 1
                continue
            round_trip_nb(ticket, side, size, bid, ask, shown, row, rules, found)
            sizes_nb(ticket, side, stream, bid, ask, shown, row, rules, found)
            split_nb(ticket, side, stream, size, bid, ask, shown, row, rules, found)


def try_books(rules: Rules, count: int, seed: int) -> np.void:
    """FOUND over `count` random books, filled by the model that `rules` chose."""
    found, ticket = np.zeros(1, FOUND), np.zeros(1, TICKET)
    found["trip"] = -np.inf
    stream_key, row = np.uint64(key(seed, "audit", "books")), np.zeros(len(Market))
    books_nb(count, stream_key, row, ticket[0], rules.table[0], found[0])
    return found[0]


@check("books", order=1)
def books(audit: Audit) -> Report:
    """Random books, both sides: nothing better than the touch, no free round trip, no gain from size or splitting."""
    found = try_books(Rules(audit.config.simulation), BOOKS, audit.config.seed)
    seen = f"{int(found['books']):,}"
    return Report(
        [
            Figure("random books", seen, f"{BOOKS:,}", int(found["books"]) == BOOKS),
            none_of("fills better than the touch", int(found["better"]), int(found["fills"])),
            none_of("fills worse than the limit price", int(found["beyond"]), int(found["fills"])),
            none_of("fills of more than was wanted", int(found["more"]), int(found["fills"])),
            none_of("profitable instant round trips", int(found["profitable"]), int(found["trips"])),
            none_of("larger orders that cost less in all", int(found["cheaper"]), int(found["steps"])),
            none_of("larger orders that cost less a share", int(found["kinder"]), int(found["steps"])),
            none_of("splits that get more shares", int(found["extra"]), int(found["splits"])),
            at_most("most that splitting an order in 2 to 5 gains", float(found["gain"]), 1e-6, "dollars"),
        ]
    )
