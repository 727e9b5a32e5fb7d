"""The features against the same formulas written with pandas: independent code, equal numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from config.schema import FeatureConfig
from data.layout import Market
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES
from scripts.bench.pandas_pipeline import DayFacts, features, seconds_of
from tests.support.made_day import random_day
from tests.support.rich_day import rich_day


def facts_of(day: MarketDay) -> DayFacts:
    return DayFacts(day.previous_close, day.open_s, day.close_s, day.end_s, day.daily, day.clock_volume)


@pytest.mark.parametrize("day", [rich_day(), random_day(11, quote_every_s=40.0)], ids=["rich", "sparse"])
def test_every_branch_equals_pandas(day: MarketDay, tmp_path: Path) -> None:
    extractor = FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), tmp_path)
    built = extractor.build(day)
    tables = features(seconds_of(day.bars, day.market[:, Market.QUOTE_AGE]), facts_of(day))
    compared = 0
    for branch in BRANCHES:
        for name in tables[branch]:
            ours = getattr(built, branch)[:, extractor.schema.names[branch].index(name)]
            theirs = tables[branch][name].to_numpy()
            worst = int(np.abs(ours - theirs).argmax())
            # 2e-5: pandas' online rolling sums of tiny squares lose digits that prefix sums keep
            assert abs(ours[worst] - theirs[worst]) < 2e-5, f"{name} row {worst}: {ours[worst]} {theirs[worst]}"
            compared += 1
    assert compared >= 65
