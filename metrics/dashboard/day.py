"""A day as the part `day` draws it (metrics/dashboard/web/day.js): what is known of it, what a lane did on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from data.layout import SECOND_NS, SECONDS, HaltKind, ResetKind
from metrics.dashboard.parts import numbers
from metrics.dashboard.queries import Place
from metrics.run_store import RunStore
from metrics.store_schema import CANDLE_COLUMNS
from utils.web.packed import Series, packed

TICK = 1e-4
"""Prices are kept to a hundredth of a cent."""
STEP_S = 60
"""A fill is no more than this before the end of its step."""
LOW_PRICE = 1.0
"""Below it prices are told with four digits."""
SIDES = {1: "long", -1: "short"}


def candles_text(store: RunStore, symbol: str, date: str) -> str | None:
    """Prices and volumes of every second for packed.js; None if the store has none."""
    found = store.candles(symbol, date)
    if found is None:
        return None
    steps = {name: 1.0 if name == "volume" else TICK for name in CANDLE_COLUMNS}
    return packed({name: Series(found[:, i], steps[name]) for i, name in enumerate(CANDLE_COLUMNS)})


def day_facts(store: RunStore, place: Place, start: int | None) -> dict[str, Any]:
    """Halts, sessions and reset points of a day. start: second at which the lane began, marked if given."""
    told = store.day(place.symbol, place.date) or {}
    found = store.candles(place.symbol, place.date)
    close = found[:, CANDLE_COLUMNS.index("close")] if found is not None else np.zeros(0)
    price = float(np.median(close[close > 0])) if (close > 0).any() else 0.0
    moments = [{"at": told[name], "text": text} for name, text in (("open_s", "open"), ("close_s", "close")) if told]
    moments += [{"at": start, "text": "episode", "colour": "accent", "row": 1}] if start is not None else []
    return {
        "symbol": place.symbol,
        "date": place.date,
        "seconds": SECONDS,
        "digits": 4 if 0 < price < LOW_PRICE else 2,
        "start": start or 0,
        "spans": [_halt(halt, told["start_ns"]) for halt in told.get("halts", [])],
        "moments": moments,
        "notes": [
            {"at": point["second"], "text": ResetKind(point["kind"]).name.lower().replace("_", " ")}
            for point in sorted(told.get("points", []), key=lambda point: point["second"])
        ],
    }


def _halt(halt: dict[str, Any], start_ns: int) -> dict[str, Any]:
    kind = HaltKind(halt["kind"])
    name = {HaltKind.LULD: "LULD pause", HaltKind.UNKNOWN: "halt"}.get(kind, f"{kind.name.lower()} halt")
    edges = [(halt[edge] - start_ns) / SECOND_NS for edge in ("start_ns", "end_ns")]
    text = f"{name} (inferred)" if halt["inferred"] else name
    return {"from": max(edges[0], 0.0), "to": min(edges[1], SECONDS), "text": text}


def decisions(rows: pl.DataFrame, start_equity: float, interval: int) -> dict[str, Any]:
    """Columns of the `live` table for the chart; pnl: since the episode began."""
    pnl = rows["equity"] - start_equity
    columns = {name: numbers(rows[name]) for name in ("position", "buy", "sell", "value", "reward")}
    return {
        **columns,
        "pnl": [round(value, 2) for value in pnl],
        "second": rows["second"].to_list(),
        "interval": interval,
    }


def fills_of(rows: pl.DataFrame) -> list[dict[str, float]]:
    """Rows with `second`, `price` and `shares`."""
    return [
        {"second": second, "price": price, "shares": shares}
        for second, price, shares in rows.select("second", "price", "shares").iter_rows()
    ]


def trips_of(trades: pl.DataFrame, fills: pl.DataFrame) -> list[dict[str, Any]]:
    """Round trips; id is their sequence number.

    A trade is told at the ends of the steps that opened and closed it: `fills`, of the same place, say when that was.
    """
    filled = np.unique(fills["second"].to_numpy())

    def at(second: int) -> int:
        row = int(np.searchsorted(filled, second, side="right")) - 1
        return int(filled[row]) if row >= 0 and second - filled[row] <= STEP_S else second

    columns = ("seq", "second", "held_s", "entry_price", "exit_price", "pnl", "side")
    return [
        {"id": seq, "from": at(second - held), "to": at(second), "entry": bought, "exit": sold, "pnl": pnl}
        | {"long": side > 0}
        for seq, second, held, bought, sold, pnl, side in trades.select(*columns).iter_rows()
    ]
