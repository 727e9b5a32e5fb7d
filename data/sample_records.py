"""One symbol of the sample market: from the latent series of its days to files by UTC date."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from config.schema import SampleMarketConfig
from data.calendar import Session, utc_date, utc_midnight_ns
from data.dbn_writer import write_dbn
from data.layout import (
    SECOND_NS,
    SECONDS,
    WIRE_MBP1,
    WIRE_OHLCV,
    WIRE_STATUS,
    WIRE_TRADE,
    StatusAction,
    StatusReason,
)
from data.sample_kernels import BOOK, DOLLAR, EVENT, MAX_DELAY_NS, OHLCV_ROW, Flow, bars_nb, events_nb
from data.sample_model import DayPath, DayPlan, base_price, draw_path
from utils.seeding import key

Records = npt.NDArray[np.void]

PUBLISHER = 1
FIRST_ID = 4000
SIZE_SIGMA = 0.6
HIDDEN_SHARE = 0.07
QUOTING_S = 60
"""Seconds before a resumption in which quotes are accepted again."""
DAY_NS = 86_400 * SECOND_NS
SSR_DROP = 0.9
"""Rule 201: short sales are restricted once the price is 10 % below the previous close."""


@dataclass(frozen=True, kw_only=True)
class DayFiles:
    """What is known of a day once its records are made."""

    instrument_id: int  # on the session's date
    daily: Records  # WIRE_OHLCV [1]: the day's bar, all hours; [0] without trades


def instrument_id(config: SampleMarketConfig, symbol: str, date: dt.date) -> int:
    """The symbol's id on a UTC date: ids move on by one symbol from date to date, so they are reused by others."""
    return FIRST_ID + (config.symbols.index(symbol) + date.toordinal()) % len(config.symbols)


def status_records(clock: Session, path: DayPath, plan: DayPlan, previous_close: float) -> Records:
    """Status messages of a day: start of trading, halts and resumptions, short-sale restriction."""
    rows: list[tuple[int, StatusAction, StatusReason, bytes, bytes, bytes]] = []
    rows.append((0, StatusAction.TRADING, StatusReason.NONE, b"Y", b"Y", b"N"))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], path.halted, [0]])))
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if plan.news_halt and begin == plan.news_halt[0]:
            rows.append((begin, StatusAction.HALT, StatusReason.NEWS_PENDING, b"N", b"N", b"~"))
            half = (begin + end) // 2
            rows.append((half, StatusAction.HALT, StatusReason.NEWS_DISSEMINATION, b"N", b"N", b"~"))
            rows.append((end - QUOTING_S, StatusAction.QUOTING, StatusReason.NEWS_AND_RESUMPTION, b"N", b"Y", b"~"))
            rows.append((end, StatusAction.TRADING, StatusReason.NEWS_AND_RESUMPTION, b"Y", b"Y", b"~"))
        else:
            rows.append((begin, StatusAction.PAUSE, StatusReason.LULD_PAUSE, b"N", b"N", b"~"))
            rows.append((end - QUOTING_S, StatusAction.QUOTING, StatusReason.LULD_PAUSE, b"N", b"Y", b"~"))
            rows.append((end, StatusAction.TRADING, StatusReason.LULD_PAUSE, b"Y", b"Y", b"~"))
    regular = path.mid[clock.open_s : clock.close_s] <= SSR_DROP * previous_close
    if regular.any():
        second = clock.open_s + int(np.argmax(regular)) + 1
        rows.append((second, StatusAction.SHORT_SALE_CHANGE, StatusReason.NONE, b"~", b"~", b"Y"))
    rows.sort(key=lambda row: row[0])
    out = np.zeros(len(rows), WIRE_STATUS)
    for row, (second, action, reason, trading, quoting, restricted) in zip(out, rows, strict=True):
        # halts take effect at the very start of the second from which the book is silent
        row["ts_event"] = clock.start_ns + second * SECOND_NS
        row["ts_recv"] = row["ts_event"] + MAX_DELAY_NS // 10
        row["action"], row["reason"] = action, reason
        row["is_trading"], row["is_quoting"], row["is_short_sell_restricted"] = trading, quoting, restricted
    return out


def book_records(config: SampleMarketConfig, plan: DayPlan, path: DayPath) -> Records:
    """The mbp-1 records of a day (WIRE_MBP1), in order of ts_recv."""
    flow = Flow(
        gain=config.flow_gain,
        displayed=config.displayed_shares * plan.scale,
        trade=path.trade_shares * plan.scale,
        size_sigma=SIZE_SIGMA,
        hidden=HIDDEN_SHARE,
    )
    expected = float(path.quote_rate.sum() + 2 * path.trade_rate.sum())
    out = np.zeros(int(1.1 * expected) + 3 * SECONDS, EVENT)
    book = np.zeros(1, BOOK)
    book["key"] = key(config.seed, "sample", plan.symbol, plan.number, "records")
    end = plan.session.end_s
    rows = events_nb(
        out,
        book[0],
        flow,
        plan.session.start_ns,
        (path.mid * DOLLAR)[:end],
        path.spread[:end],
        path.pressure[:end],
        path.quote_rate[:end],
        path.trade_rate[:end],
        path.halted[:end],
    )
    if rows < 0:
        raise AssertionError(f"more records than planned for {plan.symbol} {plan.session.date}")
    return out[:rows].view(WIRE_MBP1)


def trades_of(events: Records) -> Records:
    """The trades among mbp-1 records, as the trades schema has them."""
    taken = events[events["action"] == b"T"]
    out = np.zeros(len(taken), WIRE_TRADE)
    for name in WIRE_TRADE.names or ():
        out[name] = taken[name]
    return out


def second_bars(events: Records, clock: Session) -> Records:
    """ohlcv-1s of mbp-1 records; ts_event is the start of the second."""
    rows = np.zeros(SECONDS, OHLCV_ROW)
    count = bars_nb(events.view(EVENT), clock.start_ns, rows)
    out = np.zeros(count, WIRE_OHLCV)
    out["ts_event"] = clock.start_ns + rows["second"][:count] * SECOND_NS
    for name in ("open", "high", "low", "close", "volume"):
        out[name] = rows[name][:count]
    return out


def _daily_bar(bars: Records, date: dt.date) -> Records:
    out = np.zeros(1 if len(bars) else 0, WIRE_OHLCV)
    if len(bars):
        out["ts_event"] = utc_midnight_ns(date)
        out["open"], out["close"] = bars["open"][0], bars["close"][-1]
        out["high"], out["low"] = bars["high"].max(), bars["low"].min()
        out["volume"] = bars["volume"].sum()
    return out


class SymbolWriter:
    """Writes one symbol's days in order. Keeps what belongs to a UTC date until that date is over."""

    def __init__(self, config: SampleMarketConfig, symbol: str, folder: Path, dataset: str) -> None:
        self._config = config
        self._symbol = symbol
        self._folder = folder / symbol.lower()
        self._dataset = dataset
        self._close = base_price(config, symbol)
        self._pending: dict[tuple[dt.date, str], list[Records]] = {}

    def write_day(self, plan: DayPlan) -> DayFiles:
        """Draw the day, write every file that is complete by then."""
        clock = plan.session
        self._flush(clock.date)
        path = draw_path(self._config, plan, self._close)
        events = book_records(self._config, plan, path)
        bars = second_bars(events, clock)
        status = status_records(clock, path, plan, float(np.exp(self._close)) / plan.scale)
        self._close = path.close
        self._keep("mbp-1", events, "ts_recv")
        self._keep("trades", trades_of(events), "ts_recv")
        self._keep("ohlcv-1s", bars, "ts_event")
        if "status" not in plan.missing:
            self._keep("status", status, "ts_recv")
        identifier = instrument_id(self._config, self._symbol, clock.date)
        daily = _daily_bar(bars, clock.date)
        daily["instrument_id"], daily["publisher_id"] = identifier, PUBLISHER
        return DayFiles(instrument_id=identifier, daily=daily)

    def close(self) -> None:
        """Write what is left."""
        self._flush(dt.date.max)

    def _keep(self, schema: str, records: Records, clock: str) -> None:
        """Sort the records of a session into UTC dates (two of them in winter)."""
        if not len(records):
            return
        last = utc_date(int(records[clock][-1]))
        midnight = utc_midnight_ns(last)
        cut = int(np.searchsorted(records[clock], np.uint64(midnight)))
        for part in (records[:cut], records[cut:]):
            if len(part):
                date = utc_date(int(part[clock][0]))
                self._pending.setdefault((date, schema), []).append(part)

    def _flush(self, before: dt.date) -> None:
        for date, schema in [k for k in self._pending if k[0] < before]:
            parts = self._pending.pop((date, schema))
            self._write(date, schema, np.concatenate(parts))

    def _write(self, date: dt.date, schema: str, records: Records) -> None:
        identifier = instrument_id(self._config, self._symbol, date)
        records["publisher_id"], records["instrument_id"] = PUBLISHER, identifier
        start = utc_midnight_ns(date)
        write_dbn(
            self._folder / f"{date}.{schema}.dbn.zst",
            schema,
            records,
            dataset=self._dataset,
            symbols={self._symbol: [(date, date + dt.timedelta(days=1), identifier)]},
            start_ns=start,
            end_ns=start + DAY_NS,
        )
