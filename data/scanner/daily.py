"""Stage 1 of the scan: daily bars of all symbols at once choose the days whose timeline is worth building.

A pre-filter, not a judgement: its measures contain the ex-ante trigger's gain, so a day that a live scanner would have
shown for its price is never lost here. Daily bars are raw, hence the search for gaps that are splits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from config.schema import ScannerConfig
from data.layout import DAILY_BAR

MEAN_SESSIONS = 20
"""Previous sessions in the mean volume."""
Floats = npt.NDArray[np.float64]


class Verdict(IntEnum):
    """What the daily bar says of a day."""

    CANDIDATE = 0
    UNKNOWN = 1  # no previous bar to compare with: the timeline decides
    QUIET_PRICE = 2
    QUIET_VOLUME = 3
    NO_TRADES = 4
    SPLIT_GAP = 5
    IMPOSSIBLE = 6


TO_TIMELINE = (Verdict.CANDIDATE, Verdict.UNKNOWN)
QUARANTINED = (Verdict.SPLIT_GAP, Verdict.IMPOSSIBLE)


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One row per daily bar, symbols one after the other, oldest first. nan: not known."""

    symbols: tuple[str, ...]
    symbol: npt.NDArray[np.int64]  # [n] row of `symbols`
    date: npt.NDArray[np.int32]  # [n] yyyymmdd
    move: Floats  # [n] the larger of (high - low) and (high - previous close), over the previous close
    gap: Floats  # [n] open / previous close - 1
    rvol: Floats  # [n] volume against the mean of <= 20 previous sessions, splits found here taken out
    raw_rvol: Floats  # [n] the same in raw shares: what a gap is believed by
    verdict: npt.NDArray[np.int8]  # [n] Verdict

    def key(self, row: int) -> tuple[str, dt.date]:
        """Symbol and date of a row."""
        day = int(self.date[row])
        return self.symbols[self.symbol[row]], dt.date(day // 10_000, day // 100 % 100, day % 100)

    def why(self, row: int, config: ScannerConfig) -> str:
        """The verdict on `row` in words."""
        move, rvol, gap = float(self.move[row]), float(self.rvol[row]), float(self.gap[row])
        texts = {
            Verdict.CANDIDATE: f"daily range {move:.0%}, volume {rvol:.1f}x its mean",
            Verdict.UNKNOWN: "no previous daily bar to compare with",
            Verdict.QUIET_PRICE: f"daily range {move:.1%} is below {config.candidate_min_range:.0%}",
            Verdict.QUIET_VOLUME: f"daily volume {rvol:.2f}x its mean is below {config.candidate_min_rvol:g}x",
            Verdict.NO_TRADES: "no trades in the daily bar",
            Verdict.SPLIT_GAP: f"gap {gap:+.0%} with {self.raw_rvol[row]:.1f}x the usual share volume looks like a "
            f"reverse split of about 1:{1 + gap:.0f}; needs split data",
            Verdict.IMPOSSIBLE: "impossible daily bar (high below low, or a price that is not positive)",
        }
        return texts[Verdict(int(self.verdict[row]))]


def screen(bars: Mapping[str, npt.NDArray[Any]], config: ScannerConfig) -> Screen:
    """Judge every daily bar (DAILY_BAR arrays by symbol, oldest first) against `config`."""
    symbols = tuple(bars)
    lengths = np.array([len(bars[s]) for s in symbols], np.int64)
    table = np.concatenate([bars[s] for s in symbols]) if symbols else np.zeros(0, DAILY_BAR)
    symbol = np.repeat(np.arange(len(symbols)), lengths)
    start = np.repeat(np.concatenate([[0], np.cumsum(lengths)[:-1]]) if symbols else lengths, lengths)
    age = np.arange(len(table)) - start  # previous bars of the same symbol
    possible = (table["low"] > 0) & (table["high"] >= table["low"]) & (table["open"] > 0) & (table["close"] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        before = np.where(age > 0, np.roll(np.where(possible, table["close"], np.nan), 1), np.nan)
        gap = table["open"] / before - 1
        top = np.maximum(table["high"] - table["low"], table["high"] - before)
        move = np.where(np.isnan(before), np.nan, top / before)
        raw = table["volume"] / _mean_before(table["volume"], age, np.ones(len(table)))
        split = (gap >= config.quarantine_gap) & (raw < config.trigger.min_rvol)
        logs = np.cumsum(np.where(split, np.log1p(np.where(split, gap, 0.0)), 0.0))
        units = np.exp(logs - logs[start]) if len(table) else logs
        rvol = table["volume"] / _mean_before(table["volume"], age, units)
    verdict = np.select(
        [
            ~possible,
            table["volume"] <= 0,
            split,
            move < config.candidate_min_range,
            rvol < config.candidate_min_rvol,
            np.isnan(move) | np.isnan(rvol),
        ],
        [
            Verdict.IMPOSSIBLE,
            Verdict.NO_TRADES,
            Verdict.SPLIT_GAP,
            Verdict.QUIET_PRICE,
            Verdict.QUIET_VOLUME,
            Verdict.UNKNOWN,
        ],
        Verdict.CANDIDATE,
    ).astype(np.int8)
    return Screen(
        symbols=symbols,
        symbol=symbol,
        date=table["date"],
        move=move,
        gap=gap,
        rvol=rvol,
        raw_rvol=raw,
        verdict=verdict,
    )


def _mean_before(volume: Floats, age: npt.NDArray[np.int64], units: Floats) -> Floats:
    """Mean volume of the <= 20 bars before each, in shares of that bar's own day; nan where there is none.

    `units` [n]: product of the split ratios of the symbol up to each bar.
    """
    total = np.concatenate([[0.0], np.cumsum(volume * units)])
    rows = np.arange(len(volume))
    count = np.minimum(age, MEAN_SESSIONS)
    mean = np.where(count > 0, (total[rows] - total[rows - count]) / np.maximum(count, 1) / units, np.nan)
    return np.where(mean > 0, mean, np.nan)
