"""No feature knows the future: whatever happens after second t, what was computed for the seconds before it stands.

The future is multiplied by 7 (at rows with a trade, where a one-row leak shows at once), replaced by noise, by NaN, or
by silence as if the data ended there. A feature that looks ahead on purpose must be caught by the very same check.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from config.schema import FeatureConfig
from data.layout import SECONDS, Bar
from data.market_day import MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES, FeatureDay
from feature.registry import Feature, feature, soft, temporary_features
from tests.support.rich_day import rich_day
from utils.jit import njit
from utils.seeding import stream

FUTURES = ("sevenfold", "noise", "nan", "silence")


def with_future(day: MarketDay, cut: int, kind: str, rng: np.random.Generator) -> MarketDay:
    """`day` with everything that arrived from second `cut` on replaced."""
    bars, market = day.bars.copy(), day.market.copy()
    quotes, trades, halts = day.quotes.copy(), day.trades.copy(), day.halts.copy()
    later_quotes, later_trades = quotes[day.quote_rows[cut] :], trades[day.trade_rows[cut] :]
    if kind == "sevenfold":
        bars[cut:] *= 7.0
        market[cut:] *= 7.0
    elif kind == "noise":
        bars[cut:] = rng.normal(0, 1e3, bars[cut:].shape)
        market[cut:] = rng.normal(0, 1e3, market[cut:].shape)
    else:
        bars[cut:] = market[cut:] = np.nan if kind == "nan" else 0.0
    later_quotes["bid"] *= 7
    later_quotes["bid_size"] *= 7
    later_trades["price"] *= 7
    later_trades["side"] *= -1
    halts["end_ns"] += 7
    return replace(day, bars=bars, market=market, quotes=quotes, trades=trades, halts=halts)


def leaks(extractor: FeatureExtractor, plain: FeatureDay, changed: FeatureDay, cut: int) -> set[str]:
    """Names of features with a value that was known before `cut` and is not bitwise the same."""
    known = {"hf": cut, "static": cut, "mf": cut // 60, "lf": plain.lf.shape[0]}
    found: set[str] = set()
    for branch in BRANCHES:
        before, after = (_bits(getattr(d, branch)[: known[branch]]) for d in (plain, changed))
        for column in np.flatnonzero((before != after).any(axis=0)):
            found.add(extractor.schema.names[branch][column])
    return found


def _bits(table: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    return np.ascontiguousarray(table).view(np.int32)


def cuts(day: MarketDay, rng: np.random.Generator) -> list[int]:
    """Seconds with a trade, uniform ones, and a minute's first second."""
    traded = np.flatnonzero(day.bars[:, Bar.HAS_TRADE])
    return [*rng.choice(traded, 3).tolist(), *rng.integers(1, SECONDS, 2).tolist(), 60 * int(rng.integers(20, 900))]


def all_leaks(cache: Path, kind: str, seed: int) -> set[str]:
    day, rng = rich_day(), stream(seed, "causality", kind)
    extractor = FeatureExtractor(FeatureConfig(families=[], exclude=[], windows={}), cache)
    plain = extractor.build(day)
    found: set[str] = set()
    for cut in cuts(day, rng):
        found |= leaks(extractor, plain, extractor.build(with_future(day, cut, kind, rng)), cut)
    return found


@pytest.mark.parametrize("kind", FUTURES)
def test_no_registered_feature_knows_the_future(kind: str, tmp_path: Path) -> None:
    assert all_leaks(tmp_path, kind, seed=1) == set()


@njit
def next_second_nb(log_mid, first, stop, out):
    for t in range(first, stop):
        out[t] = log_mid[t + 1] - log_mid[t] if t + 1 < out.shape[0] else 0.0


@njit
def whole_day_nb(volume, first, stop, out):
    most = volume.max()
    for t in range(first, stop):
        out[t] = volume[t] / most


@njit
def unfinished_minute_nb(close, first, stop, out):
    for m in range(first, stop):
        out[m] = close[min(m + 1, out.shape[0] - 1)] / close[m] - 1.0


def planted(name: str, branch: str, source: str, scale: float) -> Feature:
    normalise = soft(scale)
    return Feature(
        name=name, branch=branch, family="planted", formula="-", inputs=(source,), units="1", normalise=normalise
    )


@pytest.mark.parametrize("kind", FUTURES)
def test_planted_look_ahead_is_caught(kind: str, tmp_path: Path) -> None:
    with temporary_features():
        feature(planted("ahead", "hf", "log_mid", 1e-4))(next_second_nb)
        feature(planted("maximum", "static", "bar.volume", 1.0))(whole_day_nb)
        feature(planted("minute", "mf", "minute.close", 1e-3))(unfinished_minute_nb)
        found = all_leaks(tmp_path, kind, seed=1)
    # zeros after the cut leave a maximum that lies before it
    assert found >= ({"ahead", "minute"} if kind == "silence" else {"ahead", "minute", "maximum"})
    assert found <= {"ahead", "minute", "maximum"}
