"""Real days: trained on two, backtested on the third, by the documented command and nothing else."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.calendar import session
from data.data_manager import open_data
from data.layout import SECOND_NS, Bar, Market
from main import main
from simulators.timeline import build_day
from tests.support.configs import load_config
from tests.support.small_market import places, tiny_training


@pytest.mark.slow
def test_two_days_of_training_and_a_backtest_on_the_third(lean_folder: Path, tmp_path: Path) -> None:
    """AIG, BAC and IBM, 7-9 October 2013."""
    overrides = [*places(tmp_path), *tiny_training(), f"data.folder={lean_folder}", "env.decision_interval_s=30"]
    assert main(["--config", "any_stock", *overrides]) == 0
    about = json.loads((tmp_path / "models" / "v1" / "metadata.json").read_text())
    assert about["split"] == {"train": ["2013-10-07", "2013-10-08"], "validation": [], "test": ["2013-10-09"]}
    assert about["synthetic"] is False
    assert len(about["days"]) == 6
    run = next((tmp_path / "runs").iterdir())
    days = pl.read_csv(run / "days.csv")
    assert days["symbol"].to_list() == ["AIG", "BAC", "IBM"]
    paid = days["half_spread"] + days["impact"] + days["latency"] + days["fees"]
    np.testing.assert_allclose(days["gross"] - paid, days["agent"], rtol=0, atol=0.005)
    assert (days["half_spread"] + days["impact"] >= 0).all()
    assert "synthetic market" not in (run / "report.html").read_text()
    fills = pl.read_parquet(run / "fills.parquet")
    assert (fills["fees"] >= 0).all()


@pytest.mark.parametrize("symbol", ["AIG", "BAC", "IBM"])
def test_no_halts_are_found_where_there_were_none(symbol: str, lean_folder: Path, tmp_path: Path) -> None:
    """Calm days of large companies, no status schema: no halt, even if six minutes of records are taken out."""
    config = load_config("any_stock", ["data.source=files", f"data.folder={lean_folder}", f"data.cache={tmp_path}"])
    data = open_data(config.data, config.sample, config.timeline)
    tiers = [(replace(config.timeline, tier1=["AIG", "BAC", "IBM"]), 0.05), (config.timeline, 0.10)]
    for number in (7, 8, 9):
        clock = session(dt.date(2013, 10, number))
        context = data.context(symbol, clock.date)
        schema, chunks = data.events(symbol, clock.date)
        records = np.concatenate([chunk.copy() for chunk in chunks])
        second = (records["ts_recv"].astype("i8") - clock.start_ns) // SECOND_NS
        gap = clock.open_s + 7_200 + 1_000 * number
        interrupted = records[(second < gap) | (second >= gap + 360)]
        for (timeline, width), kept in itertools.product(tiers, (records, interrupted)):
            day = build_day(clock, symbol, schema, [kept], None, context, timeline)
            market = day["market"]
            assert len(day["halts"]) == 0 and not day["bars"][:, Bar.HALTED].any()
            assert not market[:, Market.LIMIT_STATE].any() and not market[:, Market.SSR].any()
            low, high = market[clock.open_s + 3_600, [Market.LULD_LOW, Market.LULD_HIGH]]
            assert (high - low) / (high + low) == pytest.approx(width, abs=1e-3)
