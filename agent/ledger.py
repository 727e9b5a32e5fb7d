"""What a run did, as tables: fills, round trips and equity, collected lane by lane while the environment steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.episode_kernels import TOTAL, tally_all_nb
from data.market_day import MarketDay
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import FILL, STEP, OrderKind, Reason

ET = "America/New_York"
COST_PARTS = ("half_spread", "impact", "latency", "fees")
"""What lies between gross (every order at the mid of its decision, free of charge) and net, in this order."""
EXITS = {
    OrderKind.IOC: "agent",
    OrderKind.LIMIT: "agent",
    OrderKind.STOP: "stop",
    OrderKind.MARGIN: "margin",
    OrderKind.FLATTEN: "flatten",
}
"""Who closed a position."""


class Run(NamedTuple):
    """The outcome of one policy over all lanes: `gross` less the four costs is `pnl`. Dollars, [N]."""

    name: str
    pnl: npt.NDArray[np.float64]  # net
    gross: npt.NDArray[np.float64]  # had every order traded at the mid of its decision, free of charge
    half_spread: npt.NDArray[np.float64]  # the four costs; negative where they earned
    impact: npt.NDArray[np.float64]
    latency: npt.NDArray[np.float64]
    fees: npt.NDArray[np.float64]
    orders: npt.NDArray[np.int64]  # [N] filled
    trips: npt.NDArray[np.int64]  # [N] round trips that were closed
    max_drawdown: npt.NDArray[np.float64]  # [N] share of peak equity
    held_s: npt.NDArray[np.int64]  # [N] seconds with a position
    seconds: npt.NDArray[np.int64]  # [N] seconds in all
    equity: npt.NDArray[np.float64]  # [T, N] after each step, NaN after the end; [0, N] if not asked for
    trades: pl.DataFrame  # round trips; empty if only sums were kept
    fills: pl.DataFrame

    @property
    def costs(self) -> npt.NDArray[np.float64]:
        """All four, dollars [N]."""
        return self.half_spread + self.impact + self.latency + self.fees

    @property
    def totals(self) -> dict[str, float]:
        """Dollars over all lanes, from gross over the costs to net."""
        parts = {name: float(getattr(self, name).sum()) for name in COST_PARTS}
        return {"gross": float(self.gross.sum()), **parts, "net": float(self.pnl.sum())}


class Ledger:
    """Collects what a vector environment reports, step by step."""

    def __init__(self, lanes: int, keep_equity: bool) -> None:
        self._keep_equity = keep_equity
        self._equity: list[npt.NDArray[np.float64]] = []
        self._fills: list[bytes] = []
        self._closed: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]] = []
        self.totals: npt.NDArray[np.void] = np.zeros(lanes, TOTAL)
        """Sums by lane so far."""

    def record(self, env: VectorTradingEnvironment, alive: npt.NDArray[np.bool_]) -> None:
        """Take in the last step of the lanes in `alive`."""
        steps = env.steps
        tally_all_nb(self.totals, steps, env.fills, env.fill_counts, alive)
        filled = np.flatnonzero(alive & (env.fill_counts > 0))
        self._fills += [env.fills[lane, : env.fill_counts[lane]].tobytes() for lane in filled]
        if len(filled):
            closed = filled[steps["closed"][filled] != 0]
            if len(closed):
                self._closed.append((closed, steps[closed].copy()))
        if self._keep_equity:
            self._equity.append(np.where(alive, steps["equity_after"], np.nan))

    def close(self, name: str, days: list[MarketDay]) -> Run:
        """The tables; `days[row]` is the day of that row of the bank."""
        fills = self._fill_table(days)
        return Run(
            name=name,
            **{part: self.totals[part].copy() for part in TOTAL.names or ()},
            equity=np.array(self._equity) if self._equity else np.zeros((0, len(self.totals))),
            trades=round_trips(fills, self._excursions()),
            fills=fills,
        )

    def _excursions(self) -> pl.DataFrame:
        """lane, trip (counted from 0 on each lane), mae, mfe (shares of the position's cost)."""
        lane = np.concatenate([lanes for lanes, _ in self._closed]) if self._closed else np.zeros(0, np.int64)
        rows = np.frombuffer(b"".join(r.tobytes() for _, r in self._closed), STEP)
        table = pl.DataFrame({"lane": lane, "mae": rows["mae"], "mfe": rows["mfe"]})
        return table.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over("lane").alias("trip"))

    def _fill_table(self, days: list[MarketDay]) -> pl.DataFrame:
        rows = np.frombuffer(b"".join(self._fills), FILL)
        words = {
            "symbol": [days[row].symbol for row in rows["day"]],
            "date": [days[row].date.isoformat() for row in rows["day"]],
            "kind": [OrderKind(kind).name.lower() for kind in rows["kind"]],
            "reason": [Reason(reason).name.lower() for reason in rows["reason"]],
            "by": [EXITS[OrderKind(kind)] for kind in rows["kind"]],
        }
        text = {name: pl.Series(values, dtype=pl.String) for name, values in words.items()}
        time = pl.Series((rows["ts_ns"] // 1000).astype("datetime64[us]"))
        return pl.DataFrame(
            {
                "lane": rows["lane"].astype(np.int64),
                "symbol": text["symbol"],
                "date": text["date"],
                "time": time.dt.replace_time_zone("UTC").dt.convert_time_zone(ET),
                "second": rows["second"],
                "kind": text["kind"],
                "by": text["by"],
                "reason": text["reason"],
                **{name: rows[name] for name in ("shares", "price", "mid", "decision_mid", *COST_PARTS)},
                "cost": sum((rows[name] for name in COST_PARTS), np.zeros(len(rows))),
                "position": rows["position"],
                "realised": rows["realised"],
            }
        )


def round_trips(fills: pl.DataFrame, excursions: pl.DataFrame) -> pl.DataFrame:
    """One row per round trip, from flat to flat: `gross` less the four costs is `pnl`.

    fills: in order on each lane; excursions: `mae` and `mfe` per lane and trip, as shares of the position's cost. In
    dollars they are what the whole size would have lost and won there.
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
        .join(excursions, on=["lane", "trip"])  # a position that is still open has none
        .with_columns((pl.col("mae", "mfe") * pl.col("shares") * pl.col("entry_price")).name.suffix("_dollars"))
        .sort("lane", "trip")
    )
