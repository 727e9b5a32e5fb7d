"""Figures that anybody can work out by hand from the public rules, and what the simulation makes of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.compose import load_config
from config.schema import Config
from data.calendar import et_date, session, sessions_between, utc_date
from data.day_clock import clock, second_at
from data.layout import DAILY_ROWS, MINUTES, SECOND_NS, WIRE_STATUS, WIRE_TRADE, Daily, Market
from scripts.audit.market import BASE
from simulators.account import account_on
from simulators.execution_kernels import DOLLAR, fill_nb, latency_nb, tick_nb, write_ticket_nb
from simulators.execution_simulator import Rules
from simulators.fees import borrow_fee, commission_nb, locate_rate_nb, rates_on, regulatory_nb
from simulators.layout import DAY, LANE, TICKET
from simulators.timeline import build_day
from utils.jit import njit

DEFAULTS = (
    "simulation/fees=ibkr_fixed",
    "simulation/latency=lognormal",
    "simulation/fill=l1_walk",
    "simulation/shorts=on",
    "timeline.tier1=[ONE]",
)
"""What the figures were worked out for."""
DRAWS = 1 << 21
"""Latencies; their shares are good to 0.05 %."""


class Fact(NamedTuple):
    """One figure."""

    topic: str
    what: str
    source: str
    expected: str
    computed: str

    @property
    def ok(self) -> bool:
        """Whether they are the same, to the last digit."""
        return self.expected == self.computed


Rows = Iterator[tuple[str, str, str]]
"""(what, expected, computed)"""


@functools.cache
def _config(*words: str) -> Config:
    return load_config(BASE, [*DEFAULTS, *words])


@functools.cache
def _rules(*words: str) -> Rules:
    return Rules(_config(*words).simulation)


# ---------------------------------------------------------------- rules of the market
@dataclasses.dataclass(frozen=True)
class _Context:
    """A DayContext: two earlier sessions matter."""

    previous_close: float
    previous_low: float = 0.0
    close_before: float = 0.0
    adjustment: float = 1.0
    average_volume: float = 0.0
    shares_outstanding: float = 0.0
    float_shares: float = 0.0

    @property
    def daily(self) -> npt.NDArray[np.float64]:
        rows = np.zeros((DAILY_ROWS, len(Daily)))
        rows[-2, Daily.CLOSE], rows[-1, Daily.CLOSE] = self.close_before, self.previous_close
        rows[-1, Daily.LOW] = self.previous_low
        return rows

    @property
    def clock_volume(self) -> npt.NDArray[np.float64]:
        return np.zeros(MINUTES)


@functools.cache
def _market(context: _Context, price: float, symbol: str, date: dt.date) -> npt.NDArray[np.float64]:
    """The rows of a day with one trade, right after the open, and no quotes."""
    at = session(date)
    trades = np.zeros(1, WIRE_TRADE)
    trades["ts_event"] = trades["ts_recv"] = at.start_ns + at.open_s * SECOND_NS + SECOND_NS // 2
    trades["price"], trades["size"], trades["action"], trades["side"] = round(price * DOLLAR), 100, b"T", b"N"
    config = _config().timeline
    return build_day(at, symbol, "trades", [trades], np.zeros(0, WIRE_STATUS), context, config)["market"]


def band(previous_close: float, reference: float, clock: str, date: dt.date, *, tier: int = 2) -> str:
    """The band that stands at a New York time, e.g. "7.20-8.80"; "none" outside regular hours."""
    row = _market(_Context(previous_close), reference, "ONE" if tier == 1 else "TWO", date)[second_at(clock)]
    low, high = row[Market.LULD_LOW], row[Market.LULD_HIGH]
    return f"{low:.2f}-{high:.2f}" if np.isfinite(high) else "none"


def luld() -> Rows:
    """Bands; tiers go by the previous close."""
    date = dt.date(2025, 4, 15)
    for close, price, time, expected in (
        (4.0, 8.0, "09:30", "7.20-8.80"),
        (4.0, 8.0, "12:00", "7.20-8.80"),
        (4.0, 8.0, "15:59", "7.20-8.80"),
        (2.5, 8.0, "09:30", "6.40-9.60"),
        (2.5, 8.0, "15:34", "6.40-9.60"),
        (2.5, 8.0, "15:35", "4.80-11.20"),
        (0.5, 0.6, "12:00", "0.45-0.75"),
        (0.5, 0.12, "12:00", "0.03-0.21"),
        (4.0, 8.0, "09:29", "none"),
        (4.0, 8.0, "16:00", "none"),
    ):
        yield (
            f"Tier 2, previous close {close:g}, reference {price:g}, {time}",
            expected,
            band(close, price, time, date),
        )
    for time, expected in (("12:00", "47.50-52.50"), ("15:35", "45.00-55.00")):
        yield f"Tier 1, previous close 50, reference 50, {time}", expected, band(50, 50, time, date, tier=1)
    old = dt.date(2013, 10, 8)
    yield "Tier 2, previous close 4, reference 8, 09:44 in 2013", "6.40-9.60", band(4, 8, "09:44", old)
    yield "the same at 09:45", "7.20-8.80", band(4, 8, "09:45", old)


# ---------------------------------------------------------------- fees
PLANS = {"fixed": (), "tiered": ("simulation/fees=ibkr_tiered",), "zero": ("simulation/fees=zero",)}


@njit
def commission_of(shares, price, rules):
    """Dollars of a whole order."""
    return commission_nb(shares, shares * price, rules[0])


@njit
def sale_fees(shares, price, days):
    """SEC and TAF fees of a sale, dollars."""
    return regulatory_nb(-shares, price, days[0])


def _regulatory(shares: float, price: float, date: dt.date) -> tuple[float, float]:
    """(SEC, TAF) dollars of a sale on a date."""
    parts: list[float] = []
    for keep in ("sec_rate", "taf_per_share"):
        day = np.zeros(1, DAY)
        rates = rates_on(date, _config().simulation.fees)
        day["sec_rate"], day["taf_per_share"], day["taf_cap"] = rates
        for name in {"sec_rate", "taf_per_share"} - {keep}:
            day[name] = 0.0
        parts.append(float(sale_fees(shares, price, day)))
    return parts[0], parts[1]


def fees() -> Rows:
    """Commissions by plan, regulatory fees by date."""
    for plan, shares, price, expected in (
        ("fixed", 1_000, 0.25, "$2.50"),
        ("fixed", 5_000, 5.0, "$25.00"),
        ("fixed", 100, 5.0, "$1.00"),
        ("fixed", 10, 5.0, "$0.50"),
        ("tiered", 5_000, 5.0, "$17.50"),
        ("tiered", 50, 5.0, "$0.35"),
        ("zero", 5_000, 5.0, "$0.00"),
    ):
        paid = commission_of(float(shares), price, _rules(*PLANS[plan]).table)
        yield f"{plan} plan: {shares:,} shares at ${price:g}", expected, f"${paid:.2f}"
    for day, sec, taf in (
        (dt.date(2025, 5, 13), "$0.69500", "$0.83000"),
        (dt.date(2025, 5, 14), "$0.00000", "$0.83000"),
        (dt.date(2026, 1, 2), "$0.00000", "$0.97500"),
        (dt.date(2026, 4, 3), "$0.00000", "$0.97500"),
        (dt.date(2026, 4, 6), "$0.51500", "$0.97500"),
    ):
        found = _regulatory(5_000, 5.0, day)
        yield f"selling 5,000 at $5 on {day}: SEC section 31", sec, f"${found[0]:.5f}"
        yield f"selling 5,000 at $5 on {day}: FINRA TAF", taf, f"${found[1]:.5f}"
    yield (
        "FINRA TAF of 1,000,000 shares in 2025: the cap",
        "$8.30",
        f"${_regulatory(1e6, 5.0, dt.date(2025, 4, 15))[1]:.2f}",
    )


# ---------------------------------------------------------------- short sales
@njit
def locate_rate(price, rules):
    """Dollars a share."""
    return locate_rate_nb(price, rules[0])


def shorts() -> Rows:
    """Rule 201, locates, borrow."""
    today = dt.date(2025, 4, 15)
    for price, expected in ((3.61, "no"), (3.60, "yes")):
        yield (
            f"a trade at {price:.2f} after a close of 4: restricted",
            expected,
            restricted(_Context(4.0), price, today),
        )
    for low, expected in ((3.61, "no"), (3.60, "yes")):
        before = _Context(3.9, previous_low=low, close_before=4.0)
        yield (
            f"a low of {low:.2f} the day before, after a close of 4: restricted",
            expected,
            restricted(before, 3.9, today),
        )
    yield (
        "a trade at 3.60 on 2011-02-25, before the rule: restricted",
        "no",
        restricted(_Context(4.0), 3.6, dt.date(2011, 2, 25)),
    )
    for price, expected in ((0.5, "$0.01"), (1.0, "$0.01"), (5.0, "$0.05")):
        rate = locate_rate(price, _rules().table)
        yield f"locate at ${price:g}, a share", expected, f"${rate:.2f}"
    night = borrow_fee(-1_000, 4.90, _config().simulation.shorts)
    yield "borrowing 1,000 for a night, close 4.90, 50 % a year: 5 * 1,000 * 0.5 / 360", "$6.94", f"${night:.2f}"


def restricted(context: _Context, price: float, date: dt.date) -> str:
    """Whether short sales are restricted at 15:00, after one trade at `price` in regular hours."""
    return "yes" if _market(context, price, "TWO", date)[second_at("15:00"), Market.SSR] else "no"


# ---------------------------------------------------------------- calendar
def calendar() -> Rows:
    """Sessions of the exchange, New York time."""
    days = [session(day) for day in sessions_between(dt.date(2024, 1, 1), dt.date(2026, 12, 31))]
    early = [day for day in days if day.close_s < days[0].close_s]
    yield "early closes in 2024-2026", "8", str(len(early))
    ends = {(clock(day.close_s), clock(day.end_s)) for day in early}
    yield "they close, and end, at", "13:00, 17:00", "; ".join(", ".join(pair) for pair in sorted(ends))
    regular = session(dt.date(2025, 4, 15))
    yield "regular hours", "09:30-16:00", f"{clock(regular.open_s)}-{clock(regular.close_s)}"
    yield "the day", "04:00-20:00", f"04:00-{clock(regular.end_s)}"
    for date, expected in ((dt.date(2025, 3, 7), "09:00"), (dt.date(2025, 3, 10), "08:00")):
        yield f"04:00 New York on {date} in UTC", expected, _utc(session(date).start_ns)
    for date, expected in ((dt.date(2025, 1, 15), "2025-01-16"), (dt.date(2025, 7, 15), "2025-07-15")):
        last = session(date).end_ns - SECOND_NS // 2
        yield f"UTC file of {et_date(last)}, 19:59:59.5 New York", expected, utc_date(last).isoformat()


def _utc(ts_ns: int) -> str:
    return dt.datetime.fromtimestamp(ts_ns // SECOND_NS, dt.UTC).strftime("%H:%M")


# ---------------------------------------------------------------- latency
@njit
def shares_below_nb(lane, rules, bounds, counts, draws):
    """Count the latencies at or below each bound (ns)."""
    for _ in range(draws):
        late = latency_nb(lane, rules)
        for i in range(len(bounds)):
            counts[i] += late <= bounds[i]


def latency() -> Rows:
    """20 ms + LogNormal(ln 100 ms, 0.8): quantiles."""
    lane, bounds = np.zeros(1, LANE), np.array([120.0, 393.0, 663.0, 20.0]) * 1e6
    counts = np.zeros(len(bounds), np.int64)
    shares_below_nb(lane[0], _rules().table[0], bounds, counts, DRAWS)
    for late, share, expected in zip(bounds, counts / DRAWS, ("50.0 %", "95.0 %", "99.0 %", "0.0 %"), strict=True):
        yield f"orders that arrive within {late / 1e6:.0f} ms", expected, f"{share:.1%}".replace("%", " %")


# ---------------------------------------------------------------- the walk
def _walk(side: int, wanted: float, bid: float, ask: float, shown: float, *words: str) -> tuple[float, float]:
    """(shares, price) on a quiet market."""
    row, ticket = np.zeros(len(Market)), np.zeros(1, TICKET)
    row[Market.LULD_HIGH], row[Market.VOLUME_30S], row[Market.VOLUME_SCALE] = np.inf, 1e6, 1e6
    row[Market.SIGMA_DAILY] = 0.8
    ticket["since_resume_ns"] = 1e18
    rules = _rules(*words).table
    return _fill(ticket, side, round(bid * DOLLAR), round(ask * DOLLAR), shown, row, rules, wanted)


@njit
def _fill(tickets, side, bid, ask, shown, row, rules, wanted):
    write_ticket_nb(tickets[0], side, bid, ask, shown, row, rules[0])
    return fill_nb(tickets[0], wanted, rules[0])


def walk() -> Rows:
    """The fill of a marketable order, step by step."""
    alone = "simulation.fill.params.impact=0"
    for side, wanted, expected, words in (
        (1, 5_000.0, "1,080 at 5.0800", (alone,)),
        (-1, 5_000.0, "1,080 at 4.9500", (alone,)),
        (1, 180.0, "180 at 5.0300", (alone,)),
        (1, 270.0, "270 at 5.0367", (alone,)),
        (1, 180.0, "180 at 5.0659", ()),
    ):
        shares, price = _walk(side, wanted, 5.0, 5.03, 600.0, *words)
        order = f"{'buy' if side > 0 else 'sell'} {wanted:,.0f} on 5.00 x 5.03, 600 shown"
        yield f"{order}, {'walk alone' if words else 'with impact'}", expected, f"{shares:,.0f} at {price:.4f}"
    for price, expected in ((1.0, "0.0100"), (0.9999, "0.0001")):
        yield f"tick at {price:g}", expected, f"{tick_nb(round(price * DOLLAR)) / DOLLAR:.4f}"


# ---------------------------------------------------------------- account
def account() -> Rows:
    """Most exposure / equity, and day trades, by regime."""
    for option, capital, date, expected in (
        ("by_date", 20_000.0, dt.date(2026, 6, 3), "2x, 3 day trades"),
        ("by_date", 25_000.0, dt.date(2026, 6, 3), "4x, no limit"),
        ("by_date", 20_000.0, dt.date(2026, 6, 4), "4x, no limit"),
        ("cash", 20_000.0, dt.date(2026, 6, 4), "1x, no limit, T+1"),
    ):
        config = _config(f"simulation/account={option}", "simulation.account.leverage=4").simulation.account
        found = account_on(date, dataclasses.replace(config, capital=capital))
        left = "no limit" if found.day_trades_left < 0 else f"{found.day_trades_left} day trades"
        told = f"{found.leverage:g}x, {left}{', T+1' if found.settle else ''}"
        yield f"account {option}, ${capital:,.0f}, {date}", expected, told


TOPICS: dict[str, tuple[Callable[[], Rows], str]] = {
    "limit up, limit down": (luld, "LULD plan, amendments 10 and 18"),
    "fees": (fees, "Interactive Brokers; SEC section 31; FINRA By-Laws, Schedule A"),
    "short sales": (shorts, "Regulation SHO, Rule 201; project defaults for locates and borrow"),
    "calendar": (calendar, "New York Stock Exchange"),
    "latency": (latency, "project default"),
    "fills": (walk, "project default; Regulation NMS, Rule 612 for the tick"),
    "account": (account, "FINRA Rule 4210, before and after 2026-06-04; Regulation T; T+1 settlement"),
}


@functools.cache
def facts() -> list[Fact]:
    """All of them."""
    found: list[Fact] = []
    for topic, (rows, source) in TOPICS.items():
        found += [Fact(topic, what, source, expected, computed) for what, expected, computed in rows()]
    return found
