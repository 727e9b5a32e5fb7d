"""Speed of the scan's first stage."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.compose import load_config
from config.schema import ScannerConfig
from data.layout import DAILY_BAR
from data.scanner.daily import MEAN_SESSIONS, screen
from scripts.bench.registry import Figure, benchmark, seconds
from utils.seeding import stream

SYMBOLS, SESSIONS = 5_000, 250
ROUNDS = 5
Bars = Mapping[str, npt.NDArray[Any]]


def universe(symbols: int) -> Bars:
    """Daily bars of that many made-up stocks over a year; now and then a momentum day or a reverse split."""
    rng = stream(0, "bench", "daily")
    shape = (symbols, SESSIONS)
    steps = rng.normal(0, 0.03, shape) + np.where(rng.random(shape) < 0.005, rng.uniform(0, 1, shape), 0)
    splits = np.where(rng.random(shape) < 0.001, np.log(10.0), 0.0)
    bars = np.zeros(shape, DAILY_BAR)
    bars["date"] = 20_250_000 + np.arange(SESSIONS)
    bars["close"] = 5 * np.exp(np.cumsum(steps + splits - 0.003, axis=1))
    bars["open"] = bars["close"] * np.exp(rng.normal(0, 0.01, shape))
    bars["high"] = np.maximum(bars["open"], bars["close"]) * (1 + rng.exponential(0.02, shape))
    bars["low"] = np.minimum(bars["open"], bars["close"]) / (1 + rng.exponential(0.02, shape))
    bars["volume"] = np.exp(rng.normal(13, 1, shape) - splits) * np.where(steps > 0.1, 20, 1)
    return {f"S{number}": rows for number, rows in enumerate(bars)}


def _by_symbol(bars: Bars, config: ScannerConfig) -> int:
    """Candidates as pandas finds them, one symbol after the other; not even splits are looked for."""
    found = 0
    for rows in bars.values():
        frame = pd.DataFrame(rows)
        before = frame["close"].shift()
        usual = frame["volume"].shift().rolling(MEAN_SESSIONS, min_periods=1).mean()
        move = np.maximum(frame["high"] - frame["low"], frame["high"] - before) / before
        rvol = frame["volume"] / usual
        found += int(((move >= config.candidate_min_range) & (rvol >= config.candidate_min_rvol)).sum())
    return found


@benchmark("scan.stage1_s")
def stage1(quick: bool) -> list[Figure]:
    """stage 1 of the scan on a year of daily bars of 5,000 symbols in memory, against pandas symbol by symbol."""
    config = load_config("scan", []).scanner
    bars = universe(SYMBOLS)
    screen(bars, config)
    ours = statistics.median(seconds(lambda: screen(bars, config)) for _ in range(ROUNDS))
    few = SYMBOLS // (20 if quick else 5)
    part = {name: bars[name] for name in list(bars)[:few]}
    pandas = seconds(lambda: _by_symbol(part, config)) * SYMBOLS / few
    return [Figure("scan.stage1_s", ours, "s", pandas, pandas / ours)]
