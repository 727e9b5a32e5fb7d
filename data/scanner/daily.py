"""Stage 1 of the scan: daily bars of all symbols at once choose the days whose timeline is worth building.

A pre-filter, not a judgement. A whole day's range and volume are hindsight, and a day that spiked early and then died
fails them: a filter by them alone would hide from every backtest the faders that a live scanner did show. So a day on
which the ex-ante trigger *could* have come is a candidate whatever its volume. Daily bars are raw, hence the search for
gaps that are splits.
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
from data.calendar import numbered_date
from data.corporate_actions import looks_split
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
    OTHER_COMPANY = 7  # so large a gap that even volume does not support it


TO_TIMELINE = (Verdict.CANDIDATE, Verdict.UNKNOWN)
GAPS = (Verdict.SPLIT_GAP, Verdict.OTHER_COMPANY)
"""May be explained by a split that is known."""
QUARANTINED = (*GAPS, Verdict.IMPOSSIBLE)


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
        return self.symbols[self.symbol[row]], numbered_date(int(self.date[row]))

    def why(self, row: int, config: ScannerConfig, known: float = 1.0) -> str:
        """The verdict on `row` in words; `known`: the factor that was applied to the previous bar."""
        move, rvol, verdict = float(self.move[row]), float(self.rvol[row]), Verdict(int(self.verdict[row]))
        if verdict == Verdict.SPLIT_GAP:
            return self._split_text(row, config, known)
        texts = {
            Verdict.CANDIDATE: f"daily range {move:.0%}, volume {rvol:.1f}x its mean",
            Verdict.UNKNOWN: "no previous daily bar to compare with",
            Verdict.QUIET_PRICE: f"daily range {move:.1%} is below {config.candidate_min_range:.0%}",
            Verdict.QUIET_VOLUME: f"daily volume {rvol:.2f}x its mean is below {config.candidate_min_rvol:g}x",
            Verdict.NO_TRADES: "no trades in the daily bar",
            Verdict.OTHER_COMPANY: f"gap {float(self.gap[row]):+.0%}: no stock does that overnight, so the bars before "
            "it are those of another company under the same ticker, or wrong",
            Verdict.IMPOSSIBLE: "impossible daily bar (high below low, or a price that is not positive)",
        }
        return texts[verdict]

    def _split_text(self, row: int, config: ScannerConfig, known: float) -> str:
        gap, raw = float(self.gap[row]), float(self.raw_rvol[row])
        few = raw < config.trigger.min_rvol
        support = (
            f"{raw:.1f}x the usual share volume" if few else f"under ${config.trigger.min_dollar_volume:,.0f} traded"
        )
        return f"gap {gap:+.0%} with {support} {looks_split(*self.key(row), (1 + gap) * known)}"


def screen(bars: Mapping[str, npt.NDArray[Any]], config: ScannerConfig) -> Screen:
    """Judge every daily bar (DAILY_BAR arrays by symbol, oldest first) against `config`.

    A gap is taken for a reverse split if it is large and the volume, in shares or in dollars, is not that of a stock
    in play, or if it is not so large but came with less than the usual volume: nobody doubles the price of a stock by
    leaving it alone. A gap of `quarantine_any_gap` is taken for no stock's, whatever the volume: tickers are reused.
    """
    symbols = tuple(bars)
    lengths = np.array([len(bars[s]) for s in symbols], np.int64)
    table = np.concatenate([bars[s] for s in symbols]) if symbols else np.zeros(0, DAILY_BAR)
    date, opened, high, low, close, volume = (np.ascontiguousarray(table[name]) for name in DAILY_BAR.names or ())
    symbol = np.repeat(np.arange(len(symbols)), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    age = np.arange(len(table)) - first  # previous bars of the same symbol
    possible = (low > 0) & (high >= low) & (opened > 0) & (close > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        before = np.where(age > 0, np.roll(np.where(possible, close, np.nan), 1), np.nan)
        gap = opened / before - 1
        move = np.maximum(high - low, high - before) / before
        raw = volume / _mean_before(volume, age)
        thin = (raw < config.trigger.min_rvol) | (high * volume < config.trigger.min_dollar_volume)
        split = (gap >= config.quarantine_gap) & thin
        split |= (gap >= config.quarantine_quiet_gap) & (raw < 1)
        rvol = raw.copy()
        mended = np.isin(symbol, symbol[split])  # few symbols
        units = _units(gap, split, first)[mended]
        rvol[mended] = volume[mended] / _mean_in_units(volume[mended], age[mended], units)
    could_trigger = (
        (high >= before * (1 + config.trigger.min_gain))
        & (high >= config.trigger.min_price)
        & (low <= config.trigger.max_price)
        & (high * volume >= config.trigger.min_dollar_volume)
    )
    verdict = np.full(len(table), Verdict.CANDIDATE, np.int8)  # the last that applies stands
    verdict[np.isnan(move) | np.isnan(raw)] = Verdict.UNKNOWN
    verdict[rvol < config.candidate_min_rvol] = Verdict.QUIET_VOLUME
    verdict[move < config.candidate_min_range] = Verdict.QUIET_PRICE
    verdict[could_trigger] = Verdict.CANDIDATE
    verdict[gap >= config.quarantine_any_gap] = Verdict.OTHER_COMPANY
    verdict[split] = Verdict.SPLIT_GAP
    verdict[volume <= 0] = Verdict.NO_TRADES
    verdict[~possible] = Verdict.IMPOSSIBLE
    return Screen(
        symbols=symbols,
        symbol=symbol,
        date=date,
        move=move,
        gap=gap,
        rvol=rvol,
        raw_rvol=raw,
        verdict=verdict,
    )


def _units(gap: Floats, split: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]) -> Floats:
    """[n] product of the ratios of the symbol's splits up to each bar; `first`: row of the symbol's first bar."""
    logs = np.cumsum(np.log1p(np.where(split, gap, 0.0)))
    return np.exp(logs - logs[first])


def _mean_before(volume: Floats, age: npt.NDArray[np.int64]) -> Floats:
    """Mean volume of the <= 20 bars before each; nan where there is none. Exact: sums of whole shares."""
    total = np.concatenate([[0.0], np.cumsum(volume)])
    count = np.minimum(age, MEAN_SESSIONS)
    rows = np.arange(len(volume))
    mean = (total[rows] - total[rows - count]) / count
    return np.where(mean > 0, mean, np.nan)


def _mean_in_units(volume: Floats, age: npt.NDArray[np.int64], units: Floats) -> Floats:
    """`_mean_before` in shares of each bar's own day: a share of a bar with `units` 1 is 1 / 10 of one with 10.

    Bar by bar, as running sums of fractions would round differently with every other symbol beside it.
    """
    total = np.zeros(len(volume))
    for lag in range(1, min(MEAN_SESSIONS, len(volume) - 1) + 1):
        there = np.flatnonzero(age >= lag)
        total[there] += volume[there - lag] * (units[there - lag] / units[there])
    mean = total / np.minimum(age, MEAN_SESSIONS)
    return np.where(mean > 0, mean, np.nan)
