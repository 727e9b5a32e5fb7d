"""What kernels wrote, as tables: fills, orders and round trips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from data.layout import SECOND_NS
from data.market_day import MarketDay
from envs.actions import decode, encode
from simulators.layout import ActionType, OrderKind, PositionSize, Reason

ET = "America/New_York"
COST_PARTS = ("half_spread", "impact", "latency", "fees")
"""What lies between gross (every order at the mid of its decision, free of charge) and net, in this order."""
AGENT = "agent"
SENDERS = {
    OrderKind.IOC: AGENT,
    OrderKind.LIMIT: AGENT,
    OrderKind.STOP: "stop",
    OrderKind.MARGIN: "margin",
    OrderKind.FLATTEN: "flatten",
}
"""Who sent an order, by its kind."""
FIRST_ORDER = encode(ActionType.BUY, PositionSize.PCT_25)
"""Actions from this one on ask for an order."""
Records = npt.NDArray[np.void]


def fill_table(fills: Records, days: Sequence[MarketDay]) -> pl.DataFrame:
    """FILL records in words, in the order of time on each lane; `days[row]` is the day of that row of the bank."""
    return pl.DataFrame(
        {
            "lane": fills["lane"].astype(np.int64),
            **_days_of(fills["day"], days),
            "time": _clock(fills["ts_ns"]),
            "second": fills["second"],
            "order": fills["order"].astype(np.int64),
            "kind": _words(OrderKind(kind).name.lower() for kind in fills["kind"]),
            "by": _words(SENDERS[OrderKind(kind)] for kind in fills["kind"]),
            "reason": _reasons(fills["reason"]),
            **{name: fills[name] for name in ("shares", "price", "mid", "decision_mid", *COST_PARTS)},
            "cost": sum((fills[name] for name in COST_PARTS), np.zeros(len(fills))),
            "position": fills["position"],
            "realised": fills["realised"],
        }
    )


def order_table(events: Records, fills: Records, days: Sequence[MarketDay]) -> pl.DataFrame:
    """One row an order, by lane and second: who sent it and what became of it. Actions that were not possible, too.

    events: EVENT records. `second` and `time`: of the decision, for an order of the broker of its first fill; `order`:
    its number on the lane, 0 for an impossible action; `wanted` and `filled` shares, signed; `reason`: of its last
    fill, else the last that was heard of it.
    """
    steps = events["step"]
    sent, refused = steps["order"] > 0, (steps["action"] >= FIRST_ORDER) & (steps["invalid"] != 0)
    parts = [
        _decisions(events["lane"][sent], steps[sent]),
        pl.DataFrame({"lane": events["lane"], "order": events["order"], "reason": _reasons(steps["reason"])}),
        _fills_of_orders(fills),
    ]
    told = (
        pl.concat(parts, how="diagonal")
        .with_columns(pl.col("by").fill_null(AGENT))
        .group_by("lane", "order", "by", maintain_order=True)
        .agg(
            pl.col("day", "second", "action", "wanted").drop_nulls().first(),
            pl.col("reason").last(),
            pl.col("filled", "value").sum(),
        )
        .drop_nulls("second")  # news of an order of the broker
    )
    rows = pl.concat([told, _decisions(events["lane"][refused], steps[refused])], how="diagonal")
    rows = rows.sort("lane", "second", "order")
    start_ns = np.array([day.start_ns for day in days], np.int64)[rows["day"].to_numpy()]
    return rows.select(
        "lane",
        *pl.DataFrame(_days_of(rows["day"].to_numpy(), days)),
        _clock(start_ns + (rows["second"].to_numpy().astype(np.int64) + 1) * SECOND_NS).alias("time"),
        "second",
        "order",
        "by",
        pl.col("action").fill_null(pl.col("by").str.to_uppercase()),
        pl.col("wanted").fill_null(pl.col("filled")),
        pl.col("filled").fill_null(0.0),
        (pl.col("value") / pl.col("filled")).fill_nan(None).alias("price"),
        "reason",
    )


def round_trips(fills: pl.DataFrame, events: Records) -> pl.DataFrame:
    """One row per round trip, from flat to flat: `gross` less the four costs is `pnl`.

    fills: of `fill_table`; events: EVENT records, for `mae` and `mfe`, shares of the position's cost; in dollars they
    are what the whole size would have lost and won there.
    """
    size, opens = pl.col("shares").abs(), pl.col("shares") * pl.col("position") > 0
    value = size * pl.col("price")
    ended = (pl.col("position") == 0).cast(pl.Int64)
    return (
        fills.with_columns((ended.cum_sum() - ended).over("lane").alias("trip"))
        .group_by("lane", "trip", maintain_order=True)
        .agg(
            pl.col("symbol", "date").first(),
            pl.when(pl.col("shares").first() > 0).then(pl.lit("long")).otherwise(pl.lit("short")).alias("side"),
            pl.col("time").first().alias("entry"),
            pl.col("time").last().alias("exit"),
            pl.col("second").first().alias("entry_second"),
            pl.col("second").last().alias("exit_second"),
            (pl.col("second").last() - pl.col("second").first()).alias("held_s"),
            size.filter(opens).sum().alias("shares"),
            (value.filter(opens).sum() / size.filter(opens).sum()).alias("entry_price"),
            (value.filter(~opens).sum() / size.filter(~opens).sum()).alias("exit_price"),
            pl.col("by").last().alias("closed_by"),
            pl.col("reason").last(),
            -(pl.col("shares") * pl.col("decision_mid")).sum().alias("gross"),
            pl.col(*COST_PARTS).sum(),
            pl.col("realised").sum().alias("pnl"),
        )
        .join(_excursions(events), on=["lane", "trip"])  # a position that is still open has none
        .with_columns((pl.col("mae", "mfe") * pl.col("shares") * pl.col("entry_price")).name.suffix("_dollars"))
        .sort("lane", "trip")
    )


def _excursions(events: Records) -> pl.DataFrame:
    """lane, trip (counted from 0 on each lane), mae, mfe (shares of the position's cost)."""
    closed = events[events["step"]["closed"] != 0]
    plain = {name: np.ascontiguousarray(closed["step"][name]) for name in ("mae", "mfe")}
    table = pl.DataFrame({"lane": np.ascontiguousarray(closed["lane"]), **plain})
    return table.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over("lane").alias("trip"))


def _decisions(lanes: npt.NDArray[np.int64], steps: Records) -> pl.DataFrame:
    """What the actions of `steps` (STEP) asked for."""
    return pl.DataFrame(
        {
            "lane": np.ascontiguousarray(lanes),
            "order": steps["order"].astype(np.int64),
            "by": pl.Series([AGENT] * len(steps), dtype=pl.String),
            "day": steps["day"].astype(np.int64),
            "second": (steps["second"] - steps["seconds"]).astype(np.int64),
            "action": _words(decode(int(action)).text for action in steps["action"]),
            "wanted": np.ascontiguousarray(steps["wanted"]),
            "reason": _reasons(steps["reason"]),
        }
    )


def _fills_of_orders(fills: Records) -> pl.DataFrame:
    """What `order_table` asks of FILL records."""
    own = np.array([SENDERS[OrderKind(kind)] == AGENT for kind in fills["kind"]], np.bool_)
    return pl.DataFrame(
        {
            "lane": fills["lane"].astype(np.int64),
            "order": fills["order"].astype(np.int64),
            "by": _words(SENDERS[OrderKind(kind)] for kind in fills["kind"]),
            "day": fills["day"].astype(np.int64),
            "second": pl.Series(np.where(own, -1, fills["second"]).astype(np.int64)).replace(-1, None),
            "filled": np.ascontiguousarray(fills["shares"]),
            "value": fills["shares"] * fills["price"],
            "reason": _reasons(fills["reason"]),
        }
    )


def _days_of(rows: npt.NDArray[np.int32], days: Sequence[MarketDay]) -> dict[str, pl.Series]:
    """symbol and date (ISO) of rows of the bank."""
    return {
        "symbol": pl.Series("symbol", [days[row].symbol for row in rows], pl.String),
        "date": pl.Series("date", [days[row].date.isoformat() for row in rows], pl.String),
    }


def _words(words) -> pl.Series:
    return pl.Series(list(words), dtype=pl.String)


def _reasons(codes: npt.NDArray[np.int32]) -> pl.Series:
    return _words(Reason(code).name.lower() for code in codes)


def _clock(ts_ns: npt.NDArray[np.int64]) -> pl.Series:
    """UTC ns as New York time."""
    time = pl.Series((ts_ns // 1000).astype("datetime64[us]"))
    return time.dt.replace_time_zone("UTC").dt.convert_time_zone(ET)
