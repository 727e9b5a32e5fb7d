"""Halts, bands, limit states and short-sale restriction as the agent sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from config.schema import FeatureConfig
from data.layout import Market
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.families.market_state import recency_nb, room_nb
from tests.simulators.test_market_kernels import OPEN, START, built, context, trade
from tests.support.made_day import made_day
from tests.support.wire import python_of, status

Floats = npt.NDArray[np.float32]
BOOK = [(OPEN - 10.0, 7.99, 8.01, 100, 100)]


@pytest.fixture
def extractor(tmp_path: Path) -> FeatureExtractor:
    return FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), tmp_path)


def column(extractor: FeatureExtractor, day: MarketDay, name: str) -> Floats:
    return extractor.build(day).static[:, extractor.schema.names["static"].index(name)]


def test_room_to_the_bands(extractor: FeatureExtractor) -> None:
    """Mid 8.00, bands 7.20 and 8.80: ten percent either way; neutral without bands."""
    day = made_day(BOOK)
    market = day.market.copy()
    market[OPEN : OPEN + 100, [Market.LULD_LOW, Market.LULD_HIGH]] = 7.2, 8.8
    market[OPEN + 100 : OPEN + 200, [Market.LULD_LOW, Market.LULD_HIGH]] = 0.0, 8.0
    day = replace(day, market=market)
    up, down = column(extractor, day, "room_up"), column(extractor, day, "room_down")
    soft = 2 / np.sqrt(1 + (2 / 5) ** 2)  # 0.10 / 0.05
    assert up[OPEN] == pytest.approx(soft) and down[OPEN] == pytest.approx(soft)
    assert not up[: OPEN - 1].any() and not up[OPEN + 100 :].any() and not down[OPEN + 100 :].any()
    out = np.empty(3)
    for kernel in (room_nb, python_of(room_nb)):
        kernel(np.array([8.0, 8.0, 9.0]), np.array([np.inf, 8.8, 8.8]), 1.0, 0, 3, out)
        np.testing.assert_allclose(out, [0.0, 0.1, -0.2 / 9.0])


def test_seconds_since_a_halt(extractor: FeatureExtractor) -> None:
    day = made_day(BOOK, halts=[(OPEN + 100, OPEN + 400)])
    halt, resume = column(extractor, day, "since_halt"), column(extractor, day, "since_resume")
    assert not halt[: OPEN + 100].any() and not resume[: OPEN + 399].any()
    assert halt[OPEN + 100] == pytest.approx(300 / 301) and halt[OPEN + 399] == pytest.approx(0.5)
    assert resume[OPEN + 399] == 1.0 and resume[OPEN + 699] == pytest.approx(0.5) and halt[-1] > 0.007
    out = np.empty(3)
    for kernel in (recency_nb, python_of(recency_nb)):
        kernel(np.array([0.0, 300.0, 1e9]), 300, 0, 3, out)
        assert out.tolist() == [1.0, 0.5, 0.0]


def test_states_of_a_built_day(extractor: FeatureExtractor) -> None:
    """A bid at the upper band, the pause it leads to, and a fall by more than a tenth below the previous close."""
    rows = [
        trade(OPEN, 8.0),
        (OPEN + 50, "A", (8.80, None, 100, 0)),
        trade(OPEN + 400, 9.0),
        (OPEN + 401, "A", (7.1, 7.2, 100, 100)),
        trade(OPEN + 500, 7.2),
    ]
    told = status(START, [(OPEN + 65, 9, 50), (OPEN + 399, 7, 50)])
    market = built(rows, told, context(8.0))["market"]
    day = replace(made_day(BOOK), market=market)
    limit, restricted = column(extractor, day, "limit_state"), column(extractor, day, "short_sale_restricted")
    assert np.flatnonzero(limit == 1).tolist() == list(range(OPEN + 50, OPEN + 65))
    assert np.flatnonzero(limit == -1)[0] == OPEN + 401
    assert not restricted[: OPEN + 500].any() and restricted[OPEN + 500 :].all()
