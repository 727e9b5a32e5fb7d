"""From record chunks to the arrays of a day. The kernels do the work; here they get their inputs and room."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, TypedDict

import numpy as np
import numpy.typing as npt

from config.schema import LuldRuleConfig, LuldTierConfig, TimelineConfig
from data.calendar import Session
from data.layout import HALT, QUOTE, SECOND_NS, SECONDS, TRADE, Bar, Daily, Market
from simulators.halts import Reported, reported
from simulators.market_kernels import market_nb
from simulators.timeline_kernels import bars_chunk_nb, begin_nb, finish_nb, mbp_chunk_nb, trades_chunk_nb
from simulators.timeline_layout import MARKET_RULES, MARKET_STATE, TIMELINE_STATE
from utils.errors import DataError

SCHEMAS = ("mbp-1", "trades", "ohlcv-1s")
"""What a timeline can be made of; of the last one a scan's, at the price of bars."""
_FIRST_ROOM = 1 << 20
"""Rows to begin with: memory that is not written costs nothing, growing copies it all."""
_ROUNDING = 1e-9
"""Share by which a product of a close may miss the price that it is."""
FROM_BARS = "no mbp-1, no trades: from one-second bars, to be looked at, not to be traded"
"""Among the notes of a day that was made of ohlcv-1s."""
_PARKINSON = 4.0 * np.log(2.0)


class DayContext(Protocol):
    """What is known before a day begins."""

    @property
    def previous_close(self) -> float: ...  # adjusted, dollars; 0 if unknown
    @property
    def adjustment(self) -> float: ...  # factor on earlier prices
    @property
    def daily(self) -> npt.NDArray[np.float64]: ...  # [30, len(Daily)] adjusted, oldest first
    @property
    def clock_volume(self) -> npt.NDArray[np.float64]: ...  # [960]
    @property
    def average_volume(self) -> float: ...  # shares a day over the last 20 sessions, 0 if unknown
    @property
    def shares_outstanding(self) -> float: ...  # as known that morning, 0 if unknown
    @property
    def float_shares(self) -> float: ...  # of them, those that the public may trade; 0 if unknown


class Events(NamedTuple):
    """What the pass over the records gives."""

    bars: npt.NDArray[np.float64]  # [57600, len(Bar)]; HALTED is still 0
    quotes: npt.NDArray[np.void]  # QUOTE [n]
    trades: npt.NDArray[np.void]  # TRADE [m]
    quote_rows: npt.NDArray[np.int64]  # [57601]
    trade_rows: npt.NDArray[np.int64]  # [57601]
    late: int  # records that came with a ts_recv before their predecessor's
    refused: int  # records outside the day, trades without price or size


class BuiltDay(TypedDict):
    """The fields of a MarketDay that follow from its records, session and context."""

    start_ns: int
    open_s: int
    close_s: int
    end_s: int
    previous_close: float
    adjustment: float
    shares_outstanding: float
    float_shares: float
    notes: tuple[str, ...]
    bars: npt.NDArray[np.float64]
    market: npt.NDArray[np.float64]
    quotes: npt.NDArray[np.void]
    trades: npt.NDArray[np.void]
    quote_rows: npt.NDArray[np.int64]
    trade_rows: npt.NDArray[np.int64]
    halts: npt.NDArray[np.void]
    daily: npt.NDArray[np.float64]
    clock_volume: npt.NDArray[np.float64]


@functools.cache
def _coded(dtype: np.dtype[np.void]) -> np.dtype[np.void]:
    """The same bytes with one-letter fields as numbers, which kernels compare at no cost."""
    fields: Any = dtype.fields
    formats = [np.dtype("u1") if fields[n][0] == np.dtype("S1") else fields[n][0] for n in dtype.names or ()]
    layout: Any = {
        "names": list(fields),
        "formats": formats,
        "offsets": [fields[n][1] for n in fields],
        "itemsize": dtype.itemsize,
    }
    return np.dtype(layout)


def _with_room(array: npt.NDArray[np.void], used: int, more: int) -> npt.NDArray[np.void]:
    """`array`, or a larger one with the same first `used` rows, with room for `more` rows."""
    if used + more <= len(array):
        return array
    larger = np.zeros(max(2 * len(array), used + more), array.dtype)
    larger[:used] = array[:used]
    return larger


def read_events(start_ns: int, schema: str, chunks: Iterable[npt.NDArray[np.void]]) -> Events:
    """One pass over `chunks` (WIRE[schema] arrays, ordered by arrival; their memory may be reused between chunks).

    schema: one of SCHEMAS. The result does not depend on where chunks end.
    """
    if schema not in SCHEMAS:
        raise DataError(
            f"A timeline cannot be made from {schema!r}",
            rule="schema",
            near=SCHEMAS,
            fix="set data.schema_priority to [mbp-1, trades]",
        )
    state = np.zeros(1, TIMELINE_STATE)
    bars = np.zeros((SECONDS, len(Bar)))
    quotes = np.zeros(_FIRST_ROOM if schema == "mbp-1" else 0, QUOTE)
    trades = np.zeros(_FIRST_ROOM, TRADE)
    quote_rows, trade_rows = np.zeros(SECONDS + 1, np.int64), np.zeros(SECONDS + 1, np.int64)
    begin_nb(state[0], start_ns, quote_rows, trade_rows)
    for chunk in chunks:
        records = chunk.view(_coded(chunk.dtype))
        trades = _with_room(trades, int(state[0]["trade_count"]), len(records))
        if schema == "mbp-1":
            quotes = _with_room(quotes, int(state[0]["quote_count"]), len(records))
            mbp_chunk_nb(records, state[0], bars, quotes, trades, quote_rows, trade_rows)
        elif schema == "trades":
            trades_chunk_nb(records, state[0], bars, trades, quote_rows, trade_rows)
        else:
            bars_chunk_nb(records, state[0], bars, trades, quote_rows, trade_rows)
    finish_nb(state[0], bars, quote_rows, trade_rows)
    end = state[0]
    quotes, trades = quotes[: end["quote_count"]], trades[: end["trade_count"]]
    return Events(bars, quotes, trades, quote_rows, trade_rows, int(end["late"]), int(end["refused"]))


def luld_rule(config: TimelineConfig, date: str) -> LuldRuleConfig | None:
    """The rule in force on an ISO date, None before the first or if bands are switched off."""
    known = [rule for rule in config.luld_rules if rule.effective_from <= date]
    return max(known, key=lambda rule: rule.effective_from) if known and config.luld else None


def luld_tier(rule: LuldRuleConfig, symbol: str, config: TimelineConfig) -> LuldTierConfig:
    """Bands of the symbol's tier: 1 for those that `config.tier1` lists, else 2."""
    number = 1 if symbol in config.tier1 else 2
    return next(tier for tier in rule.tiers if tier.tier == number)


def short_sale_trigger(date: str, previous_close: float, config: TimelineConfig) -> float:
    """Price at or below which Rule 201 restricts short sales on an ISO date, dollars; 0 if none."""
    if date < config.short_sale_from:
        return 0.0
    return (1.0 - config.short_sale_drop) * previous_close * (1.0 + _ROUNDING)


def restricted_before(date: str, daily: npt.NDArray[np.float64], config: TimelineConfig) -> bool:
    """Whether the last session triggered Rule 201, which then holds on this date too.

    The last daily row is taken for the previous session. Its low may be one of extended hours, which do not trigger,
    where the daily bars hold those: then this errs towards a restriction.
    """
    (earlier, last) = daily[-2:]
    trigger = short_sale_trigger(date, earlier[Daily.CLOSE], config)
    return bool(0.0 < last[Daily.LOW] <= trigger)


def daily_sigma(daily: npt.NDArray[np.float64]) -> float:
    """Volatility of a day from previous sessions' ranges (Parkinson 1980), 0 if there are none."""
    known = daily[(daily[:, Daily.LOW] > 0) & (daily[:, Daily.HIGH] >= daily[:, Daily.LOW])]
    if not len(known):
        return 0.0
    ranges = np.log(known[:, Daily.HIGH] / known[:, Daily.LOW])
    return float(np.sqrt(np.mean(ranges * ranges) / _PARKINSON))


def market_rules(
    at: Session, symbol: str, context: DayContext, config: TimelineConfig, infer: bool
) -> npt.NDArray[np.void]:
    """MARKET_RULES [1] of a day. infer: find halts in silence, because there is no status schema."""
    rules = np.zeros(1, MARKET_RULES)
    row = rules[0]
    row["start_ns"], row["open_s"], row["close_s"], row["end_s"] = at.start_ns, at.open_s, at.close_s, at.end_s
    row["previous_close"], row["average_volume"] = context.previous_close, context.average_volume
    row["infer"], row["halt_gap_s"] = infer, config.halt_gap_s
    row["tolerance"], row["touch_s"] = config.luld_tolerance, config.luld_touch_s
    date = at.date.isoformat()
    rule = luld_rule(config, date)
    if rule is not None:
        row["luld"] = 1
        for name in ("reference_window_s", "reference_change", "reference_hold_s", "double_open_s", "double_close_s"):
            row[name] = getattr(rule, name)
        row["double_up_to"] = luld_tier(rule, symbol, config).double_up_to
    row["short_trigger"] = short_sale_trigger(date, context.previous_close, config)
    row["restricted"] = restricted_before(date, context.daily, config)
    row["sigma_decay"] = 0.5 ** (1.0 / config.sigma_halflife_min)
    row["sigma_prior"] = daily_sigma(context.daily)
    row["sigma_floor"], row["sigma_cap"] = config.sigma_floor, config.sigma_cap
    row["sigma_max_spread"] = config.sigma_max_spread
    return rules


def luld_bands(symbol: str, date: str, config: TimelineConfig) -> npt.NDArray[np.float64]:
    """[k, 3] of `luld_band_nb` for a symbol on an ISO date; no rows where there are no bands."""
    rule = luld_rule(config, date)
    rows = [] if rule is None else [(b.above, b.percent, b.cap) for b in luld_tier(rule, symbol, config).bands]
    return np.array(rows, np.float64).reshape(-1, 3)


def make_market(
    events: Events, told: Reported, rules: npt.NDArray[np.void], bands: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.void]]:
    """(market [57600, len(Market)], HALT [k]); also fills `bars[:, HALTED]`."""
    market = np.zeros((SECONDS, len(Market)))
    inferred = np.zeros(SECONDS // max(int(rules[0]["halt_gap_s"]), 1) + 2, HALT)
    state = np.zeros(1, MARKET_STATE)
    found = market_nb(
        events.bars,
        market,
        (events.quotes, events.trades),
        (events.quote_rows, events.trade_rows),
        (told.known, told.kinds, told.short_sales),
        inferred,
        state[0],
        rules[0],
        bands,
    )
    return market, inferred[:found].copy() if rules[0]["infer"] else told.halts


def _notes(events: Events, schema: str, status_known: bool, halts: int, context: DayContext) -> tuple[str, ...]:
    notes: list[str] = []
    if schema == "trades":
        notes.append("no mbp-1: bars from trades, no quotes")
    if schema == "ohlcv-1s":
        notes.append(FROM_BARS)
    if not status_known:
        notes.append(f"no status schema: {halts} halt(s) inferred from silence")
    if context.previous_close <= 0:
        notes.append("previous close unknown: limit-up limit-down tiers by the reference price")
    if events.late:
        notes.append(f"{events.late} record(s) out of order: taken as arriving with their predecessor")
    if events.refused:
        notes.append(f"{events.refused} record(s) refused: outside the day, or a trade without price or size")
    return tuple(notes)


def build_day(
    at: Session,
    symbol: str,
    schema: str,
    chunks: Iterable[npt.NDArray[np.void]],
    status: npt.NDArray[np.void] | None,
    context: DayContext,
    config: TimelineConfig,
) -> BuiltDay:
    """Everything of a MarketDay that its records decide.

    status: WIRE_STATUS records, None where there is no such schema (halts are then inferred). DataError if there is
    no event at all.
    """
    events = read_events(at.start_ns, schema, chunks)
    if not len(events.quotes) and not len(events.trades):
        raise DataError(f"No {schema} event on {at.date}", rule="empty day")
    told = reported(status, at.start_ns + SECONDS * SECOND_NS)
    rules = market_rules(at, symbol, context, config, infer=status is None)
    market, halts = make_market(events, told, rules, luld_bands(symbol, at.date.isoformat(), config))
    return BuiltDay(
        start_ns=at.start_ns,
        open_s=at.open_s,
        close_s=at.close_s,
        end_s=at.end_s,
        previous_close=context.previous_close,
        adjustment=context.adjustment,
        shares_outstanding=context.shares_outstanding,
        float_shares=context.float_shares,
        notes=_notes(events, schema, status is not None, len(halts), context),
        bars=events.bars,
        market=market,
        quotes=events.quotes,
        trades=events.trades,
        quote_rows=events.quote_rows,
        trade_rows=events.trade_rows,
        halts=halts,
        daily=np.ascontiguousarray(context.daily, np.float64),
        clock_volume=np.ascontiguousarray(context.clock_volume, np.float64),
    )
