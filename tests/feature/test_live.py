"""A day that grows second by second has the bits of the finished one."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from config.schema import FeatureConfig
from data.layout import SECONDS
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES
from feature.live import LiveFeatures
from tests.support.made_day import random_day
from tests.support.rich_day import rich_day

BLOCK, ALONE = 900, 150
"""Seconds: of each quarter of an hour, at least so many come one by one."""


@pytest.mark.parametrize("day", [rich_day(), random_day(11, quote_every_s=40.0)], ids=["rich", "sparse"])
def test_second_by_second_equals_the_whole_day_bitwise(day: MarketDay, tmp_path: Path) -> None:
    extractor = FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), tmp_path)
    whole = extractor.build(day)
    live = LiveFeatures(extractor, day)
    rng = np.random.default_rng(0)
    looks = set(rng.integers(0, SECONDS, 400).tolist())
    for begin in range(0, SECONDS, BLOCK):
        alone = begin + int(rng.integers(ALONE, 2 * ALONE))  # one by one up to here, the rest of the block at once
        for second in range(begin, alone):
            live.append(day.bars[second], day.market[second])
            if second in looks:
                seen = live.day()
                assert (len(seen.hf), len(seen.mf)) == (second + 1, (second + 1) // 60)
                ours, theirs = seen.window(second), whole.window(second)
                assert all(ours[branch].tobytes() == theirs[branch].tobytes() for branch in BRANCHES)
        live.extend(day.bars[alone : begin + BLOCK], day.market[alone : begin + BLOCK])
    assert live.seconds == SECONDS
    for branch in BRANCHES:
        assert getattr(live.day(), branch).tobytes() == getattr(whole, branch).tobytes()


def test_a_day_joined_under_way_equals_the_whole_day_bitwise(tmp_path: Path) -> None:
    """What had happened comes at once, in blocks of any length, the rest second by second."""
    extractor = FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), tmp_path)
    day = rich_day()
    whole, live = extractor.build(day), LiveFeatures(extractor, day)
    edges = [0, 1, 899, 25_130, 25_130, 40_000]
    for begin, end in itertools.pairwise(edges):
        live.extend(day.bars[begin:end], day.market[begin:end])
        seen = live.day()
        assert (live.seconds, len(seen.static), len(seen.mf)) == (end, end, end // 60)
    for second in range(edges[-1], edges[-1] + 200):
        live.append(day.bars[second], day.market[second])
    seen = live.day()
    for branch in BRANCHES:
        table = getattr(seen, branch)
        assert table.tobytes() == getattr(whole, branch)[: len(table)].tobytes()
