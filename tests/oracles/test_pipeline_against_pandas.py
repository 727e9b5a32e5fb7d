"""File to features, twice: the product, and databento's `to_df` with pandas. On a real day they agree to the last digit
that float32 keeps: books, flow, initiators and ages as well as every feature that both compute.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from data.data_manager import open_data
from data.layout import Bar
from feature.extractor import FeatureExtractor
from scripts.bench.pandas_pipeline import DayFacts, features, read_seconds
from simulators.market_simulator import MarketSimulator
from tests.support.configs import load_config

DATE = dt.date(2013, 10, 9)
NOT_IN_PANDAS = {Bar.SPREAD_TW, Bar.HALTED}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # databento's use of pandas, logarithms of unknown values
def test_a_real_day_is_the_same_both_ways(lean_folder: Path, tmp_path: Path) -> None:
    folder, cache = f"data.folder={lean_folder}", f"data.cache={tmp_path}"
    config = load_config("quick", ["data.source=files", folder, cache])
    data = open_data(config.data, config.sample, config.timeline)
    day = MarketSimulator(data, config.timeline, tmp_path).build("AIG", DATE)
    seconds = read_seconds(lean_folder / "equs-mini-20131009.mbp-1.dbn.zst", "AIG", DATE)
    for column in Bar:
        if column not in NOT_IN_PANDAS:
            theirs = seconds[column.name.lower()].to_numpy()
            np.testing.assert_allclose(day.bars[:, column], theirs, rtol=1e-12, atol=1e-7, err_msg=column.name)
    extractor = FeatureExtractor(config.feature, tmp_path)
    built = extractor.build(day)
    facts = DayFacts(day.previous_close, day.open_s, day.close_s, day.end_s, day.daily, day.clock_volume)
    tables = features(seconds, facts)
    for branch, table in tables.items():
        for name in set(table) & set(extractor.schema.names[branch]):
            ours = getattr(built, branch)[:, extractor.schema.names[branch].index(name)]
            np.testing.assert_allclose(ours, table[name], atol=2e-5, err_msg=name)
