"""What a run did, as tables: fills, round trips and equity, collected lane by lane while the environment steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from data.market_day import MarketDay
from envs.vector_environment import VectorTradingEnvironment
from simulators.layout import FILL, STEP, Reason

SECOND_US = 1_000_000
ET = "America/New_York"


class Run(NamedTuple):
    """The outcome of one policy over all lanes."""

    name: str
    pnl: npt.NDArray[np.float64]  # [N] net dollars
    costs: npt.NDArray[np.float64]  # [N] fees, spread and impact, dollars
    fees: npt.NDArray[np.float64]  # [N]
    orders: npt.NDArray[np.int64]  # [N] filled
    max_drawdown: npt.NDArray[np.float64]  # [N] share of peak equity
    held_s: npt.NDArray[np.int64]  # [N] seconds with a position
    seconds: npt.NDArray[np.int64]  # [N] seconds in all
    equity: npt.NDArray[np.float64]  # [T, N] after each step, NaN after the end; [0, N] if not asked for
    trades: pl.DataFrame  # round trips
    fills: pl.DataFrame


class Ledger:
    """Collects what a vector environment reports, step by step."""

    def __init__(self, lanes: int, keep_equity: bool) -> None:
        self._keep_equity = keep_equity
        self._equity: list[npt.NDArray[np.float64]] = []
        self._fills: list[npt.NDArray[np.void]] = []
        self._closed: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]] = []
        self._totals = {
            name: np.zeros(lanes) for name in ("pnl", "costs", "fees", "orders", "max_drawdown", "held_s", "seconds")
        }

    def record(self, env: VectorTradingEnvironment, alive: npt.NDArray[np.bool_]) -> None:
        """Take in the last step of the lanes in `alive`."""
        steps, total = env.steps, self._totals
        total["pnl"] += np.where(alive, steps["equity_after"] - steps["equity_before"], 0.0)
        total["costs"] += np.where(alive, steps["cost"], 0.0)
        total["fees"] += np.where(alive, steps["fees"], 0.0)
        total["seconds"] += np.where(alive, steps["seconds"], 0)
        total["held_s"] += np.where(alive & (steps["position_after"] != 0), steps["seconds"], 0)
        np.maximum(total["max_drawdown"], np.where(alive, steps["drawdown"], 0.0), out=total["max_drawdown"])
        filled = np.flatnonzero(alive & (env.fill_counts > 0))
        for lane in filled:
            self._fills.append(env.fills[lane, : env.fill_counts[lane]].copy())
        if len(filled):
            total["orders"][filled] += env.fill_counts[filled]
            closed = filled[steps["closed"][filled] != 0]
            if len(closed):
                self._closed.append((closed, steps[closed].copy()))
        if self._keep_equity:
            self._equity.append(np.where(alive, steps["equity_after"], np.nan))

    def close(self, name: str, days: list[MarketDay]) -> Run:
        """The tables; `days[row]` is the day of that row of the bank."""
        total = self._totals
        lanes = len(total["pnl"])
        return Run(
            name=name,
            pnl=total["pnl"],
            costs=total["costs"],
            fees=total["fees"],
            orders=total["orders"].astype(np.int64),
            max_drawdown=total["max_drawdown"],
            held_s=total["held_s"].astype(np.int64),
            seconds=total["seconds"].astype(np.int64),
            equity=np.array(self._equity) if self._equity else np.zeros((0, lanes)),
            trades=self._trades(days),
            fills=self._fill_table(days),
        )

    def _trades(self, days: list[MarketDay]) -> pl.DataFrame:
        lane = np.concatenate([lanes for lanes, _ in self._closed]) if self._closed else np.zeros(0, np.int64)
        rows = np.concatenate([r for _, r in self._closed]) if self._closed else np.zeros(0, STEP)
        exit_s = rows["second"].astype(np.int64) + 1
        return pl.DataFrame(
            {
                "lane": lane,
                **_day_columns(rows["day"], days),
                "entry": _clock(rows["day"], exit_s - rows["held_s"], days),
                "exit": _clock(rows["day"], exit_s, days),
                "held_s": rows["held_s"],
                "pnl": rows["trade_realised"],
                "mae": rows["mae"],
                "mfe": rows["mfe"],
            }
        )

    def _fill_table(self, days: list[MarketDay]) -> pl.DataFrame:
        rows = np.concatenate(self._fills) if self._fills else np.zeros(0, FILL)
        return pl.DataFrame(
            {
                "lane": rows["lane"].astype(np.int64),
                **_day_columns(rows["day"], days),
                "time": pl.Series((rows["ts_ns"] // 1000).astype("datetime64[us]"))
                .dt.replace_time_zone("UTC")
                .dt.convert_time_zone(ET),
                "shares": rows["shares"],
                "price": rows["price"],
                "mid": rows["mid"],
                "fees": rows["fees"],
                "position": rows["position"],
                "realised": rows["realised"],
                "reason": [Reason(r).name.lower() for r in rows["reason"]],
            }
        )


def _day_columns(rows: npt.NDArray[np.int32], days: list[MarketDay]) -> dict[str, list[str]]:
    return {
        "symbol": [days[row].symbol for row in rows],
        "date": [days[row].date.isoformat() for row in rows],
    }


def _clock(rows: npt.NDArray[np.int32], seconds: npt.NDArray[np.int64], days: list[MarketDay]) -> pl.Series:
    """Second of the day -> New York time."""
    start_us = np.array([days[row].start_ns // 1000 for row in rows], np.int64)
    stamps = (start_us + seconds * SECOND_US).astype("datetime64[us]")
    return pl.Series(stamps).dt.replace_time_zone("UTC").dt.convert_time_zone(ET)
