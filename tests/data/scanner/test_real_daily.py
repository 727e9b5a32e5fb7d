"""The whole market of 2016-2017: stage 1 against a plain polars query, and its largest moves as a golden table.

    FX_WRITE_GOLDEN=1 python -m pytest tests/data/scanner/test_real_daily.py

writes the table anew; look at the difference before you commit it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from config.schema import ScannerConfig
from data.databento_provider import DatabentoProvider
from data.scanner.daily import QUARANTINED, TO_TIMELINE, Screen, Verdict, screen
from tests.support.configs import load_config

GOLDEN = Path(__file__).parent / "golden" / "top50.csv"
Bars = Mapping[str, npt.NDArray[Any]]


@pytest.fixture(scope="module")
def config() -> ScannerConfig:
    return load_config("scan", []).scanner


@pytest.fixture(scope="module")
def bars(daily_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bars:
    cache = str(tmp_path_factory.mktemp("daily"))
    provider = DatabentoProvider(daily_folder, dataclasses.replace(load_config("scan", []).data, cache=cache))
    return {name: provider.daily(name) for name in provider.symbols()}


@pytest.fixture(scope="module")
def found(bars: Bars, config: ScannerConfig) -> Screen:
    return screen(bars, config)


def query(bars: Bars, config: ScannerConfig) -> pl.DataFrame:
    """Symbol-days whose timeline is to be looked at, as one would ask for them without thinking of speed."""
    rows = np.concatenate(list(bars.values()))
    names = [name for name, table in bars.items() for _ in range(len(table))]
    frame = pl.DataFrame({name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()})
    frame = frame.with_columns(symbol=pl.Series(names)).sort("symbol", "date", maintain_order=True)
    c = pl.col
    trigger = config.trigger
    mean = c("volume").shift(1).rolling_mean(20, min_samples=1).over("symbol")
    frame = frame.with_columns(before=c("close").shift(1).over("symbol"), raw=c("volume") / mean)
    frame = frame.with_columns(gap=c("open") / c("before") - 1, dollars=c("high") * c("volume"))
    large = (c("gap") >= config.quarantine_gap) & ((c("raw") < trigger.min_rvol) | (c("dollars") < 1e6))
    split = (large | ((c("gap") >= config.quarantine_quiet_gap) & (c("raw") < 1))).fill_null(value=False)
    frame = frame.with_columns(split=split)
    factor = pl.when(c("split")).then(c("gap") + 1).otherwise(1.0).cum_prod().over("symbol")
    frame = frame.with_columns(factor=factor).with_columns(new_shares=c("volume") * c("factor"))
    mean = c("new_shares").shift(1).rolling_mean(20, min_samples=1).over("symbol")
    frame = frame.with_columns(rvol=(c("new_shares") / mean).round(9))  # 2.0 is to stay 2.0
    span = pl.max_horizontal(c("high") - c("low"), c("high") - c("before")) / c("before")
    busy = (span >= config.candidate_min_range) & (c("rvol") >= config.candidate_min_rvol)
    hot = (c("high") >= 1.1 * c("before")) & (c("high") >= 1) & (c("low") <= 20) & (c("dollars") >= 1e6)
    wanted = (busy | hot) & ~c("split") & (c("gap") < config.quarantine_any_gap) | c("before").is_null()
    return frame.filter(wanted & (c("volume") > 0) & (c("low") > 0) & (c("high") >= c("low")))


def test_finds_what_a_plain_query_finds(bars: Bars, found: Screen, config: ScannerConfig) -> None:
    asked = query(bars, config).select("symbol", "date")
    expected = set(asked.iter_rows())
    rows = np.flatnonzero(np.isin(found.verdict, TO_TIMELINE))
    got = {(found.symbols[found.symbol[row]], int(found.date[row])) for row in rows.tolist()}
    assert got == expected
    assert len(found.date) > 1_800_000
    assert len(expected) > 40_000


def top(found: Screen, config: ScannerConfig, count: int) -> str:
    """The largest moves with what was said of them, as CSV."""
    order = np.argsort(-np.nan_to_num(found.move, nan=-1.0), kind="stable")[:count]
    lines = ["rank,symbol,date,move,gap,raw_rvol,verdict,reason"]
    for rank, row in enumerate(order.tolist(), 1):
        symbol, date = found.key(row)
        numbers = f"{found.move[row]:.4f},{found.gap[row]:.4f},{found.raw_rvol[row]:.3f}"
        verdict = Verdict(int(found.verdict[row])).name.lower()
        lines.append(f'{rank},{symbol},{date},{numbers},{verdict},"{found.why(row, config)}"')
    return "\n".join(lines) + "\n"


def test_largest_moves_of_the_whole_market(found: Screen, config: ScannerConfig) -> None:
    """All fifty are splits that the bars do not know of, and one ticker that changed hands."""
    made = top(found, config, 50)
    if os.environ.get("FX_WRITE_GOLDEN") == "1":
        GOLDEN.write_text(made)
    assert made == GOLDEN.read_text()
    verdicts = pl.read_csv(GOLDEN)["verdict"]
    assert set(verdicts) <= {verdict.name.lower() for verdict in QUARANTINED}
    assert len(verdicts) == 50


def test_largest_moves_that_are_left_came_with_volume(found: Screen, config: ScannerConfig) -> None:
    left = np.flatnonzero(found.verdict == Verdict.CANDIDATE)
    best = left[np.argsort(-found.move[left], kind="stable")][:50]
    gaps = best[found.gap[best] >= config.quarantine_gap]
    assert (found.raw_rvol[gaps] >= config.trigger.min_rvol).all()
    assert ("TBRA", 20_160_920) in {(found.symbols[found.symbol[row]], int(found.date[row])) for row in best.tolist()}
